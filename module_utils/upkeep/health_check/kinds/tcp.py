# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``tcp``: does something accept connections there?"""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding
from ..check import Check, milliseconds
from ..clients.tcp import connect, validate_host
from ..kind import NEVER, OTHERWISE, Kind, Row, always, host_and_port, tries


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether a TCP connection can be opened."""
    started = time.monotonic()
    connect(check.options["host"], check.options["port"], deadline).close()
    yield check.finding(
        "ok",
        f"{host_and_port(check)} accepts connections",
        observed=milliseconds(started),
        unit="ms",
    )


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    asks = f"{host_and_port(check)} accepts connections{tries(check)}"
    yield Row(check.id, asks, NEVER, OTHERWISE)


KIND = Kind(
    description="does anything accept connections on a TCP port",
    gives="`tcp:NAME`",
    options={
        "host": option("str", "Name or address.", default="127.0.0.1"),
        "port": option("int", "The port.", required=True, minimum=1, maximum=65535),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    network=True,
    outside=True,
    place=host_and_port,
    validate=lambda check: validate_host(check.options["host"]),
    only_waits=always,
)
