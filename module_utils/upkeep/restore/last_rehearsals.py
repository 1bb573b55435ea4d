# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of the rehearsals of each system from before, kept in one file of the host."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from ..backup.manifest import read_moment
from ..base import state_file

_VERSION: t.Final = 1


@dataclass(frozen=True)
class LastRehearsals:
    """When one passed, when one was tried, and why that failed; ``phases`` are of the last one."""

    passed: str = ""
    set: str = ""
    seconds: float = 0.0
    tried: str = ""
    problem: str = ""
    phases: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed_at(self) -> datetime | None:
        """When the last one passed that did, None for never."""
        return read_moment(self.passed) if self.passed else None

    def seconds_of(self, artefacts: Sequence[str]) -> float | None:
        """Return how long the last one took for these artefacts.

        None when it failed, or had not all of them.
        """
        timed: dict[str, dict[str, float]] = defaultdict(dict)
        for name, seconds in self.phases.items():
            artefact, _, phase = name.rpartition(".")
            timed[artefact][phase] = seconds
        if self.problem or not set(artefacts) <= set(timed):
            return None

        return sum(_seconds_of(timed[artefact]) for artefact in artefacts)


def _seconds_of(phases: Mapping[str, float]) -> float:
    """Return how long an artefact took: what is called ``whole`` is all but reading its bytes."""
    if "whole" in phases:
        return phases["whole"] + phases.get("read", 0.0)

    return sum(phases.values())


def load(path: str, system: str) -> LastRehearsals:
    """Return what is known of a system; raises StateFileError, TypeError for a damaged file."""
    state = state_file.load(path, _VERSION) or {}
    entry = state.get("systems", {}).get(system)

    return LastRehearsals(**entry) if entry else LastRehearsals()


def save(path: str, system: str, known: LastRehearsals) -> None:
    """Replace what is known of a system; raises StateFileError."""
    state = state_file.load(path, _VERSION) or {}
    systems = {**state.get("systems", {}), system: asdict(known)}
    state_file.save(path, _VERSION, {"systems": systems})
