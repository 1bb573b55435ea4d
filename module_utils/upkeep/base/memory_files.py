# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files in memory, for what must be on no disk: nobody can open them by a path of the disk."""

from __future__ import annotations

import contextlib
import os
import typing as t

#: What is kept in memory is small; a larger file is refused, bytes.
MAX_BYTES: t.Final = 256 << 20
_PREFIX: t.Final = "/memfd:"


class MemoryFolder:
    """Files by name, as in a folder. They are gone with ``close``, and with the process."""

    def __init__(self) -> None:
        self._files: dict[str, int] = {}

    def __enter__(self) -> MemoryFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget all files."""
        for descriptor in self._files.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._files = {}

    def names(self) -> list[str]:
        """Return the names of the files, sorted."""
        return sorted(self._files)

    def create(self, name: str) -> t.BinaryIO:
        """Return a new file, open for reading and writing; raises FileExistsError."""
        if name in self._files:
            raise FileExistsError(name)
        self._files[name] = os.memfd_create(name, os.MFD_CLOEXEC)
        descriptor = os.dup(self._files[name])

        return t.cast(t.BinaryIO, os.fdopen(descriptor, "w+b", buffering=0))

    def read(self, name: str) -> t.BinaryIO:
        """Return a file, open for reading from its start; raises FileNotFoundError."""
        if name not in self._files:
            raise FileNotFoundError(name)
        path = f"/proc/self/fd/{self._files[name]}"

        return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), "rb")


def is_in_memory(descriptor: int) -> bool:
    """Return whether a descriptor is that of a file in memory."""
    target = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - it is no path

    return target.startswith(_PREFIX)
