# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which runs of a system meet under its lock, and how long the later one waits."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from upkeep.schedule.settings import ControlHost, Slot
from upkeep.schedule.starts import YEARS, starts

_MINUTE: t.Final = timedelta(minutes=1)


class Wait(t.NamedTuple):
    """A start that meets an earlier run that takes all its time; ``minutes`` until it has the lock.

    Nothing decides between two runs that start in the same minute: ``is_tie``.
    """

    start: datetime
    cadence: str
    behind: str
    minutes: int
    is_tie: bool


def planned(
    slots: Iterable[Slot], control: ControlHost, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, Slot]]:
    """Yield the starts of runs that may change a system, in order, without those of frozen days."""
    changing = (slot for slot in slots if slot.is_changing)
    found = ((start, slot) for slot in changing for start in starts(slot, control.zone, begin, end))
    due = sorted(found, key=lambda pair: (pair[0], pair[1].cadence))

    for start, slot in due:
        if not control.frozen_on(start.astimezone(control.zone).date()):
            yield start, slot


def waits(slots: Iterable[Slot], control: ControlHost, begin: datetime) -> Iterator[Wait]:
    """Yield each wait of the next ten years, if all runs take the time that they may take."""
    free_at, holder, last = begin, "", begin - _MINUTE
    for start, slot in planned(slots, control, begin, begin + timedelta(days=366 * YEARS)):
        if start < free_at:
            minutes = int((free_at - start) / _MINUTE)
            yield Wait(start, slot.cadence, holder, minutes, start == last)

        free_at = max(start, free_at) + slot.time_limit * _MINUTE
        holder, last = slot.cadence, start


def longest(found: Iterable[Wait]) -> list[Wait]:
    """Return for each pair of cadences the first of their longest waits, and each tie once."""
    worst: dict[tuple[str, str, bool], Wait] = {}
    for wait in found:
        key = (wait.cadence, wait.behind, wait.is_tie)
        if key not in worst or wait.minutes > worst[key].minutes:
            worst[key] = wait

    return sorted(worst.values())
