# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``unix_socket``: does something accept connections on a Unix socket?"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator

from ...findings import Finding
from ..check import Check, Deadline, Kind, ProbeError, always, milliseconds


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether a connection can be opened."""
    path = check.options["path"]
    started = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(deadline.remaining())
        try:
            connection.connect(path)
        except FileNotFoundError as error:
            raise ProbeError(
                "critical", f"the socket {path} does not exist: is the service running?"
            ) from error
        except BlockingIOError as error:  # its queue of waiting connections is full
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from error

    yield check.finding(
        "ok", f"{path} accepts connections", observed=milliseconds(started), unit="ms"
    )


def _place(check: Check) -> str:
    return str(check.options["path"])


KIND = Kind(
    options={"path": {"type": "path", "required": True}},
    probe=probe,
    network=True,
    place=_place,
    waits=always,
)
