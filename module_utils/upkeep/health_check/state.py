# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What checks remember from run to run: one small JSON file on the host, written whole or not at all.

A run may look several times. Each of its looks goes on from where the run before ended, so that a
failure counts once a run and all looks tell what happened since that run.
"""

from __future__ import annotations

import json
import os
import tempfile
import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..findings import Finding, finding
from .check import Check, Memory
from .debounce import Streak, apply, counts, soften

VERSION: t.Final = 1
CHECK: t.Final = "health:state"
_LARGEST: t.Final = 4 << 20


@dataclass(frozen=True)
class State:
    """Memories and streaks by check id; ``run`` wrote them, ``before`` are those that it found."""

    memories: dict[str, Memory] = field(default_factory=dict)
    streaks: dict[str, Streak] = field(default_factory=dict)
    run: str = ""
    before: State | None = None

    def as_of(self, run: str) -> State:
        """Return what a look of this run goes on from."""
        return self.before if self.before is not None and run and run == self.run else self


class StateError(Exception):
    """The file is there but cannot be read or understood; the message says what to do."""


def load(path: Path) -> State | None:
    """Return what was remembered, None when there is no file yet; raises StateError."""
    try:
        with path.open("rb") as stream:
            raw = json.loads(stream.read(_LARGEST))

        if raw["version"] != VERSION:
            raise StateError(
                f"{path} was written by another version of Upkeep, so counting starts anew"
            )

        before = _parsed(raw["before"]) if raw.get("before") else None
        return replace(_parsed(raw), run=str(raw.get("run", "")), before=before)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(
            f"{path} cannot be read ({error.strerror}), so counting starts anew"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StateError(f"{path} is damaged, so counting starts anew") from error


def _parsed(raw: Mapping[str, t.Any]) -> State:
    streaks = {
        str(name): Streak(bool(down), int(count)) for name, (down, count) in raw["streaks"].items()
    }
    return State({str(name): dict(memory) for name, memory in raw["memories"].items()}, streaks)


def save(path: Path, state: State) -> None:
    """Write the state; a reader sees the old file or the new one. Raises OSError."""
    before = (
        None
        if state.before is None
        else {"memories": state.before.memories, "streaks": state.before.streaks}
    )
    kept = {
        "memories": state.memories,
        "streaks": state.streaks,
        "run": state.run,
        "before": before,
    }
    text = json.dumps({"version": VERSION, **kept}, sort_keys=True)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)

    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


class Book:
    """The state of one look: read before, applied to what the checks found, written after."""

    def __init__(self, path: Path, run: str = "") -> None:
        self._path = path
        self._run = run
        self._problem = ""
        self._new = False
        self._before = self._read()

    def prepare(self, checks: Iterable[Check]) -> list[Check]:
        """Return the checks with what they remembered."""
        return [replace(check, before=self._before.memories.get(check.id)) for check in checks]

    def settle(
        self,
        checks: Iterable[Check],
        found: Mapping[str, list[Finding]],
        memories: Mapping[str, Memory],
        *,
        write: bool,
    ) -> list[Finding]:
        """Return all findings as streaks make them, and the state's own one.

        Writes the new state when asked to.
        """
        streaks: dict[str, Streak] = {}
        findings: list[Finding] = []
        for check in checks:
            for one in found[check.id]:
                shown = one
                if one["check"] == check.id:
                    if counts(check):
                        shown, streaks[check.id] = apply(
                            check, one, self._before.streaks.get(check.id, Streak())
                        )
                    shown = soften(check, shown)

                findings.append(shown)

        if write:
            self._write(State(dict(memories), streaks))

        return [*findings, self._own()]

    def _read(self) -> State:
        try:
            state = load(self._path)
        except StateError as error:
            self._problem = str(error)
            return State()

        self._new = state is None
        return (state or State()).as_of(self._run)

    def _write(self, ours: State) -> None:
        """Write what this run learnt over what is there now: another cadence may have written meanwhile."""
        try:
            latest = load(self._path) or State()
        except StateError:
            latest = State()

        before = replace(latest.as_of(self._run), run="", before=None)
        memories, streaks = {**latest.memories, **ours.memories}, {**latest.streaks, **ours.streaks}

        try:
            save(self._path, State(memories, streaks, self._run, before))
        except OSError as error:
            self._problem = f"{self._path} cannot be written ({error.strerror}), so nothing is counted over runs"

    def _own(self) -> Finding:
        if self._problem:
            return finding(CHECK, "warning", self._problem)

        if self._new:
            return finding(
                CHECK,
                "info",
                f"there was no {self._path} yet, counting over runs starts with this one",
            )

        return finding(CHECK, "ok", f"earlier runs are known from {self._path}")
