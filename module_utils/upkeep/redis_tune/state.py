# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counters of the previous run, so that a ratio is that of the time since then."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from ..base import state_file
from ..base.state_file import StateFileError
from .facts import RedisFacts

VERSION: t.Final = 1


@dataclass(frozen=True)
class Counters:
    """Counters of a server since it started, or what they grew by."""

    hits: float
    misses: float
    used_memory: float
    evicted: float
    rejected: float
    slow_id: float


@dataclass(frozen=True)
class SavedCounters:
    """Counters and the start of the server that they belong to.

    ``kept`` is how many bytes the allocator still held after the last purge.
    """

    run_id: str
    counters: Counters
    kept: float = 0.0


def current(facts: RedisFacts, slow_id: float, kept: float = 0.0) -> SavedCounters:
    """Return the counters of this moment."""
    counters = Counters(
        hits=facts.number("keyspace_hits"),
        misses=facts.number("keyspace_misses"),
        used_memory=facts.number("used_memory"),
        evicted=facts.number("evicted_keys"),
        rejected=facts.number("rejected_connections"),
        slow_id=slow_id,
    )

    return SavedCounters(facts.info.get("run_id", ""), counters, kept)


def passed(before: SavedCounters | None, now: SavedCounters) -> Counters | None:
    """Return what came since the previous run; None without one or after a restart or a reset."""
    if before is None or not now.run_id or before.run_id != now.run_id:
        return None

    old, new = asdict(before.counters), asdict(now.counters)
    if any(new[name] < old[name] for name in ("hits", "misses", "evicted", "rejected")):
        return None

    return Counters(**{name: new[name] - old[name] for name in old})


def kept_bytes(before: SavedCounters | None, facts: RedisFacts) -> float:
    """Return what the allocator kept at the last purge since the server started."""
    return before.kept if before and before.run_id == facts.info.get("run_id") else 0.0


def load(path: str) -> dict[str, SavedCounters]:
    """Return the counters of the previous run by instance; empty for a file that is not usable."""
    try:
        raw = state_file.load(path, VERSION) or {}
        return {str(name): _restored(entry) for name, entry in raw["instances"].items()}
    except (StateFileError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def save(path: str, saved: Mapping[str, SavedCounters]) -> None:
    """Keep the counters for the next run; raises StateFileError."""
    instances = {name: asdict(entry) for name, entry in saved.items()}
    state_file.save(path, VERSION, {"instances": instances})


def _restored(entry: t.Any) -> SavedCounters:
    counters = {field.name: float(entry["counters"][field.name]) for field in fields(Counters)}

    return SavedCounters(str(entry["run_id"]), Counters(**counters), float(entry["kept"]))
