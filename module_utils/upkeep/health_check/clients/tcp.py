# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A TCP connection within a deadline, to the first address of a name that takes one."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ...base.deadline import Deadline
from ..check import CheckError


def connect(
    host: str, port: int, deadline: Deadline, resolved: Callable[[], None] = lambda: None
) -> socket.socket:
    """Return a connection; calls ``resolved`` once the addresses are known.

    The addresses share the time, so that one that swallows packets does not take all of it.
    Raises OSError or TimeoutError of the last address.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    resolved()
    failure: OSError = OSError(f"{host} has no address")

    for number, (family, kind, protocol, _name, address) in enumerate(found):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.remaining() / (len(found) - number))
            sock.connect(address)
            return sock
        except OSError as error:
            sock.close()
            failure = error

    raise failure


def validate_host(host: str) -> None:
    """Raise CheckError for a name that cannot be resolved because of how it is written."""
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise CheckError(f"{host!r} is not a host name: {error.__cause__ or error}") from error
