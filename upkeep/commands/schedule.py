# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``upkeep schedule``: the slots of all systems and their next starts."""

from __future__ import annotations

import argparse
import itertools
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upkeep.commands.common import Verbs, positive, print_json
from upkeep.schedule import render
from upkeep.schedule.load import CONTROL_FILE, PROFILES, Schedule, load
from upkeep.schedule.settings import CACHES, CADENCES, ControlHost, Slot
from upkeep.schedule.starts import YEARS, next_starts, starts
from upkeep.schedule.waiting import Wait, longest, waits


class Start(t.NamedTuple):
    """A start to come; ``frozen`` is why nothing will be changed then, '' for no reason."""

    moment: datetime
    cadence: str
    frozen: str


def add(verbs: Verbs, shared: argparse.ArgumentParser) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "schedule", help="check the schedules of all systems and show their next starts"
    )
    parser.add_argument("--system", help="only this system")
    parser.add_argument(
        "--count", type=positive, default=5, help="how many starts for each system (default: 5)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with rules for schedulers")
    parser.add_argument(
        "--control", type=Path, default=CONTROL_FILE, help="file with zone and frozen days"
    )
    parser.add_argument(
        "--profiles", type=Path, default=PROFILES, help="folder group_vars of the inventory"
    )
    parser.set_defaults(perform=perform)


def perform(options: argparse.Namespace) -> int:
    """Print the schedule; raises ScheduleError, OSError."""
    now = datetime.now(UTC)
    schedule = load(now, control=options.control, profiles=options.profiles)
    if options.system:
        schedule = schedule.only(options.system)

    if options.json:
        print_json(as_data(schedule, now, options.count))
    else:
        print("\n".join(as_text(schedule, now, options.count)))

    return 0


def changing_starts(
    slots: t.Iterable[Slot], control: ControlHost, now: datetime, count: int
) -> list[Start]:
    """Return the next starts of runs that may change a system."""
    until = now + timedelta(days=366 * YEARS)
    found = sorted(
        (start, slot.cadence)
        for slot in slots
        if slot.is_changing
        for start in itertools.islice(starts(slot, control.zone, now, until), count)
    )

    return [
        Start(start, cadence, control.frozen_on(start.astimezone(control.zone).date()))
        for start, cadence in found[:count]
    ]


def as_data(schedule: Schedule, now: datetime, count: int) -> dict[str, t.Any]:
    """Return the schedule for other programs; times are UTC."""
    control = schedule.control

    return {
        "zone": control.zone.key,
        "lock_wait_minutes": control.lock_wait,
        "systems": [
            {
                "system": system,
                "slots": [_slot_data(slot, control, now, count) for slot in slots],
                "starts": [
                    {"start": _stamp(item.moment), "cadence": item.cadence, "frozen": item.frozen}
                    for item in changing_starts(slots, control, now, count)
                ],
                "longest_waits": [
                    {**wait._asdict(), "start": _stamp(wait.start)}
                    for wait in longest(waits(slots, control, now))
                ],
            }
            for system, slots in schedule.systems.items()
        ],
    }


def as_text(schedule: Schedule, now: datetime, count: int) -> t.Iterator[str]:
    """Yield the schedule for people, line by line; times are of the control host's zone."""
    control = schedule.control
    yield f"Times of {control.zone.key}; a run waits for a lock at most {control.lock_wait} min."

    for system, slots in schedule.systems.items():
        yield f"\n{system}"
        for slot in slots:
            limit = f"at most {slot.time_limit} min"
            yield f"  {slot.cadence:<15} {render.words(slot)}, {limit}"

        own = {slot.cadence for slot in slots} | {CACHES}  # not every system has caches
        without = [cadence for cadence in CADENCES if cadence not in own]
        if without:
            yield f"  never started: {', '.join(without)}"
        for wait in longest(waits(slots, control, now)):
            yield f"  {_wait_words(wait, control)}"
        for start in changing_starts(slots, control, now, count):
            frozen = f"  left out: {start.frozen}" if start.frozen else ""
            yield f"    {_local(start.moment, control)}  {start.cadence}{frozen}"


def _slot_data(slot: Slot, control: ControlHost, now: datetime, count: int) -> dict[str, t.Any]:
    return {
        "cadence": slot.cadence,
        "rule": render.words(slot),
        "on_calendar": render.on_calendar(slot, control.zone),
        "rrule": render.rrule(slot, control.zone),
        "time_limit_minutes": slot.time_limit,
        "requirements": list(slot.requirements),
        "starts": [_stamp(start) for start in next_starts(slot, control.zone, now, count)],
    }


def _wait_words(wait: Wait, control: ControlHost) -> str:
    day = _local(wait.start, control)

    return f"{wait.cadence} waits for {wait.behind}, at most {wait.minutes} min, first {day}"


def _local(moment: datetime, control: ControlHost) -> str:
    return f"{moment.astimezone(control.zone):%a %Y-%m-%d %H:%M}"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
