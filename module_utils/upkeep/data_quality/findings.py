# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings that checks of several kinds have."""

from __future__ import annotations

import math

from ..findings import Finding
from .check import DataCheck

#: Rows may carry a time that lies this many seconds ahead of the server's clock.
CLOCK_SKEW = 300.0


def not_checked(check: DataCheck, reason: str) -> Finding:
    """Return the finding on a check that could not be made."""
    return check.finding("unknown", f"Could not be checked: {reason}.")


def freshness(check: DataCheck, age: float | None, what: str, *, of: str = "") -> Finding:
    """Return the finding on the age (s) of the newest row: None for no row, NaN if unreadable."""
    if age is None:
        message = (
            f"There is no row of {what}, so its age is not known: check whether its writer runs."
        )
        status = "critical" if "age" in check.aspects else "unknown"
        return check.finding(status, message, aspect="age", of=of, unit="s")

    if math.isnan(age):
        message = f"The time of the newest row of {what} cannot be read: store ISO 8601 in UTC."
        return check.finding("unknown", message, aspect="age", of=of, unit="s")

    if math.isinf(age):
        message = f"The newest row of {what} has the time infinity: see who writes it."
        return check.finding("unknown", message, aspect="age", of=of, unit="s")

    if age < -CLOCK_SKEW:
        message = (
            f"The newest row of {what} is {-age:.0f} s in the future: check its writer's clock."
        )
        return check.finding("warning", message, aspect="age", of=of, observed=round(age), unit="s")

    seconds = round(max(age, 0))

    return check.measured(
        "age",
        seconds,
        f"The newest row of {what} is {seconds} s old",
        "check whether its writer still runs",
        of=of,
        unit="s",
    )
