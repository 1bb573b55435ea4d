# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The starts of all systems as the module schedule takes them."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from upkeep.schedule import render
from upkeep.schedule.load import Schedule


def planned_starts(schedule: Schedule, systems: Sequence[str] = ()) -> list[dict[str, t.Any]]:
    """Return the starts of these systems, of all without any; raises ScheduleError."""
    for system in systems:
        schedule.only(system)

    return [
        {
            "system": system,
            "playbook": slot.cadence,
            "on_calendar": render.on_calendar(slot, schedule.control.zone),
            "words": render.words(slot),
            "time_limit": slot.time_limit,
            "waits": slot.is_changing,
            "requirements": list(slot.requirements),
        }
        for system, slots in schedule.systems.items()
        if not systems or system in systems
        for slot in slots
    ]
