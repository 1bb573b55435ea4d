# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Failures and good answers in a row, counted over runs: one hiccup is no outage, one answer no recovery."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping

from ..findings import Finding
from .check import Check
from .kinds import KINDS


class Streak(t.NamedTuple):
    """How a check stands: ``down``, and how many results in a row have spoken ``against`` that."""

    down: bool = False
    against: int = 0


def counts(check: Check) -> bool:
    """Return whether a check asks for results to be counted."""
    return check.fall > 1 or check.rise > 1


def remembers(check: Check) -> bool:
    """Return whether a check needs anything of an earlier run."""
    return counts(check) or KINDS[check.kind].remembers(check)


def apply(check: Check, found: Finding, streak: Streak) -> tuple[Finding, Streak]:
    """Return the check's own finding as its streak makes it, and the streak after it.

    What could not be observed changes nothing: it is neither a failure nor a good answer.
    """
    status = found["status"]
    if status == "unknown":
        return found, streak
    if (status == "critical") == streak.down:
        return found, Streak(streak.down, 0)

    count = streak.against + 1
    if count >= (check.rise if streak.down else check.fall):
        return found, Streak(not streak.down, 0)
    if streak.down:
        told = f"{found['message']} (well {count} of {check.rise} times in a row, until then it counts as failed)"
        return {**found, "status": "critical", "message": told}, Streak(True, count)

    told = f"{found['message']} (failed {count} of {check.fall} times in a row, until then it is a warning)"

    return {**found, "status": "warning", "message": told}, Streak(False, count)


def soften(check: Check, found: Finding) -> Finding:
    """Return the check's own finding with the severity that its failure is to have."""
    return {**found, "status": check.severity} if found["status"] == "critical" else found


def softened(checks: Iterable[Check], found: Mapping[str, list[Finding]]) -> list[Finding]:
    """Return all findings, in the order of the checks, with the severity that each check gives its failure."""
    return [
        soften(check, one) if one["check"] == check.id else one
        for check in checks
        for one in found[check.id]
    ]
