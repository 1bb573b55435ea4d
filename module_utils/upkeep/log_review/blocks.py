# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bytes of an open log, in pieces: from an offset on, and unpacked where rotation compressed it."""

from __future__ import annotations

import bz2
import lzma
import os
import shutil
import subprocess
import typing as t
import zlib

from .errors import Deadline, MovedError, UnreadableError, shown_path
from .opening import Segment

BLOCK: t.Final = 1 << 20
#: Compressed bytes taken at a time, so that a small file cannot unpack to a large piece of memory.
PACKED_BLOCK: t.Final = 1 << 18
#: Bytes that are unpacked at a time: few large pieces, since handing one to another thread takes
#: its time.
UNPACKED_BLOCK: t.Final = 1 << 22
_GZIP: t.Final = 31


class Meter:
    """Counts the bytes that were read from files."""

    def __init__(self) -> None:
        self.read = 0


def plain(
    segment: Segment, start: int, meter: Meter, deadline: Deadline
) -> t.Generator[bytes, None, None]:
    """Yield the bytes of a file from ``start`` to where it ended when it was opened.

    Raises MovedError.
    """
    at = start
    while at < segment.size:
        deadline.check()
        block = os.pread(segment.descriptor, min(BLOCK, segment.size - at), at)
        if not block:
            raise MovedError(f"'{shown_path(segment.path)}' was truncated while it was read")

        at += len(block)
        meter.read += len(block)
        yield block


def unpacked(segment: Segment, meter: Meter, deadline: Deadline) -> t.Generator[bytes, None, None]:
    """Yield the content of a compressed file.

    Raises UnreadableError when it is damaged or its tool is missing.
    """
    if segment.packed == "zst":
        return _from_zstd(segment, meter, deadline)
    return _from_library(segment, meter, deadline)


def _decompressor(kind: str) -> t.Any:
    if kind == "gz":
        return zlib.decompressobj(_GZIP)
    return bz2.BZ2Decompressor() if kind == "bz2" else lzma.LZMADecompressor()


def _from_library(
    segment: Segment, meter: Meter, deadline: Deadline
) -> t.Generator[bytes, None, None]:
    worker = _decompressor(segment.packed)
    at, fresh = 0, True
    try:
        while at < segment.size:
            deadline.check()
            data = os.pread(segment.descriptor, PACKED_BLOCK, at)
            if not data:
                raise MovedError(f"'{shown_path(segment.path)}' was truncated while it was read")

            at += len(data)
            meter.read += len(data)
            while data:
                # A file may hold several streams, one after the other, and zeros that fill it up.
                if worker.eof:
                    worker, data = _decompressor(segment.packed), data.lstrip(b"\0")
                if data:
                    fresh = False
                    data = yield from _step(worker, data)
                    fresh = worker.eof
        if not worker.eof and not fresh:
            yield from _rest(worker)
    except (zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise UnreadableError(f"'{shown_path(segment.path)}' is damaged: {error}") from error

    if not worker.eof and not fresh:
        raise UnreadableError(
            f"'{shown_path(segment.path)}' ends in the middle of its compressed content"
        )


def _step(worker: t.Any, data: bytes) -> t.Generator[bytes, None, bytes]:
    """Yield what a piece unpacks to, at most a block at a time.

    Return the bytes that are still to be given.
    """
    yield worker.decompress(data, UNPACKED_BLOCK)
    if isinstance(worker, (bz2.BZ2Decompressor, lzma.LZMADecompressor)):
        while not worker.eof and not worker.needs_input:
            yield worker.decompress(b"", UNPACKED_BLOCK)
        return worker.unused_data if worker.eof else b""

    return bytes(worker.unused_data if worker.eof else worker.unconsumed_tail)


def _rest(worker: t.Any) -> t.Iterator[bytes]:
    """Yield what zlib still holds back when all bytes were given."""
    if not isinstance(worker, (bz2.BZ2Decompressor, lzma.LZMADecompressor)):
        yield worker.flush()


def _from_zstd(
    segment: Segment, meter: Meter, deadline: Deadline
) -> t.Generator[bytes, None, None]:
    """Yield what zstd(1) writes.

    The standard library of the oldest supported Python cannot unpack it.
    """
    tool = shutil.which("zstd", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin")
    if tool is None:
        raise UnreadableError(
            f"'{shown_path(segment.path)}' needs the package zstd, which is not installed here"
        )

    os.lseek(segment.descriptor, 0, os.SEEK_SET)
    command = [tool, "--decompress", "--stdout", "--quiet", "--no-progress"]

    with subprocess.Popen(  # noqa: S603 - a fixed command
        command, stdin=segment.descriptor, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            while block := process.stdout.read(BLOCK):
                deadline.check()
                yield block
        except BaseException:
            process.kill()
            raise

    meter.read += segment.size
    if process.returncode:
        raise UnreadableError(f"'{shown_path(segment.path)}' is damaged: zstd gave it up")
