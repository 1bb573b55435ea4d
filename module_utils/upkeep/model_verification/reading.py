# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a file once for all its digests: the very file that lies under its root, and only if it held still meanwhile."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

#: Large enough that handing a block to a thread costs nothing beside its digest, bytes.
BLOCK: t.Final = 1 << 20
#: For a single digest, which needs no thread, bytes.
SMALL_BLOCK: t.Final = 1 << 18
#: Blocks that may wait for a digest.
AHEAD: t.Final = 8

Blocks = Queue[bytes | None]

Digester = t.Callable[[str], t.Any]


@dataclass(frozen=True)
class Reading:
    """What was read: size in bytes, last change (s since 1970), digests, and those that cannot be computed here."""

    bytes: int
    modified: float
    digests: t.Mapping[str, str]
    unavailable: tuple[str, ...] = ()


class ReadingError(Exception):
    """A file that gave no reading: the status of the finding, and why in a sentence."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


def new_digest(name: str) -> t.Any:
    """Return a digest object.

    Raises ValueError where the host's cryptography rules forbid the algorithm.
    """
    return hashlib.new(name, usedforsecurity=False)


def read(
    path: Path, root: Path, algorithms: t.Iterable[str], digester: Digester = new_digest
) -> Reading:
    """Return size and digests of the file at ``path``; raises ReadingError."""
    with opened(path, root) as descriptor:
        before = os.fstat(descriptor)
        digests, unavailable = _digests(algorithms, digester)
        total = _feed(descriptor, list(digests.values()), before.st_size)
        if total != before.st_size or _moved(before, os.fstat(descriptor), path):
            raise ReadingError(
                "unknown", f"'{path}' changed while it was read; verify it when nobody writes it."
            )

        hexadecimal = {name: digest.hexdigest() for name, digest in digests.items()}
        return Reading(before.st_size, before.st_mtime, hexadecimal, unavailable)


@contextlib.contextmanager
def opened(path: Path, root: Path) -> t.Iterator[int]:
    """Give a descriptor of the regular file at ``path``, which must lie under ``root``.

    Raises ReadingError.
    """
    try:
        descriptor = _open_beneath(path, root)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReadingError("critical", f"'{path}' is not there.") from error
    except (OSError, RuntimeError) as error:
        raise ReadingError("unknown", f"'{path}' cannot be read: {error}.") from error

    try:
        yield descriptor
    except OSError as error:
        raise ReadingError("unknown", f"'{path}' cannot be read: {error}.") from error
    finally:
        os.close(descriptor)


def _open_beneath(path: Path, root: Path) -> int:
    """Open a regular file.

    Links are resolved first; the way that they lead must then hold no link any more.
    """
    real_root, real = root.resolve(strict=True), path.resolve(strict=True)
    if real_root not in real.parents:
        raise ReadingError(
            "critical", f"'{path}' leads to {str(real)!r}, which is not under '{root}'."
        )

    *folders, name = real.relative_to(real_root).parts
    folder = os.open(real_root, os.O_PATH | os.O_DIRECTORY)

    try:
        for part in folders:
            deeper = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = deeper

        # Looked at before it is opened: opening a device can do something, opening a FIFO waits for
        # a writer.
        _require_file(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        descriptor = os.open(name, flags, dir_fd=folder)
    finally:
        os.close(folder)

    try:
        _require_file(path, os.fstat(descriptor))
    except ReadingError:
        os.close(descriptor)
        raise

    return descriptor


_KINDS: t.Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


def _require_file(path: Path, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        kind = _KINDS.get(stat.S_IFMT(seen.st_mode), "no file")
        raise ReadingError("critical", f"'{path}' is {kind}, not a regular file.")


def _digests(
    names: t.Iterable[str], digester: Digester
) -> tuple[dict[str, t.Any], tuple[str, ...]]:
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
    """Feed several digests: the last one here, each other in a thread that may run some blocks behind.

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


def _moved(before: os.stat_result, after: os.stat_result, path: Path) -> bool:
    """Tell whether the file was written meanwhile, or whether its path now leads to another one."""
    try:
        named = path.stat()
    except OSError:
        return True

    return not _signature(before) == _signature(after) == _signature(named)


def _signature(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
