# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``tcp``: does something accept connections there?"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

from ...findings import Finding
from ..check import Check, Deadline, Kind, always, host_and_port, milliseconds


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether a TCP connection can be opened."""
    address = (check.options["host"], check.options["port"])
    started = time.monotonic()
    socket.create_connection(address, timeout=deadline.remaining()).close()
    yield check.finding(
        "ok",
        f"{address[0]}:{address[1]} accepts connections",
        observed=milliseconds(started),
        unit="ms",
    )


KIND = Kind(
    options={
        "host": {"type": "str", "default": "127.0.0.1"},
        "port": {"type": "int", "required": True},
    },
    probe=probe,
    network=True,
    place=host_and_port,
    waits=always,
)
