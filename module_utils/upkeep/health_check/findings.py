# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The findings that a check owes whatever happened: a row for each of its names."""

from __future__ import annotations

from collections.abc import Iterable

from ..findings import Finding, finding, worst
from .check import Check
from .kinds import KINDS

#: Statuses of a check that something else cannot depend on.
FAILED = ("critical", "unknown")


def has_failed(check_id: str, findings: Iterable[Finding]) -> bool:
    """Return whether what depends on this check cannot be judged.

    A slow answer alone does not count.
    """
    statuses = {found["check"]: found["status"] for found in findings}

    return statuses.get(check_id, worst(statuses.values())) in FAILED


def not_judged(check: Check, message: str) -> list[Finding]:
    """Return all rows of a check that was not carried out, so that no older result seems valid."""
    due = [name for name in KINDS[check.kind].names(check) if name != check.id]

    return [_named(check, name, message) for name in (check.id, *due)]


def complete(check: Check, findings: list[Finding]) -> list[Finding]:
    """Return the findings with a row for all that was due, so that no older result seems valid."""
    seen = {found["check"] for found in findings}
    due = [name for name in KINDS[check.kind].names(check) if name not in seen]
    message = f"not judged: {check.id} did not get that far"

    return findings + [_named(check, name, message) for name in due]


def with_own(check: Check, findings: list[Finding], own: Finding) -> list[Finding]:
    """Return the findings, with the check's own one in front unless it is among them."""
    has_own = any(found["check"] == check.id for found in findings)

    return findings if has_own else [own, *findings]


def _named(check: Check, name: str, message: str) -> Finding:
    return finding(name, "unknown", message, requirements=check.requirements)
