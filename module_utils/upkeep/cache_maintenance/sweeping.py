# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which entries of a class may go. The last good one never does."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .settings import EntryClass

#: An entry that is older than so many lifetimes goes, if it is not the last good one.
LIVES: t.Final = 3


class CacheEntry(t.NamedTuple):
    """One file of a cache: its name, age in seconds, size in bytes, and which file it is."""

    name: str
    age: float
    size: int
    identity: tuple[int, int]


IsValid = Callable[[CacheEntry], bool]


@dataclass
class SweepPlan:
    """What may go, and what is kept although it is past three lifetimes, with the reason."""

    remove: list[CacheEntry] = field(default_factory=list)
    kept: list[CacheEntry] = field(default_factory=list)
    reason: str = ""


def plan_sweep(kind: EntryClass, entries: Sequence[CacheEntry], is_valid: IsValid) -> SweepPlan:
    """Return which entries may go; ``entries`` are those of the class, the youngest first.

    Past its life an entry is stale and kept. It goes when a younger valid one has its key, and past
    three lifetimes when a younger valid one of its class is there that is not so old itself.
    """
    plan = SweepPlan()
    for group in _by_key(kind, entries).values() if kind.key else ():
        plan.remove += _superseded(kind, group, is_valid)

    old = [one for one in entries if one.age > LIVES * kind.seconds]
    gone = set(plan.remove)
    candidates = [one for one in old if one not in gone]
    if kind.key:
        plan.kept = candidates
        plan.reason = "no younger valid entry has its key" if candidates else ""
        return plan
    if not candidates:
        return plan

    young = (one for one in entries if one.age <= LIVES * kind.seconds)
    if any(is_valid(one) for one in young):
        plan.remove += candidates
        return plan

    plan.kept = candidates
    plan.reason = "nothing valid is younger than three lifetimes"

    return plan


def _by_key(kind: EntryClass, entries: Sequence[CacheEntry]) -> dict[str, list[CacheEntry]]:
    """Return the entries by their key; those without one stand for themselves."""
    pattern = re.compile(kind.key or "(?!)")
    groups: dict[str, list[CacheEntry]] = {}
    for entry in entries:
        found = pattern.search(entry.name)
        groups.setdefault(f"k{found[1]}" if found else f"n{entry.name}", []).append(entry)

    return groups


def _superseded(
    kind: EntryClass, group: Sequence[CacheEntry], is_valid: IsValid
) -> list[CacheEntry]:
    """Return the stale entries of one key that a younger valid one replaces."""
    newest = next((place for place, one in enumerate(group[:-1]) if is_valid(one)), None)
    if newest is None:
        return []

    return [one for one in group[newest + 1 :] if one.age > kind.seconds]
