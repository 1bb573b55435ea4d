# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does anything answer where the hosts should be?

Asked before ssh does, so that silence costs one line.
"""

from __future__ import annotations

import socket
import typing as t
from concurrent.futures import ThreadPoolExecutor

Address = tuple[str, int]


def answers(address: Address, seconds: float = 2.0) -> bool:
    """Return whether a TCP connection to (host, port) is accepted within the time."""
    try:
        with socket.create_connection(address, timeout=seconds):
            return True
    except OSError:
        return False


def any_answers(addresses: t.Collection[Address], seconds: float = 2.0) -> bool:
    """Return whether at least one of the addresses answers; all are asked at once.

    No address: nothing to ask.
    """
    if not addresses:
        return True
    with ThreadPoolExecutor(max_workers=min(32, len(addresses))) as pool:
        return any(pool.map(lambda address: answers(address, seconds), addresses))


def addresses(hosts: t.Iterable[t.Mapping[str, t.Any]]) -> list[Address]:
    """Return the ssh addresses of the hosts that have a hint for when they are unreachable."""
    return [
        (
            str(host.get("ansible_host") or host["inventory_hostname"]),
            int(host.get("ansible_port") or 22),
        )
        for host in hosts
        if host.get("unreachable_hint")
    ]
