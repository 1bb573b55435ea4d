# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a slot of ``system_schedule`` and the file ``schedule.yml`` may hold."""

from __future__ import annotations

import typing as t

from ansible.module_utils.upkeep.base.options import Options, option, requirements

import upkeep  # noqa: F401 - makes ansible.module_utils.upkeep known

WEEKDAYS: t.Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKS: t.Final = ("first", "second", "third", "fourth", "last")

SLOT: t.Final[Options] = {
    "minute": option("int", "Minute of the hour.", default=0, minimum=0, maximum=59),
    "hour": option("int", "Hour of the day.", minimum=0, maximum=23),
    "weekday": option("str", "Day of the week.", choices=WEEKDAYS),
    "week": option("str", "Which weekday of the month.", choices=WEEKS),
    "day": option(
        "int", "Day of the month.", minimum=1, maximum=28, why="the days that every month has"
    ),
    "months": option(
        "list", "Months, as numbers.", elements="int", minimum=1, maximum=12, min_items=1
    ),
    "time_limit": option(
        "int",
        "Longest time that the run may take, in minutes.",
        minimum=1,
        maximum=720,
    ),
    "note": option("str", "What a reader should know.", default=""),
    "requirements": requirements(),
}

FROZEN: t.Final[Options] = {
    "first": option("str", "First day, as C(YYYY-MM-DD).", required=True),
    "last": option("str", "Last day, as C(YYYY-MM-DD).", required=True),
    "reason": option("str", "Why nothing changes then.", required=True, min_length=1),
}

SHARED: t.Final[Options] = {
    "systems": option(
        "list",
        "Systems with a common host. The first keeps its times.",
        elements="str",
        required=True,
        min_items=2,
    ),
}

CONTROL: t.Final[Options] = {
    "zone": option("str", "Time zone of all slots of a day and longer.", default="UTC"),
    "lock_wait": option(
        "int",
        "Longest time that a run waits for the lock of its system, in minutes.",
        default=120,
        minimum=1,
        maximum=720,
    ),
    "frozen_days": option(
        "list",
        "Days on which no run that changes something starts.",
        elements="dict",
        options=FROZEN,
        default=[],
    ),
    "shared_hosts": option(
        "list",
        "Systems that share a host: their runs do not start in the same minute.",
        elements="dict",
        options=SHARED,
        default=[],
    ),
}
