# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What checks keep from run to run: one small JSON file on the host, written whole or not at all.

A run may check a host several times. Each time goes on from where the previous run ended, so that
a failure counts once a run and all of them compare with the same previous run.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..base import state_file
from ..base.state_file import StateFileError
from ..findings import Finding, finding
from .check import Check, Memory
from .debounce import Streak, apply, counts, soften
from .scheduler import Observations

VERSION: t.Final = 1
CHECK: t.Final = "health:state"


@dataclass(frozen=True)
class HealthState:
    """Memories and streaks by check id, written by ``run``; ``previous`` is what it found."""

    memories: dict[str, Memory] = field(default_factory=dict)
    streaks: dict[str, Streak] = field(default_factory=dict)
    run: str = ""
    previous: HealthState | None = None

    def as_of(self, run: str) -> HealthState:
        """Return what a call in this run goes on from."""
        return self.previous if self.previous is not None and run and run == self.run else self


def load(path: Path) -> HealthState | None:
    """Return what was kept, None before the first run; raises StateFileError."""
    raw = state_file.load(path, VERSION)
    if raw is None:
        return None

    try:
        previous = _parsed(raw["before"]) if raw.get("before") else None
        return replace(_parsed(raw), run=str(raw.get("run", "")), previous=previous)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateFileError(f"'{path}' is damaged") from error


def save(path: Path, state: HealthState) -> None:
    """Write the state; a reader sees the old file or the new one. Raises StateFileError."""
    previous = None if state.previous is None else _plain(state.previous)
    kept = {**_plain(state), "run": state.run, "before": previous}

    state_file.save(path, VERSION, kept)


def _plain(state: HealthState) -> dict[str, t.Any]:
    return {"memories": state.memories, "streaks": state.streaks}


def _parsed(raw: Mapping[str, t.Any]) -> HealthState:
    streaks = {
        str(name): Streak(bool(down), int(count)) for name, (down, count) in raw["streaks"].items()
    }
    memories: dict[str, Memory] = {
        str(name): dict(memory) for name, memory in raw["memories"].items()
    }

    return HealthState(memories, streaks)


class StateSession:
    """The state during one call: read first, applied to what the checks found, written last."""

    def __init__(self, path: Path, run: str = "") -> None:
        self._path = path
        self._run = run
        self._problem = ""
        self._new = False
        self._previous = self._read()

    def with_memories(self, checks: Iterable[Check]) -> list[Check]:
        """Return the checks with what they kept in the previous run."""
        memories = self._previous.memories

        return [replace(check, previous=memories.get(check.id)) for check in checks]

    def apply_state(
        self, checks: Iterable[Check], observed: Observations, *, write: bool
    ) -> list[Finding]:
        """Return all findings as streaks make them, and the one on the state itself.

        ``write`` keeps the new state.
        """
        streaks: dict[str, Streak] = {}
        findings: list[Finding] = []

        for check in checks:
            for one in observed.findings[check.id]:
                own = one["check"] == check.id
                findings.append(self._own_finding(check, one, streaks) if own else one)

        if write:
            self._write(HealthState(dict(observed.memories), streaks))

        return [*findings, self._state_finding()]

    def _own_finding(self, check: Check, found: Finding, streaks: dict[str, Streak]) -> Finding:
        """Return a check's own finding by its streak, which is kept in ``streaks``."""
        if counts(check):
            streak = self._previous.streaks.get(check.id, Streak())
            found, streaks[check.id] = apply(check, found, streak)

        return soften(check, found)

    def _read(self) -> HealthState:
        try:
            state = load(self._path)
        except StateFileError as error:
            self._problem = f"{error}, so counting starts anew"
            return HealthState()

        self._new = state is None

        return (state or HealthState()).as_of(self._run)

    def _write(self, ours: HealthState) -> None:
        """Write what this call found over what the file has now.

        Another cadence may have written meanwhile.
        """
        try:
            latest = load(self._path) or HealthState()
        except StateFileError:
            latest = HealthState()

        previous = replace(latest.as_of(self._run), run="", previous=None)
        memories = {**latest.memories, **ours.memories}
        streaks = {**latest.streaks, **ours.streaks}

        try:
            save(self._path, HealthState(memories, streaks, self._run, previous))
        except StateFileError as error:
            self._problem = f"{error}, so nothing is counted over runs"

    def _state_finding(self) -> Finding:
        if self._problem:
            return finding(CHECK, "warning", self._problem)

        if self._new:
            message = f"there was no {self._path} yet, counting over runs starts with this one"
            return finding(CHECK, "info", message)

        return finding(CHECK, "ok", f"the previous run is known from {self._path}")
