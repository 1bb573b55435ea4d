# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A log and its rotated files, all open at once, so that a rotation while they are read takes nothing away."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ..model_verification.reading import ReadingError, opened
from .errors import MovedError, UnreadableError, shown_path

#: What rotation adds to a name: a number or a date, .old, and what compressed it.
_ROTATED: t.Final = re.compile(r"[.-](?:\d[\d._T-]*|old)(?P<packed>\.(?:gz|zst|xz|bz2))?")
_PACKED: t.Final = re.compile(r"\.(?:gz|zst|xz|bz2)$")
_MAGIC: t.Final = re.compile(r"[*?\[]")
_ATTEMPTS: t.Final = 3
#: More files than this are no log with its history.
MOST_SEGMENTS: t.Final = 1000


@dataclass(frozen=True)
class Segment:
    """One open file of a log: ``size`` in bytes when it was opened, ``packed`` is "", gz, zst, xz or bz2."""

    path: Path
    descriptor: int
    size: int
    packed: str
    live: bool

    def require_whole(self) -> None:
        """Raise MovedError when the file is shorter than it was."""
        if os.fstat(self.descriptor).st_size < self.size:
            raise MovedError(f"'{shown_path(self.path)}' was truncated while it was read")


def live_paths(patterns: t.Iterable[str]) -> list[Path]:
    """Return the logs that some paths name, each once.

    A pattern names those that are there, without rotated ones.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        if not _MAGIC.search(pattern):
            found[Path(pattern)] = None
            continue

        names = {Path(path) for path in glob.glob(pattern)}  # noqa: PTH207 - a pattern from its root
        found.update((path, None) for path in sorted(names) if not _is_rotated(path, names))

    return list(found)


def _is_rotated(path: Path, others: set[Path]) -> bool:
    """Tell whether a file is an older part of another one of the same folder."""
    if _PACKED.search(path.name):
        return True

    return any(
        path.name.startswith(other.name) and _suffix(path.name, other.name) for other in others
    )


def _suffix(name: str, log: str) -> re.Match[str] | None:
    return _ROTATED.fullmatch(name, len(log))


@contextlib.contextmanager
def open_segments(log: Path) -> t.Iterator[list[Segment]]:
    """Give the open files of a log, in no order.

    Raises UnreadableError, MovedError when it will not hold still.

    An older file that cannot be opened is an error, too: nobody could say what stands in it.
    """
    for attempt in range(_ATTEMPTS):
        with contextlib.ExitStack() as stack:
            before = _listing(log)
            try:
                segments = [_open(stack, path, path == log) for path in before]
            except MovedError:
                if attempt + 1 < _ATTEMPTS:
                    continue
                raise

            if _listing(log) == before:
                yield segments
                return

    raise MovedError(f"'{shown_path(log)}' is being rotated over and over")


def _listing(log: Path) -> dict[Path, int]:
    """Return the inode of each file of a log by its path.

    Raises UnreadableError when its folder cannot be read.
    """
    try:
        with os.scandir(log.parent) as entries:
            found = {
                entry.name: entry.inode() for entry in entries if _belongs(entry.name, log.name)
            }
    except OSError as error:
        raise UnreadableError(
            f"the folder of '{shown_path(log)}' cannot be read: {error.strerror}"
        ) from error

    if log.name not in found:
        raise UnreadableError(f"'{shown_path(log)}' is not there")
    if len(found) > MOST_SEGMENTS:
        raise UnreadableError(f"'{shown_path(log)}' has more than {MOST_SEGMENTS} rotated files")

    # While a file is being compressed both are there; the new one may not be whole yet.
    doubled = {name for name in found if _PACKED.search(name) and _PACKED.sub("", name) in found}

    return {
        log.parent / name: inode for name, inode in sorted(found.items()) if name not in doubled
    }


def _belongs(name: str, log: str) -> bool:
    return name == log or (name.startswith(log) and _suffix(name, log) is not None)


def _open(stack: contextlib.ExitStack, path: Path, live: bool) -> Segment:
    """Open one file: never a FIFO or device, never one outside of its folder, so nothing blocks or is led astray."""
    packed = _PACKED.search(path.name)
    try:
        descriptor = stack.enter_context(opened(path, path.parent))
    except ReadingError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise MovedError(f"'{shown_path(path)}' went away while it was opened") from error
        raise UnreadableError(_clause(error, path)) from error

    return Segment(
        path,
        descriptor,
        os.fstat(descriptor).st_size,
        packed[0][1:] if packed and not live else "",
        live,
    )


def _clause(error: ReadingError, path: Path) -> str:
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return f"'{shown_path(path)}' cannot be read: {cause.strerror}"
    return shown_path(str(error).rstrip("."))
