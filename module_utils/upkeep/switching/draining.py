# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait until what listens on a socket of the file system has no connection left."""

from __future__ import annotations

import os
import time
import typing as t

from ..base.deadline import Deadline
from ..base.files import read_text

#: A table of all sockets of a host is not larger, bytes.
_LARGEST: t.Final = 32 << 20
_LISTENS: t.Final = 0x10000
#: Not accepted yet, and accepted.
_OPEN: t.Final = ("02", "03")


def connections(path: str) -> int:
    """Return how many connections the listener of a socket has, also not yet accepted ones."""
    return len(_open_ones(read_text(f"/proc/{os.getpid()}/net/unix", _LARGEST), path))


def drain(path: str, deadline: Deadline) -> int:
    """Wait for the last connection to end; return how many are left when time is up."""
    while left := connections(path):
        if deadline.is_over():
            return left
        time.sleep(min(0.05, deadline.left))

    return 0


def _open_ones(table: str, path: str) -> list[str]:
    """Return the lines of connections, by what the kernel shows of sockets.

    The side of the listener carries its path: number, references, protocol, flags, type, state,
    inode, path.
    """
    found = []
    for line in table.splitlines():
        parts = line.split(None, 7)
        ours = len(parts) == 8 and parts[7] == path and parts[5] in _OPEN
        if ours and not int(parts[3], 16) & _LISTENS:
            found.append(line)

    return found
