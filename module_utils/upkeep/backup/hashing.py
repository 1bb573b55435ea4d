# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The hash of a file of a set."""

from __future__ import annotations

import hashlib
import typing as t

from ..base.deadline import Deadline

_CHUNK: t.Final = 1 << 20


def hash_of(stream: t.BinaryIO, deadline: Deadline) -> tuple[int, str]:
    """Return size and sha256 of a stream, read from its start; raises TimeoutError, OSError."""
    digest, size = hashlib.sha256(), 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        deadline.remaining()
        digest.update(chunk)
        size += len(chunk)

    return size, digest.hexdigest()
