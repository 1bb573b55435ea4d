# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``unix_socket``: does something accept connections on a Unix socket?"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding
from ..check import Check, ProbeError, milliseconds
from ..kind import NEVER, OTHERWISE, Kind, Row, always


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield whether a connection can be opened."""
    path = check.options["path"]
    started = time.monotonic()

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(deadline.remaining())
        try:
            connection.connect(path)
        except FileNotFoundError as error:
            message = f"the socket {path} does not exist: is the service running?"
            raise ProbeError("critical", message) from error
        except BlockingIOError as error:  # its queue of waiting connections is full
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from error

    message = f"{path} accepts connections"
    yield check.finding("ok", message, observed=milliseconds(started), unit="ms")


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    yield Row(check.id, f"`{_place(check)}` accepts connections", NEVER, OTHERWISE)


def _place(check: Check) -> str:
    return str(check.options["path"])


KIND = Kind(
    description="does anything accept connections on a Unix socket",
    gives="`unix_socket:NAME`",
    options={"path": option("path", "The socket.", required=True)},
    probe=probe,
    describe=describe,
    holds_change=True,
    network=True,
    place=_place,
    only_waits=always,
)
