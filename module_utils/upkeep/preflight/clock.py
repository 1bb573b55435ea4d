# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge the clock of a host against the controller's, from four readings around one exchange."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Mapping

from ..findings import Finding, Limits, Subject

_CLOCK: t.Final = Subject("host:clock")
_READINGS: t.Final = ("started", "finished")


def skew_bounds(
    sent: float, started: float, finished: float, received: float
) -> tuple[float, float]:
    """Return between which seconds the host is ahead of the controller (negative: behind).

    ``sent`` and ``received`` are read on the controller, ``started`` and ``finished`` on the host.
    The exchange takes time in both directions, so the difference on arrival is too large and the
    one on departure too small.
    """
    return finished - received, started - sent


def clock_finding(bounds: tuple[float, float], limits: Limits) -> Finding:
    """Judge the smallest skew that explains the readings, so that a slow connection is no skew."""
    low, high = bounds
    least = low if low > 0 else min(high, 0.0)
    status = limits.judge(abs(least))
    message = f"The clock is between {low:+.1f} and {high:+.1f} s from the controller's."
    if status != "ok":
        message += (
            " Ages and schedules are wrong by that much: repair time synchronisation (timedatectl "
            "timesync-status)."
        )

    return _CLOCK.finding(
        status,
        message,
        observed=round(least, 1),
        expected=limits.text,
        unit="s",
        limits=limits.numbers,
    )


def finding_of_reading(sent: float, clock: t.Any, received: float, limits: Limits) -> Finding:
    """Return the finding for what a host says of its clock; ``unknown`` when that is not a time."""
    times = [clock.get(name) if isinstance(clock, Mapping) else None for name in _READINGS]
    if not all(_is_time(value) for value in times):
        message = "The host did not return two readings of its clock, so it cannot be judged."
        return _CLOCK.finding("unknown", message, expected=limits.text, unit="s")

    started, finished = t.cast("list[float]", times)

    return clock_finding(skew_bounds(sent, started, finished, received), limits)


def _is_time(value: t.Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value < 1 << 40
