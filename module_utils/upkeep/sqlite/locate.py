# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose file is it, and who may have led us to it? Decided before anything is opened.

A file is worked on with the rights of its owner only. A link on the way counts when root or that
same owner made it; a file of root only when nobody else can swap any part of its path.
"""

from __future__ import annotations

import errno
import os
import stat
import typing as t
from pathlib import Path

from ..base.files import Owner, reason_of
from ..base.text import visible

_MOST_LINKS: t.Final = 40


class LocatedFile(t.NamedTuple):
    """A file by its path without links, its owner, and its identity on disk."""

    path: Path
    owner: Owner
    identity: tuple[int, int]


class RefusedFile(t.NamedTuple):
    """Why a file is left alone: the status and message of its finding."""

    status: str
    message: str


class _Way(t.NamedTuple):
    """What lies on the way to a file: the links and the folders, then the file itself."""

    path: Path
    links: list[os.stat_result]
    folders: list[os.stat_result]
    file: os.stat_result


def locate(path: Path) -> LocatedFile | RefusedFile:
    """Return the file that a path leads to, or why it must not be worked on."""
    name = f"'{visible(str(path))}'"
    try:
        way = _walk(str(path))
    except (FileNotFoundError, NotADirectoryError):
        return RefusedFile("critical", f"{name} does not exist; restore it from its last backup.")
    except OSError as error:
        return RefusedFile("unknown", f"{name} cannot be examined: {reason_of(error)}.")

    if not stat.S_ISREG(way.file.st_mode):
        return RefusedFile("critical", f"{name} is not a regular file; find out who put it there.")
    if any(link.st_uid not in (0, way.file.st_uid) for link in way.links):
        reason = "leads through a link that somebody else made to the file of another user"
        return RefusedFile("critical", f"{name} {reason}.")
    if way.file.st_uid == 0 and any(_others_write(folder) for folder in way.folders):
        reason = "belongs to root, but other users may change a folder on the way to it"
        advice = "make it the file of its application's user"
        return RefusedFile("critical", f"{name} {reason}; {advice}.")

    owner = Owner(way.file.st_uid, way.file.st_gid)

    return LocatedFile(way.path, owner, identity(way.file))


def identity(status: os.stat_result) -> tuple[int, int]:
    """Return device and inode, which no other file has at the same time."""
    return status.st_dev, status.st_ino


def _walk(path: str) -> _Way:
    """Return what lies on the way to a file; raises OSError."""
    links: list[os.stat_result] = []
    folders = [os.lstat("/")]
    here, pending = Path("/"), path.split("/")[::-1]

    while pending:
        part = pending.pop()
        if part == "..":
            here = here.parent
        if part in ("", ".", ".."):
            continue

        there = here / part
        status = there.lstat()
        if stat.S_ISLNK(status.st_mode):
            links.append(status)
            if len(links) > _MOST_LINKS:
                raise OSError(errno.ELOOP, "its links lead in a circle")
            target = str(there.readlink())
            here = Path("/") if target.startswith("/") else here
            pending += target.split("/")[::-1]
        elif any(rest not in ("", ".") for rest in pending):
            folders.append(status)
            here = there
        else:
            return _Way(there, links, folders, status)

    return _Way(here, links, folders, here.lstat())


def _others_write(folder: os.stat_result) -> bool:
    """Return whether somebody besides root can put something else under a name in a folder."""
    writable = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    return folder.st_uid != 0 or bool(writable and not folder.st_mode & stat.S_ISVTX)
