# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Failures and good answers in a row, counted over runs.

One hiccup is not an outage, and one answer is not a recovery.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

from ..findings import Finding
from .check import Check
from .kinds import KINDS


class Streak(t.NamedTuple):
    """What a check counts as, and how many results in a row have contradicted that."""

    down: bool = False
    against: int = 0


def counts(check: Check) -> bool:
    """Return whether the results of a check are counted over runs."""
    return check.fall > 1 or check.rise > 1


def remembers(check: Check) -> bool:
    """Return whether a check needs anything of a previous run."""
    return counts(check) or KINDS[check.kind].remembers(check)


def apply(check: Check, found: Finding, streak: Streak) -> tuple[Finding, Streak]:
    """Return the check's own finding as its streak makes it, and the streak after it.

    ``unknown`` changes nothing: it is neither a failure nor a good answer.
    """
    status = found["status"]
    if status == "unknown":
        return found, streak
    if (status in _failures(check)) == streak.down:
        return found, Streak(streak.down, 0)

    count = streak.against + 1
    if count >= (check.rise if streak.down else check.fall):
        return found, Streak(not streak.down, 0)

    return _held_back(check, found, streak.down, count), Streak(streak.down, count)


def _failures(check: Check) -> tuple[str, ...]:
    """Return what counts as failed: a warning only where it is the worst that a check can be."""
    return ("warning", "critical") if check.severity == "warning" else ("critical",)


def _held_back(check: Check, found: Finding, down: bool, count: int) -> Finding:
    """Return the finding of a result that does not count yet."""
    if down:
        note = f"good {count} of {check.rise} times in a row, until then it counts as failed"
        status = check.severity
    elif check.severity == "warning":
        note = f"failed {count} of {check.fall} times in a row, until then it is only noted"
        status = "info"
    else:
        note = f"failed {count} of {check.fall} times in a row, until then it is a warning"
        status = "warning"

    return {**found, "status": status, "message": f"{found['message']} ({note})"}


def soften(check: Check, found: Finding) -> Finding:
    """Return the check's own finding with the severity that its failure is to have."""
    return {**found, "status": check.severity} if found["status"] == "critical" else found


def softened(checks: Iterable[Check], found: Mapping[str, list[Finding]]) -> list[Finding]:
    """Return all findings in the order of the checks, each with the severity of its check."""
    return [
        soften(check, one) if one["check"] == check.id else one
        for check in checks
        for one in found[check.id]
    ]
