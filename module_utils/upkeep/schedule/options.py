# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module schedule."""

from __future__ import annotations

import typing as t

from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements

#: What may stand in a word of a unit file without being quoted or expanded.
PLAIN: t.Final = r"[A-Za-z0-9_./@:,+=-]+"

START: t.Final[Options] = {
    "system": option("str", "The system.", required=True, pattern="[a-z][a-z0-9_]*"),
    "playbook": option("str", "The playbook.", required=True, pattern="[a-z][a-z0-9_]*"),
    "on_calendar": option(
        "str",
        "When it starts, as C(OnCalendar=) takes it.",
        required=True,
        pattern=r"[A-Za-z0-9 _*:,./~+-]+",
    ),
    "words": option("str", "The same for people.", default="", pattern=r"[A-Za-z0-9 _:,.-]*"),
    "time_limit": option(
        "int", "Longest time that the run may take, in minutes.", required=True, minimum=1
    ),
    "waits": option("bool", "Whether the run waits for the lock of its system.", default=False),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "state": option(
        "str",
        "C(present) brings the timers, C(absent) takes all of them away, and what runs left.",
        choices=["present", "absent"],
        default="present",
    ),
    "systems": option(
        "list",
        "Only the schedules of these systems. Without it, those of all systems.",
        elements="str",
        default=[],
    ),
    "starts": option(
        "list",
        "What is started when. Filled in by the action plugin from the profiles.",
        elements="dict",
        options=START,
        default=[],
    ),
    "checkout": option(
        "path",
        "Where Upkeep is on the control host.",
        default="/opt/upkeep",
        pattern=PLAIN,
    ),
    "python": option(
        "path",
        "The Python of Upkeep. Without it C(.venv/bin/python) of the checkout.",
        pattern=PLAIN,
    ),
    "user": option(
        "str",
        "Who runs it: the owner of the key that reaches the hosts.",
        default="upkeep",
        pattern="[a-z_][a-z0-9_-]*",
    ),
    "inventory": option("path", "The inventory. Without it that of C(ansible.cfg).", pattern=PLAIN),
    "environment_file": option(
        "path",
        "File with variables of the environment, such as C(UPKEEP_STORE). It need not exist.",
        default="/etc/upkeep/environment",
        pattern=PLAIN,
    ),
    "keep": option(
        "int", "How many artefact folders are kept of each start.", default=30, minimum=1
    ),
    "lock_wait": option(
        "int",
        "How long a run waits for the lock of its system, in minutes. Filled in by the action "
        "plugin from C(schedule.yml).",
        default=0,
        minimum=0,
        maximum=720,
    ),
    "random_delay": option(
        "int",
        "By how many seconds at most a start is put off, each timer by its own fixed share.",
        default=60,
        minimum=0,
        maximum=600,
        why="starts would come close to the next slot",
    ),
    "memory_max": option(
        "str", "Most memory of a run.", default="2G", pattern=r"[0-9]+[KMGT]?|infinity"
    ),
    "on_failure": option(
        "path",
        "Program that is called with the name of a unit that failed. Without it the journal gets "
        "a line.",
        pattern=PLAIN,
    ),
    "unit_folder": option("path", "Where units are kept.", default="/etc/systemd/system"),
    **deadline_option(300),
}
