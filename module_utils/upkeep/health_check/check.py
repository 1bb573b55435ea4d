# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One check, and the errors about checks: the terms of every other file of the engine."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ..base.options import OptionError
from ..findings import Finding, Limits, Subject

#: What a check keeps for the next run: plain JSON.
Memory = Mapping[str, t.Any]


class CheckError(OptionError):
    """Checks that cannot be carried out; each line names the check and the key."""


class ProbeError(Exception):
    """Ends a probe early with one finding under the check's own name."""

    def __init__(self, status: str, message: str, observed: t.Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.observed = observed


@dataclass(frozen=True, eq=False, repr=False)
class Check:
    """One check of a profile, validated, with every option of its kind (None when not given)."""

    name: str
    kind: str
    timeout: float  # seconds for one attempt, from start to verdict
    attempts: int
    interval: float  # seconds between attempts
    depends_on: tuple[str, ...]  # ids of other checks
    component: str | None
    cadences: tuple[str, ...] | None  # None: every one
    asked_from: str  # host or controller
    severity: str  # what a failure counts as
    fall: int  # failures in a row, counted over runs, before it counts as failed
    rise: int  # good answers in a row before it counts as recovered
    advice: str  # for figures beyond their limits, instead of the usual
    requirements: tuple[str, ...]
    options: Mapping[str, t.Any]  # may hold secrets
    previous: Memory | None  # what the check kept in a previous run

    def __repr__(self) -> str:
        return f"Check({self.id})"

    @property
    def id(self) -> str:
        """The name of the check's own finding."""
        return f"{self.kind}:{self.name}"

    @property
    def subject(self) -> Subject:
        """What the findings of this check are about."""
        return Subject(self.id, self.requirements)

    def aspect_subject(self, entry: Mapping[str, t.Any]) -> Subject:
        """Return the subject of one aspect, whose entry may name requirements of its own."""
        return Subject(self.id, tuple(entry.get("requirements") or ()) or self.requirements)

    def finding(self, status: str, message: str, *, aspect: str = "", **details: t.Any) -> Finding:
        """Return the finding of this check, or of one aspect of it."""
        return self.subject.finding(status, message, aspect=aspect, **details)

    def measured(
        self, value: float, limits: Limits, message: str, advice: str = "", **details: t.Any
    ) -> Finding:
        """Return the finding for a figure with limits; details as ``Subject.measured`` has them.

        ``advice`` is the usual one, which that of the profile replaces.
        """
        return self.subject.measured(value, limits, message, self.advice or advice, **details)


def remember(memory: Memory) -> dict[str, t.Any]:
    """Return what a probe yields, beside its findings, for itself in the next run."""
    return {"remember": dict(memory)}


def milliseconds(started: float) -> float:
    """Return the time since ``started`` (time.monotonic()) in ms, to a tenth."""
    return round((time.monotonic() - started) * 1000, 1)
