# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the module health_probe takes: its own options, and those that every check has.

The options of one kind of check stand in the kind's file.
"""

from __future__ import annotations

import typing as t

from .. import cadence as cadences
from ..base.options import Options, option, requirements
from .kinds import KINDS

#: Options of every check, whatever its kind.
CHECK: t.Final[Options] = {
    "name": option(
        "str",
        "Name of the check, unique within its kind. The finding is called C(kind:name).",
        required=True,
        pattern=r"[A-Za-z0-9][A-Za-z0-9_.@-]*",
    ),
    "kind": option("str", "What is checked, and how.", required=True, choices=sorted(KINDS)),
    "timeout": option(
        "float",
        "Limit for one attempt, from start to verdict, in seconds.",
        default=10.0,
        above=0,
    ),
    "attempts": option(
        "int",
        "How often to try before the check counts as C(critical) or C(unknown).",
        default=1,
        minimum=1,
        maximum=100,
    ),
    "interval": option("float", "Seconds between attempts.", default=1.0, minimum=0),
    "depends_on": option(
        "list",
        [
            "Checks, as C(name) or C(kind:name), that must be fine before this one makes sense.",
            "When one of them is C(critical) or C(unknown), this check is not carried out and is"
            " C(unknown).",
            "A dependency that does not concern this host or cadence is left out.",
        ],
        elements="str",
        default=[],
    ),
    "component": option(
        "str", "The check concerns only hosts that carry this component, see O(components)."
    ),
    "cadences": option(
        "list",
        "The check is carried out in these cadences only, see O(cadence).",
        elements="str",
        choices=cadences.CADENCES,
        min_items=1,
        why="or it would never be carried out; leave it out for every cadence",
    ),
    "asked_from": option(
        "str",
        [
            "Where the check is carried out: on the host itself, or on the controller, as another"
            " machine sees the service. A firewall that is closed shows only there.",
            "V(controller) is for the kinds C(http), C(tcp) and C(dns).",
        ],
        choices=["host", "controller"],
        default="host",
    ),
    "severity": option(
        "str",
        "What a failure of the check itself becomes; limits have their own levels.",
        choices=["warning", "critical"],
        default="critical",
    ),
    "fall": option(
        "int",
        [
            "Failures in a row, counted over runs, until it is C(critical); before, C(warning).",
            "With O(checks[].severity=warning) a limit that is passed counts as well, until it is"
            " C(warning); before, C(info).",
        ],
        default=1,
        minimum=1,
        maximum=100,
    ),
    "rise": option(
        "int",
        "Good answers in a row, counted over runs, until it stops being failed.",
        default=1,
        minimum=1,
        maximum=100,
    ),
    "advice": option(
        "str",
        "What to do when a figure of the check is beyond its limits: ends the message, instead of"
        " the usual words.",
        default="",
        pattern=r"[^\n]{0,200}",
        why="it is one line of a message",
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "checks": option(
        "list",
        "The checks. Which keys a check may have depends on its O(checks[].kind); any other key is"
        " an error.",
        elements="dict",
        required=True,
        # Keeps the checks out of the target's system log, secrets and all.
        secret=True,
    ),
    "components": option(
        "list",
        [
            "Components that this host carries. Checks with another O(checks[].component) are"
            " left out.",
            "Without this option all checks are carried out.",
        ],
        elements="str",
    ),
    "cadence": option(
        "str",
        "Leave out the checks that belong to other cadences; all are carried out when it is empty.",
        choices=["", *cadences.CADENCES],
        default="",
    ),
    "place": option(
        "str",
        "Where this call runs; checks with another O(checks[].asked_from) are left out.",
        choices=["host", "controller"],
        default="host",
    ),
    "state_file": option(
        "path",
        "Where the host keeps what checks compare with in the next run. Not written in check mode.",
        default="/var/lib/upkeep/health.json",
    ),
    "run": option(
        "str",
        "Id of the run. Calls with the same id count as one, and all compare with the previous"
        " run.",
        default="",
    ),
    "timeout": option(
        "float",
        "Limit for all checks together, in seconds. What has no verdict by then is C(unknown).",
        default=30.0,
        above=0,
    ),
    "latency_factor": option(
        "float",
        "The limits of all latencies are multiplied by this. For hosts that share their"
        " processors with others, as test fleets do; a real host has its figures in its checks.",
        default=1.0,
        above=0,
    ),
    "workers": option(
        "int", "How many checks run at the same time.", default=16, minimum=1, maximum=256
    ),
}
