# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module self_heal."""

from __future__ import annotations

import typing as t

from ..acceptance import DEFAULT_MARK
from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements
from ..health_check.options import OPTIONS as HEALTH

#: The longest window in which restarts are counted, in minutes.
LONGEST_WINDOW: t.Final = 7 * 24 * 60

UNIT: t.Final[Options] = {
    "name": option(
        "str",
        "Name, as in C(heal:NAME).",
        required=True,
        pattern=r"[A-Za-z0-9][A-Za-z0-9_.@-]*",
    ),
    "unit": option("str", "The systemd unit; not a pattern.", required=True),
    "component": option("str", "The unit concerns only hosts that carry this component."),
    "at_most": option(
        "int",
        "How often it may be restarted within the window.",
        default=3,
        minimum=1,
        why="a unit that is never restarted need not be named",
    ),
    "window_minutes": option(
        "int",
        "Length of the window in minutes.",
        default=60,
        minimum=1,
        maximum=LONGEST_WINDOW,
    ),
    "checks": option(
        "list",
        [
            "Checks (C(kind:name)) without which the unit counts as down even when systemd calls "
            "it active.",
            "Only one that is critical counts, after C(fall), C(rise) and C(severity) of the "
            "check. While one is unknown, the unit is left alone.",
        ],
        elements="str",
        default=[],
    ),
    "needs": option(
        "list",
        [
            "Checks (C(kind:name)) of what the unit depends on. It is left alone while one of them "
            "fails or is unknown.",
            "Those that concern this host are made anew; for others O(failed_elsewhere) counts.",
        ],
        elements="str",
        default=[],
    ),
    "settle_seconds": option(
        "float", "How long it may take to come up.", default=30.0, above=0, maximum=600
    ),
    "stable_seconds": option(
        "float", "How long it has to stay up before it counts as up.", default=5.0, above=0
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "units": option(
        "list",
        "Units that may be restarted, those that others need first.",
        elements="dict",
        required=True,
        options=UNIT,
    ),
    "checks": option(
        "list",
        "The checks of the profile as M(health_probe) knows them; only those that units name are "
        "made.",
        elements="dict",
        default=[],
        # as in health_probe: not in the system log, and only the secrets masked in the answer
        secret=True,
    ),
    "components": option(
        "list",
        "Components that this host carries. Without this option all units and checks concern it.",
        elements="str",
    ),
    "failed_elsewhere": option(
        "dict",
        "What this run found wrong on other hosts of the system: check to C(status) and C(host). "
        "Filled in by the action plugin.",
        default={},
    ),
    "forbidden": option(
        "str",
        "Why nothing may be restarted now. Units that are down are only reported then.",
        default="",
    ),
    "require_acceptance": option(
        "bool",
        "Restart nothing on a host that nobody has accepted yet (C(playbooks/onboard_hosts.yml)).",
        default=False,
    ),
    "accepted_file": option(
        "path",
        "File by which a person accepted the host, as M(preflight) writes it.",
        default=DEFAULT_MARK,
    ),
    "state_file": option(
        "path", "Where restarts are counted.", default="/var/lib/upkeep/self_heal.json"
    ),
    "health_state_file": option(
        "path",
        "Where M(health_probe) counts failures in a row, which is only read here.",
        default=HEALTH["state_file"]["default"],
    ),
    "run": option(
        "str", "Id of the run, so that its look at a check is not counted twice.", default=""
    ),
    "timeout": option(
        "float", "Limit for the checks of one unit, in seconds.", default=30.0, above=0
    ),
    **deadline_option(3600),
}
