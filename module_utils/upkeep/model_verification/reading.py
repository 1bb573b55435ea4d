# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a file once for all its digests, and only if it did not change meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import typing as t
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from ..base import files
from ..base.text import visible

#: Large enough that handing a block to a thread costs nothing beside its digest, bytes.
BLOCK: t.Final = 1 << 20
#: For a single digest, which needs no thread, bytes.
SMALL_BLOCK: t.Final = 1 << 18
#: Blocks that may wait for a digest.
AHEAD: t.Final = 8
#: How often a file that changes meanwhile is read.
ATTEMPTS: t.Final = 2

Blocks = Queue[bytes | None]

Digester = t.Callable[[str], t.Any]


@dataclass(frozen=True)
class FileReading:
    """Size in bytes, last change (s since 1970), digests, and those this host does not compute."""

    bytes: int
    modified: float
    digests: t.Mapping[str, str]
    unavailable: tuple[str, ...] = ()


class ReadingError(Exception):
    """A file that could not be read: the status of the finding, and why in a sentence."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class _ChangedError(Exception):
    """The file was written, or another one took its place, while it was read."""


def new_digest(name: str) -> t.Any:
    """Return a digest object.

    Raises ValueError where the host's cryptography rules forbid the algorithm.
    """
    return hashlib.new(name, usedforsecurity=False)


def read(
    path: Path,
    root: Path,
    algorithms: Iterable[str],
    size: int | None = None,
    digester: Digester = new_digest,
) -> FileReading:
    """Return size and digests of the file at ``path``; raises ReadingError.

    A file of another ``size`` than the approved one needs no digest, and a sparse one of terabytes
    would take for ever.

    A file that changes meanwhile is read once more, since a training may be writing it. One that
    changes again is critical: whoever keeps touching a file would hide what it holds.
    """
    names = tuple(algorithms)
    for _ in range(ATTEMPTS):
        with contextlib.suppress(_ChangedError):
            return _read_once(path, root, names, size, digester)

    raise ReadingError(
        "critical",
        f"{quoted(path)} changed each of the {ATTEMPTS} times it was read, so nobody knows what it"
        " holds: find out who writes it.",
    )


def _read_once(
    path: Path, root: Path, algorithms: tuple[str, ...], size: int | None, digester: Digester
) -> FileReading:
    with opened(path, root) as descriptor:
        before = os.fstat(descriptor)
        if size is not None and before.st_size != size:
            return FileReading(before.st_size, before.st_mtime, {})

        digests, unavailable = _digests(algorithms, digester)
        total = _feed(descriptor, list(digests.values()), before.st_size)
        if total != before.st_size or _has_changed(before, os.fstat(descriptor), path):
            raise _ChangedError

        hexadecimal = {name: digest.hexdigest() for name, digest in digests.items()}
        return FileReading(before.st_size, before.st_mtime, hexadecimal, unavailable)


@contextlib.contextmanager
def opened(path: Path, root: Path) -> t.Iterator[int]:
    """Give a descriptor of the regular file at ``path``, which must lie under ``root``.

    Raises ReadingError: critical where the file is missing or is something else.
    """
    try:
        with files.open_resolved(path, root) as stream:
            yield stream.fileno()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReadingError("critical", f"{quoted(path)} is missing.") from error
    except files.UnsafeFileError as error:
        raise ReadingError("critical", f"{quoted(path)} {files.reason_of(error)}.") from error
    except OSError as error:
        reason = files.reason_of(error)
        raise ReadingError("unknown", f"{quoted(path)} cannot be read: {reason}.") from error


def quoted(path: Path) -> str:
    """Return a path for a message."""
    return f"'{visible(str(path))}'"


def _digests(names: Iterable[str], digester: Digester) -> tuple[dict[str, t.Any], tuple[str, ...]]:
    """Return the digest objects, and the names of those that this host refuses."""
    digests: dict[str, t.Any] = {}
    unavailable: list[str] = []
    for name in names:
        try:
            digests[name] = digester(name)
        except ValueError:
            unavailable.append(name)

    return digests, tuple(unavailable)


def _feed(descriptor: int, digests: t.Sequence[t.Any], size: int) -> int:
    """Feed the file to all digests and return the bytes read.

    A file that grows is given up beyond its size.
    """
    if not digests:
        return size
    if len(digests) == 1:
        return _feed_one(descriptor, digests[0], size)

    return _feed_all(descriptor, digests, size)


def _feed_one(descriptor: int, digest: t.Any, size: int) -> int:
    """Feed one digest.

    The block stays in the processor's cache, which is worth more than reading ahead.
    """
    total = 0
    while total <= size and (block := os.read(descriptor, SMALL_BLOCK)):
        total += len(block)
        digest.update(block)

    return total


def _feed_all(descriptor: int, digests: t.Sequence[t.Any], size: int) -> int:
    """Feed several digests: the last one here, each other in a thread some blocks behind.

    One thread for each digest and no more: with two processors, one that only reads would take time
    from both.
    """
    *others, own = digests
    queues: list[Blocks] = [Queue(AHEAD) for _ in others]
    total = 0

    with ThreadPoolExecutor(len(others)) as pool:
        fed = [
            pool.submit(_consume, digest, blocks)
            for digest, blocks in zip(others, queues, strict=True)
        ]
        try:
            while total <= size and (block := os.read(descriptor, BLOCK)):
                total += len(block)
                for blocks in queues:
                    blocks.put(block)

                own.update(block)
        finally:
            for blocks in queues:
                blocks.put(None)

    for future in fed:
        future.result()

    return total


def _consume(digest: t.Any, blocks: Blocks) -> None:
    """Feed a digest until the None at the end.

    One that fails still takes all blocks, so that nobody waits for it.
    """
    try:
        while (block := blocks.get()) is not None:
            digest.update(block)
    except BaseException:
        while blocks.get() is not None:
            pass
        raise


def _has_changed(before: os.stat_result, after: os.stat_result, path: Path) -> bool:
    """Return whether the file was written meanwhile, or its path now leads to another one."""
    try:
        named = path.stat()
    except OSError:
        return True

    return not _signature(before) == _signature(after) == _signature(named)


def _signature(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
