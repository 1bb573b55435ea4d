# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that tests leave behind: found and removed with the rights of whoever could have."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import stat
import time
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..base import files, isolated
from ..base.ownership import owned_path
from .settings import Leftovers

#: Files of a database that live and die with it.
_COMPANIONS: t.Final = ("-wal", "-shm", "-journal")
#: Folders that are never searched.
_SKIPPED: t.Final = frozenset((".git", ".hg", ".svn", "node_modules", "venv", ".venv"))
MOST: t.Final = 10_000
#: Inode that stands for a folder that cannot be read: no file has it.
_UNREAD: t.Final = 0
_MOST_DEPTH: t.Final = 40


class LeftoverError(Exception):
    """The folder cannot be searched; the message is a clause."""


@dataclass
class LeftoverReport:
    """Paths that may go, those that were removed, and those that are in use or young.

    ``unread`` are folders into which nobody could look.
    """

    due: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    in_use: list[str] = field(default_factory=list)
    young: int = 0
    failed: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def clean(leftovers: Leftovers, rehearsal: bool, seconds: float) -> LeftoverReport:
    """Return what was found and removed; raises LeftoverError.

    A file is in use while a process has it open. Never a link, never what lies on another file
    system or behind a link.
    """
    try:
        owned = owned_path(leftovers.root)
    except OSError as error:
        raise LeftoverError(files.reason_of(error)) from error

    values, problem = isolated.run(
        lambda: _search(owned.path, leftovers), seconds, owned.owner, limits=isolated.PARSING
    )
    if problem:
        raise LeftoverError(problem)

    report = LeftoverReport()
    opened = _open_files() if values else frozenset()
    for path, age, inode, device in values:
        kept = path in leftovers.keep
        if inode == _UNREAD:
            report.unread.append(path)
        elif kept or (device, inode) in opened:
            report.in_use.append(path)
        elif age < leftovers.seconds:
            report.young += 1
        else:
            report.due.append(path)

    if report.due and not rehearsal:
        _remove(owned.path, owned.owner, report, seconds)

    return report


def _search(root: str, leftovers: Leftovers) -> Iterator[tuple[str, float, int, int]]:
    """Yield path, age, inode and device of each file, and folders that cannot be read.

    One of another account that it keeps to itself is left out: what is in it is not left over from
    tests of this account. Runs in the isolated process.
    """
    device, now, count = os.lstat(root).st_dev, time.time(), 0
    unread: list[str] = []

    def note(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError) and not _is_of_others(error):  # or gone by now
            unread.append(f"{error.filename}: {files.reason_of(error)}")

    for folder, inner, names in os.walk(root, onerror=note, followlinks=False):
        depth = folder.count("/") - root.count("/")
        inner[:] = [
            name
            for name in sorted(inner)
            if name not in _SKIPPED and depth < _MOST_DEPTH and _is_on(folder, name, device)
        ]
        for name in sorted(fnmatch.filter(names, leftovers.files)):
            path = f"{folder}/{name}"
            status = _status(path)
            if status is None or not stat.S_ISREG(status.st_mode):
                continue

            count += 1
            if count > MOST:
                raise isolated.IsolatedError(f"more than {MOST} files are named like that")
            yield path, _age(path, status, now), status.st_ino, status.st_dev

    for path in unread[:MOST]:
        yield path, 0.0, _UNREAD, device


def _is_of_others(error: OSError) -> bool:
    """Return whether a folder is closed since it belongs to another account."""
    status = _status(error.filename) if isinstance(error, PermissionError) else None

    return status is not None and status.st_uid != os.geteuid()


def _is_on(folder: str, name: str, device: int) -> bool:
    status = _status(f"{folder}/{name}")

    return status is not None and stat.S_ISDIR(status.st_mode) and status.st_dev == device


def _status(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _age(path: str, status: os.stat_result, now: float) -> float:
    """Return the seconds since the file, or one that lives with it, was written."""
    others = [_status(path + ending) for ending in _COMPANIONS]

    return now - max(one.st_mtime for one in (status, *others) if one is not None)


def _open_files() -> frozenset[tuple[int, int]]:
    """Return device and inode of all files that a process has open, as far as we may see."""
    found: set[tuple[int, int]] = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        # It may have ended, or be another user's when we are not root.
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    status = descriptor.stat()
                    found.add((status.st_dev, status.st_ino))

    return frozenset(found)


def _remove(root: str, owner: files.Owner, report: LeftoverReport, seconds: float) -> None:
    def remove() -> Iterator[tuple[str, str]]:
        for path in report.due:
            try:
                files.unlink_beneath(path, root)
                for ending in _COMPANIONS:
                    files.unlink_beneath(path + ending, root)
                yield path, ""
            except OSError as error:
                yield path, files.reason_of(error)

    values, problem = isolated.run(remove, seconds, owner)
    report.removed = [path for path, reason in values if not reason]
    report.failed = [f"{path}: {reason}" for path, reason in values if reason]
    if problem:
        report.failed.append(problem)
