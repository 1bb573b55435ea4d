# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""With whose rights a file or folder is read: never with more than those who can replace it have.

A library that opens files by name, as SQLite does, cannot walk by descriptors. So its process takes
the rights of whoever could swap something on the way: what it is led to is then only what that user
may read anyway.
"""

from __future__ import annotations

import errno
import os
import stat
import typing as t
from pathlib import Path

from .files import Owner, PathLike, UnsafeFileError

_MOST_LINKS: t.Final = 40


class OwnedPath(t.NamedTuple):
    """A path without links, and the user to read it as."""

    path: str
    owner: Owner


def owned_path(path: PathLike) -> OwnedPath:
    """Return what a path leads to, and whose rights suffice to read it.

    A link is followed only where root alone could have made it. The owner is the user who could
    replace the file, or a folder on the way to it; the file must belong to the same user or root.
    Raises OSError, UnsafeFileError when several users could, or when anybody could.
    """
    real, folders = _walk(path)
    status = real.lstat()
    users = {folder.st_uid: Owner(folder.st_uid, folder.st_gid) for folder in folders}
    users.pop(0, None)

    if status.st_uid != 0:
        users[status.st_uid] = Owner(status.st_uid, status.st_gid)
    if len(users) > 1:
        raise UnsafeFileError(errno.EPERM, "can be replaced by another user than its owner", path)
    if users:
        return OwnedPath(str(real), next(iter(users.values())))
    if any(_open_to_others(folder) for folder in folders):
        raise UnsafeFileError(errno.EPERM, "is in a folder that others than root can write", path)

    return OwnedPath(str(real), Owner(0, status.st_gid))


def _walk(path: PathLike) -> tuple[Path, list[os.stat_result]]:
    """Return the path without links, and the status of each folder that has a part of it."""
    given = Path(path)
    if not given.is_absolute():
        raise UnsafeFileError(errno.EINVAL, "is not an absolute path", path)

    pending, walked, links = list(given.parts[:0:-1]), Path("/"), 0
    folders = [walked.lstat()]

    while pending:
        part = pending.pop()
        step = walked.parent if part == ".." else walked / part
        status = step.lstat()
        if stat.S_ISLNK(status.st_mode):
            links += 1
            _require_trusted_link(path, status, folders[-1], links)
            target = step.readlink()
            pending += [one for one in target.parts[::-1] if one != "/"]
            walked = Path("/") if target.is_absolute() else walked
        else:
            walked = step

        if pending:
            folders.append(walked.lstat())

    return walked, folders


def _require_trusted_link(
    path: PathLike, link: os.stat_result, folder: os.stat_result, number: int
) -> None:
    """Raise UnsafeFileError for a link that others than root could make, and for too many."""
    if number > _MOST_LINKS:
        raise UnsafeFileError(errno.ELOOP, "has too many links on its way", path)
    if link.st_uid != 0 or folder.st_uid != 0 or _open_to_others(folder):
        reason = "has a link on its way that others than root could make"
        raise UnsafeFileError(errno.ELOOP, reason, path)


def _open_to_others(folder: os.stat_result) -> bool:
    """Return whether others than its owner may replace what is in a folder."""
    return bool(folder.st_mode & 0o022) and not folder.st_mode & stat.S_ISVTX
