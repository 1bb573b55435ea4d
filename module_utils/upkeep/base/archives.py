# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Archives as streams, without a file of their own: what is written or read goes through a pipe."""

from __future__ import annotations

import io
import tarfile
import typing as t
from collections.abc import Callable, Iterator

_BLOCK: t.Final = 1 << 20


class _FedStream(io.RawIOBase):
    """The stream that an archive is written to."""

    def __init__(self, feed: Callable[[bytes], int]) -> None:
        self._feed = feed

    def writable(self) -> bool:
        return True

    def write(self, data: t.Any) -> int:
        return self._feed(bytes(data))


class ChunkStream(io.RawIOBase):
    """The stream that an archive is read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, fewer at the end only; all that are left for a negative size."""
        while size < 0 or len(self._rest) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._rest += chunk
        found, self._rest = (
            (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        )

        return found

    def drain(self) -> None:
        """Read to the end, so that whatever makes the chunks comes to its own end."""
        while self.read(_BLOCK):
            pass


def archive_writer(feed: Callable[[bytes], int]) -> tarfile.TarFile:
    """Return an archive whose bytes are given to ``feed``; use it in ``with``."""
    return tarfile.open(
        fileobj=_FedStream(feed), mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK
    )


def forget_members(archive: tarfile.TarFile) -> None:
    """Let an archive forget the members it had, which it would keep: there may be millions."""
    t.cast(t.Any, archive).members = []


def archive_reader(stream: ChunkStream) -> tarfile.TarFile:
    """Return an archive that is read member by member; raises tarfile.TarError."""
    return tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK)
