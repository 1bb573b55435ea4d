# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Systems that share a host do not start in the same minute."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from upkeep.schedule.settings import HOURLY, ScheduleError, Slot

#: Minutes by which a start is put off, once or several times.
STEP: t.Final = 3
_HOUR: t.Final = 60
_DAY: t.Final = 24 * _HOUR

Slots = tuple[Slot, ...]


def spread(systems: Mapping[str, Slots], groups: Iterable[Sequence[str]]) -> dict[str, Slots]:
    """Return the slots of all systems, those of a group without a common minute.

    The first system of a group keeps its times; a slot of a later one that meets an earlier one on
    some day starts a few minutes later. Raises ScheduleError where no minute is left.
    """
    found = dict(systems)
    for group in groups:
        taken: list[Slot] = []
        for system in group:
            others = tuple(taken)
            found[system] = tuple(_free(slot, others, system) for slot in found[system])
            taken += found[system]

    return found


def _free(slot: Slot, taken: Sequence[Slot], system: str) -> Slot:
    """Return the slot at its first minute that no other one has."""
    for start in range(slot.minute_of_day, _period(slot), STEP):
        moved = replace(slot, minute=start % _HOUR)
        if slot.hour is not None:
            moved = replace(moved, hour=start // _HOUR)
        if not any(_meet(moved, other) for other in taken):
            return moved

    raise ScheduleError(
        f"{system}: no minute is left for its {slot.cadence} start beside the other systems of its"
        " hosts; give it an earlier one"
    )


def _meet(one: Slot, other: Slot) -> bool:
    """Return whether two slots may start in the same minute; days are not looked at."""
    return (one.minute_of_day - other.minute_of_day) % min(_period(one), _period(other)) == 0


def _period(slot: Slot) -> int:
    """Return after how many minutes a slot may start again."""
    if slot.cadence == "quarter_hourly":
        return 15

    return _HOUR if slot.cadence in HOURLY else _DAY
