# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the module failover_test."""

from __future__ import annotations

import typing as t

from ..base.alerts import silence_option
from ..base.bounded import deadline_option
from ..base.options import Options, option, requirements

_ADDRESS: t.Final = r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}"

SERVICE: t.Final[Options] = {
    "name": option(
        "str", "Name, as in C(failover:NAME).", required=True, pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*"
    ),
    "component": option("str", "Component of the host that is stopped; the role reads it."),
    "unit": option("str", "The unit that is stopped and started again.", required=True),
    "address": option("str", "Where it answers, HOST:PORT.", required=True, pattern=_ADDRESS),
    "others": option(
        "list",
        "Where those answer that must take over, HOST:PORT, in the order in which they are asked.",
        elements="str",
        required=True,
        min_items=1,
        pattern=_ADDRESS,
    ),
    "path": option("str", "What is asked for.", default="/health", pattern="/.*"),
    "status": option("int", "The status that must come.", default=200, minimum=100, maximum=599),
    "take_over_seconds": option(
        "float",
        "Within how long another one must answer.",
        default=10.0,
        above=0.0,
        maximum=300.0,
    ),
    "start_seconds": option(
        "float", "How long it may take to serve again.", default=60.0, above=0.0, maximum=1800.0
    ),
    "timeout": option(
        "float", "Most seconds for one answer.", default=2.0, above=0.0, maximum=60.0
    ),
    "interval": option(
        "float", "Seconds between two requests of the client.", default=0.1, above=0.0, maximum=10.0
    ),
    "promised_days": option(
        "float",
        "More days since the last test that passed are a warning.",
        default=100.0,
        above=0.0,
    ),
    "requirements": requirements(),
}

OPTIONS: t.Final[Options] = {
    "state": option(
        "str",
        "V(looked) says how long ago a test passed, V(tested) stops the unit and starts it again.",
        choices=["looked", "tested"],
        default="looked",
    ),
    "services": option("list", "What is tested.", elements="dict", options=SERVICE, required=True),
    "state_file": option(
        "path",
        "Where it is kept when a test passed.",
        default="/var/lib/upkeep/failover_test.json",
    ),
    **silence_option(),
    **deadline_option(3600),
}
