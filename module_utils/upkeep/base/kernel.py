# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that the kernel makes, as below /proc and /sys.

Apart from the other files, since nearly every module needs these and Python compiles all that a
module imports anew in each run on a host.
"""

from __future__ import annotations

import errno
import os
import stat
import typing as t

#: Files of the kernel are small; larger is not one of them, bytes.
KERNEL_BYTES: t.Final = 1 << 20
_BLOCK: t.Final = 1 << 16
_READ: t.Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read_kernel(path: str | os.PathLike[str], limit: int = KERNEL_BYTES) -> str:
    """Return the text of a file that the kernel makes; raises OSError.

    Fast, since there are thousands of them: only the last component is held against links.
    """
    descriptor = os.open(path, _READ)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", os.fspath(path))
        return read_up_to(descriptor, limit).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def read_up_to(descriptor: int, limit: int) -> bytes:
    """Return at most ``limit`` bytes from where the descriptor stands."""
    blocks: list[bytes] = []
    missing = limit
    while missing > 0 and (block := os.read(descriptor, min(missing, _BLOCK))):
        blocks.append(block)
        missing -= len(block)

    return b"".join(blocks)
