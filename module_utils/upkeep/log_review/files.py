# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of a log: which rotated ones belong to it, opening all at once, unpacking them.

All are open before the first is read, so that a rotation meanwhile takes nothing away.
"""

from __future__ import annotations

import bz2
import contextlib
import glob
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import typing as t
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..base.deadline import Deadline
from ..base.files import open_resolved, reason_of
from ..base.text import visible

BLOCK: t.Final = 1 << 20
#: Compressed bytes taken at a time, so that a small file cannot unpack to a large piece of memory.
PACKED_BLOCK: t.Final = 1 << 18
#: More memory than this no rotated file needs to be unpacked, bytes; xz may ask for 4 GiB.
UNPACK_MEMORY: t.Final = 128 << 20
#: A file that was last written this much before a window holds nothing of it, seconds.
LATE: t.Final = 3600.0
#: More files than this within one window are not a log with its history.
MOST_PIECES: t.Final = 500
#: The first bytes of a log by which it is known again under another name.
KNOWN_BY: t.Final = 1024

_ATTEMPTS: t.Final = 3
_GZIP: t.Final = 31
_MAGIC: t.Final = (
    (re.compile(rb"\x1f\x8b"), "gz"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bz2"),
    (re.compile(rb"\xfd7zXZ\x00"), "xz"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zst"),
    (re.compile(rb"\x04\x22\x4d\x18"), "lz4"),
    (re.compile(rb"PK\x03\x04"), "zip"),
)
_PACKED_NAME: t.Final = re.compile(
    r"\.(?:gz|tgz|bz2|xz|lzma|zst|zstd|lz4|lzo|zip|7z|Z|br|sz|snappy)$", re.ASCII
)
_SAME_PACKING: t.Final = {"tgz": "gz", "zstd": "zst"}
_TOOLS: t.Final = {
    "zst": ("zstd", "--decompress", "--stdout", "--quiet", "--no-progress", "--memory=128MB"),
    "lz4": ("lz4", "-d", "-c", "-q"),
}
#: What rotation adds to a name: numbers, dates, weeks, words.
_ADDED: t.Final = re.compile(
    r"(?:[.](?:\d[\d._T:+Z-]*|\d{4}-?W\d\d|[Ww]\d\d)|[._-](?:\d{6}[\d._T:+Z-]*|\d{4}-[\d._T:+ZW-]*"
    r"|old|bak|back|backup|prev|previous|save|saved|orig|last|archive|rotated|copy))+~?|~",
    re.ASCII,
)
_SMALL_NUMBER: t.Final = re.compile(r"[_-]\d{1,5}", re.ASCII)
#: The same between a name and its ending, as in app-20261126.log and app.1.log.
_BETWEEN: t.Final = re.compile(
    r"[._-](?:\d{6}[\d._T:+Z-]*|\d{4}-[\d._T:+ZW-]*)|[.]\d{1,5}", re.ASCII
)
_UNKNOWN_ENDING: t.Final = re.compile(r"(?P<added>.*)\.(?P<ending>\w{1,8})", re.ASCII)
_COMPANIONS: t.Final = frozenset(
    [
        "asc",
        "idx",
        "lck",
        "lock",
        "md5",
        "offset",
        "part",
        "pid",
        "pos",
        "sha1",
        "sha256",
        "sig",
        "swp",
        "tmp",
    ]
)
_PATTERN: t.Final = re.compile(r"[*?\[]")


class UnreadableError(Exception):
    """A log, or a part of it, that could not be read; the message is a clause."""


class MovedError(UnreadableError):
    """A log that was rotated or truncated while it was read; reading it again may help."""


class Meter:
    """Counts the bytes that were read."""

    def __init__(self) -> None:
        self.read = 0


@dataclass(frozen=True)
class Piece:
    """One open file of a log: size in bytes and time of the last change when it was opened."""

    path: Path
    stream: t.BinaryIO
    size: int
    changed: float
    identity: tuple[int, int]
    packed: str
    live: bool

    @property
    def descriptor(self) -> int:
        """The file's descriptor."""
        return self.stream.fileno()

    def require_whole(self) -> None:
        """Raise MovedError when the file is shorter than it was."""
        if os.fstat(self.descriptor).st_size < self.size:
            raise MovedError(f"{quoted(self.path)} was truncated while it was read")


class Place(t.NamedTuple):
    """Up to where a file was read: known by a digest of its first ``length`` bytes."""

    digest: str
    length: int
    offset: int

    @classmethod
    def of(cls, head: bytes, offset: int) -> Place | None:
        """Return the place in a file that begins with ``head``; None for an empty one."""
        known = head[: min(KNOWN_BY, offset)]
        return cls(_digest(known), len(known), offset) if known else None

    def is_in(self, head: bytes) -> bool:
        """Return whether a file that begins with ``head`` is the one."""
        return len(head) >= self.length and _digest(head[: self.length]) == self.digest


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def quoted(path: object) -> str:
    """Return a path for people and for JSON, whatever bytes its name holds."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return f"'{visible(text)}'"


def live_paths(patterns: Iterable[str]) -> list[Path]:
    """Return the logs that some paths name, each once.

    A pattern names those that are there, without the rotated files of others of them.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        if not _PATTERN.search(pattern):
            found[Path(pattern)] = None
            continue

        names = sorted(Path(path) for path in glob.glob(pattern))  # noqa: PTH207 - from its root
        found.update((path, None) for path in names if not _is_rotated(path, names))

    return list(found)


def _is_rotated(path: Path, others: Iterable[Path]) -> bool:
    """Return whether a file is an older part of another one of the same folder."""
    return any(
        path != other and path.parent == other.parent and belongs(path.name, other.name)
        for other in others
    )


def belongs(name: str, log: str) -> bool:
    """Return whether a file of some name is the log, or a rotated part of it."""
    if name == log:
        return True

    base, packings = name, 0
    while (packing := _PACKED_NAME.search(base)) and packings < 3:
        base, packings = base[: packing.start()], packings + 1

    if base == log:
        return True

    stem, dot, ending = log.rpartition(".")
    has_ending = bool(stem and dot)
    if base.startswith(log):
        return _is_addition(base[len(log) :], has_ending)

    between = base[len(stem) : -len(ending) - 1]

    return (
        has_ending
        and base.startswith(stem)
        and base.endswith(f".{ending}")
        and len(base) > len(log)
        and _BETWEEN.fullmatch(between) is not None
    )


def _is_addition(text: str, has_ending: bool) -> bool:
    """Return whether a text behind a log's name comes from rotation.

    ``worker-2`` is another log than ``worker``; ``worker.log-2`` is a part of ``worker.log``.
    """
    if _ADDED.fullmatch(text) or (has_ending and _SMALL_NUMBER.fullmatch(text)):
        return True

    unknown = _UNKNOWN_ENDING.fullmatch(text)

    return (
        unknown is not None
        and unknown["ending"] not in _COMPANIONS
        and _ADDED.fullmatch(unknown["added"]) is not None
    )


@dataclass
class Pieces:
    """The open files of a log, in no order, and what of it could not be opened."""

    opened: list[Piece]
    gaps: list[str]


@contextlib.contextmanager
def open_pieces(log: Path, since: float, known: set[tuple[int, int]]) -> Iterator[Pieces]:
    """Give the open files of a log that may reach into the time from ``since`` on.

    Raises UnreadableError, MovedError when it does not hold still. Files in ``known`` were read
    already, under another name.
    """
    for attempt in range(_ATTEMPTS):
        with contextlib.ExitStack() as stack:
            before = _listing(log, since)
            try:
                pieces = _open_all(stack, log, before)
            except MovedError:
                if attempt + 1 < _ATTEMPTS:
                    continue
                raise

            if _listing(log, since) == before:
                pieces.opened = _distinct(pieces.opened, known)
                yield pieces
                return

    raise MovedError(f"{quoted(log)} is being rotated over and over")


def _distinct(pieces: list[Piece], known: set[tuple[int, int]]) -> list[Piece]:
    """Return each file once, the live name of it first."""
    kept = []
    for piece in sorted(pieces, key=lambda piece: not piece.live):
        if piece.identity not in known:
            known.add(piece.identity)
            kept.append(piece)

    return kept


def _listing(log: Path, since: float) -> dict[Path, int]:
    """Return the inode of each file of a log by its path; raises UnreadableError."""
    found: dict[str, int] = {}
    try:
        with os.scandir(log.parent) as entries:
            for entry in entries:
                if entry.name == log.name or (
                    belongs(entry.name, log.name) and _changed_since(entry, since - LATE)
                ):
                    found[entry.name] = entry.inode()
    except OSError as error:
        reason = reason_of(error)
        raise UnreadableError(f"the folder of {quoted(log)} cannot be read: {reason}") from error

    if log.name not in found:
        raise UnreadableError(f"{quoted(log)} is not there")
    if len(found) > MOST_PIECES:
        raise UnreadableError(f"{quoted(log)} has more than {MOST_PIECES} files in this window")

    # While a file is being compressed both are there; the new one may not be whole yet.
    doubled = {name for name in found if _PACKED_NAME.sub("", name) in found.keys() - {name}}
    doubled.discard(log.name)

    return {
        log.parent / name: inode for name, inode in sorted(found.items()) if name not in doubled
    }


def _changed_since(entry: os.DirEntry[str], moment: float) -> bool:
    try:
        return entry.stat().st_mtime >= moment
    except OSError:  # opening it says why
        return True


def _open_all(stack: contextlib.ExitStack, log: Path, paths: Iterable[Path]) -> Pieces:
    pieces = Pieces([], [])
    for path in paths:
        try:
            pieces.opened.append(_open(stack, path, path == log))
        except MovedError:
            raise
        except UnreadableError as error:
            if path == log:
                raise
            pieces.gaps.append(str(error))

    return pieces


def _open(stack: contextlib.ExitStack, path: Path, live: bool) -> Piece:
    """Open one file: never a FIFO or a device, never one outside of its folder."""
    try:
        stream = stack.enter_context(open_resolved(path, path.parent))
    except FileNotFoundError as error:
        raise MovedError(f"{quoted(path)} went away while it was opened") from error
    except OSError as error:
        reason = reason_of(error)
        clause = reason if reason.startswith(("is ", "leads ")) else f"cannot be read: {reason}"
        raise UnreadableError(f"{quoted(path)} {clause}") from error

    status = os.fstat(stream.fileno())
    identity = (status.st_dev, status.st_ino)
    packed = _packing(path, os.pread(stream.fileno(), 16, 0), live) if status.st_size else ""

    return Piece(path, stream, status.st_size, status.st_mtime, identity, packed, live)


def _packing(path: Path, head: bytes, live: bool) -> str:
    """Return how a file is packed, "" for text: by its content, else by its name."""
    for magic, packed in _MAGIC:
        if magic.match(head):
            return packed

    name = _PACKED_NAME.search(path.name)

    return "" if live or not name else _SAME_PACKING.get(name[0][1:], name[0][1:])


def read_head(piece: Piece, size: int, meter: Meter, deadline: Deadline) -> bytes:
    """Return the first bytes of a file's content; raises UnreadableError."""
    if not piece.packed:
        data = os.pread(piece.descriptor, min(size, piece.size), 0)
        meter.read += len(data)
        return data

    head = b""
    with contextlib.closing(unpacked(piece, meter, deadline)) as blocks:
        for block in blocks:
            head += block
            if len(head) >= size:
                break

    return head[:size]


def plain(
    piece: Piece, start: int, meter: Meter, deadline: Deadline
) -> Generator[bytes, None, None]:
    """Yield the bytes of a file from ``start`` to where it ended when it was opened.

    Raises MovedError, TimeoutError.
    """
    at = start
    while at < piece.size:
        deadline.remaining()
        block = os.pread(piece.descriptor, min(BLOCK, piece.size - at), at)
        if not block:
            raise MovedError(f"{quoted(piece.path)} was truncated while it was read")

        at += len(block)
        meter.read += len(block)
        yield block


def unpacked(piece: Piece, meter: Meter, deadline: Deadline) -> Generator[bytes, None, None]:
    """Yield the content of a packed file.

    Raises UnreadableError when it is damaged or cannot be unpacked here, TimeoutError.
    """
    if piece.packed in ("gz", "bz2", "xz", "lzma"):
        return _from_library(piece, meter, deadline)
    if piece.packed == "zip":
        return _from_zip(piece, meter, deadline)
    if piece.packed in _TOOLS:
        return _from_tool(piece, meter, deadline)

    raise UnreadableError(f"{quoted(piece.path)} is packed in a way that is not known here")


def _decompressor(kind: str) -> t.Any:
    if kind == "gz":
        return zlib.decompressobj(_GZIP)
    return bz2.BZ2Decompressor() if kind == "bz2" else lzma.LZMADecompressor(memlimit=UNPACK_MEMORY)


def _from_library(piece: Piece, meter: Meter, deadline: Deadline) -> Generator[bytes, None, None]:
    worker = _decompressor(piece.packed)
    at, fresh = 0, True
    try:
        while at < piece.size:
            data = os.pread(piece.descriptor, PACKED_BLOCK, at)
            if not data:
                raise MovedError(f"{quoted(piece.path)} was truncated while it was read")

            at += len(data)
            meter.read += len(data)
            while data:
                # A file may hold several streams, one after the other, and zeros that fill it up.
                if worker.eof:
                    worker, data = _decompressor(piece.packed), data.lstrip(b"\0")
                if data:
                    fresh = False
                    data = yield from _step(worker, data, deadline)
                    fresh = worker.eof
        if not worker.eof and not fresh and piece.packed == "gz":
            yield worker.flush()
    except (zlib.error, lzma.LZMAError, EOFError, OSError, MemoryError) as error:
        if isinstance(error, TimeoutError):
            raise
        raise UnreadableError(f"{quoted(piece.path)} is damaged: {error}") from error

    if not worker.eof and not fresh:
        raise UnreadableError(f"{quoted(piece.path)} ends in the middle of its packed content")


def _step(worker: t.Any, data: bytes, deadline: Deadline) -> Generator[bytes, None, bytes]:
    """Yield what some bytes unpack to, at most a block at a time.

    Return the bytes that are still to be given.
    """
    deadline.remaining()
    yield worker.decompress(data, BLOCK)
    if isinstance(worker, bz2.BZ2Decompressor | lzma.LZMADecompressor):
        while not worker.eof and not worker.needs_input:
            deadline.remaining()
            yield worker.decompress(b"", BLOCK)
        return worker.unused_data if worker.eof else b""

    return bytes(worker.unused_data if worker.eof else worker.unconsumed_tail)


def _from_zip(piece: Piece, meter: Meter, deadline: Deadline) -> Generator[bytes, None, None]:
    meter.read += piece.size
    try:
        with zipfile.ZipFile(piece.stream) as archive:
            for member in archive.infolist():
                with archive.open(member) as content:
                    while block := content.read(BLOCK):
                        deadline.remaining()
                        yield block
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnreadableError(f"{quoted(piece.path)} is damaged: {error}") from error


def _from_tool(piece: Piece, meter: Meter, deadline: Deadline) -> Generator[bytes, None, None]:
    """Yield what zstd(1) or lz4(1) write; the standard library of Python 3.11 has neither."""
    name, *words = _TOOLS[piece.packed]
    tool = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/local/bin")
    if tool is None:
        raise UnreadableError(
            f"{quoted(piece.path)} needs the package {name}, which is not installed here"
        )

    os.lseek(piece.descriptor, 0, os.SEEK_SET)
    with subprocess.Popen(  # noqa: S603 - a fixed command
        [tool, *words], stdin=piece.stream, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        stdout = t.cast(t.IO[bytes], process.stdout)
        try:
            while block := stdout.read(BLOCK):
                deadline.remaining()
                yield block
        except BaseException:
            process.kill()
            raise

    meter.read += piece.size
    if process.returncode:
        raise UnreadableError(f"{quoted(piece.path)} is damaged: {name} refused it")
