# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that everything shares which changes what serves."""

from __future__ import annotations

import typing as t

from ..base.options import Options, option, requirements

#: Where releases and models may lie: no character that systemd or a shell would read otherwise.
PLAIN_PATH: t.Final = r"/[A-Za-z0-9._/-]+"
#: How one release takes the place of another.
RESTART: t.Final = "restart"
BLUE_GREEN: t.Final = "blue_green"

PROBE: t.Final[Options] = {
    "name": option(
        "str", "Name of the probe.", required=True, pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*"
    ),
    "method": option("str", "How it asks.", default="GET", choices=["GET", "POST"]),
    "path": option(
        "str", "Path and query that it asks for.", required=True, pattern=r"/[\x21-\x7e]*"
    ),
    "headers": option("dict", "Headers beside those that mark a probe.", default={}),
    "body": option("str", "What it sends.", default=""),
    "body_file": option(
        "path",
        "File of the host that it sends, at most 4 MB, as the service user may read it.",
    ),
    "status": option("int", "The status that must come.", default=200, minimum=100, maximum=599),
    "equals": option(
        "dict",
        "Values of the JSON answer by their dotted path, such as C(model.sha256). Numbers may"
        " differ by the tolerance.",
        default={},
    ),
    "same_as_before": option(
        "list",
        "Dotted paths whose values must be those that the release before gave, numbers within"
        " the tolerance: golden predictions.",
        elements="str",
        default=[],
    ),
    "tolerance": option(
        "float", "By what share numbers may differ.", default=1e-6, minimum=0, maximum=1
    ),
    "timeout": option("float", "Most seconds for one answer.", default=10.0, above=0, maximum=120),
}

CONFIRMATION: t.Final[Options] = {
    "seconds": option(
        "float",
        "How long it is watched after the switch. Failures end it early.",
        default=900.0,
        above=0,
        maximum=14400,
    ),
    "interval": option("float", "Seconds between two rounds of probes.", default=5.0, above=0),
    "needed": option(
        "int", "How many rounds must succeed.", default=3, minimum=1, why="nothing else confirms"
    ),
    "latency_factor": option(
        "float",
        "How much slower than before the switch the median of a probe may be.",
        default=3.0,
        minimum=1,
    ),
    "latency_floor_ms": option(
        "float", "Below this a probe is never too slow, ms.", default=250.0, minimum=0
    ),
    "log": option("path", "Log file that is read for errors; the units' journal without it."),
    "error_pattern": option(
        "str", "What a line with an error matches.", default=r"\b(ERROR|CRITICAL|Traceback)\b"
    ),
    "most_errors": option("int", "How many such lines there may be.", default=0, minimum=0),
    "traffic_pattern": option("str", "What a line of a visitor's request matches.", default=""),
    "least_traffic": option(
        "int", "Fewer requests of visitors than this are noted.", default=0, minimum=0
    ),
}

SERVER: t.Final[Options] = {
    "unit": option("str", "The unit that serves.", required=True),
    "listen": option(
        "list",
        "Where it listens, as C(ListenStream=) of systemd.socket. The socket belongs to a socket"
        " unit of the same name, so that connections wait while the unit is restarted.",
        elements="str",
        default=[],
        pattern=r"(/[\x21-\x7e]+|[0-9A-Za-z.:\[\]*-]+)",
    ),
    "strategy": option(
        "str",
        "V(restart): one release after the other, connections wait meanwhile. V(blue_green): the"
        " new one serves beside the old one, which keeps running until the new one is confirmed; a"
        " small proxy of systemd in front of both sends new connections to the one or the other.",
        default=RESTART,
        choices=[RESTART, BLUE_GREEN],
    ),
    "start_seconds": option(
        "float", "How long it may take until it answers.", default=60.0, above=0, maximum=1800
    ),
    "drain_seconds": option(
        "float",
        "How long it may take to finish what it has begun.",
        default=30.0,
        above=0,
        maximum=1800,
    ),
    "probes": option(
        "list", "What is asked to see that it works.", elements="dict", options=PROBE, default=[]
    ),
    "confirmation": option("dict", "How a switch is confirmed.", options=CONFIRMATION, default={}),
    "requirements": requirements(),
}
