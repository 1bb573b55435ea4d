# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading whole folders that somebody else may change at the same time: every step by descriptor.

No link is followed and no other file system entered. What vanished on the way is passed over.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import os
import stat
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .files import UnsafeFileError, open_folder

_FOLDER: t.Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: t.Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class TreeEntry(t.NamedTuple):
    """A file, folder or link; ``target`` is where a link leads, ``stream`` holds a file's bytes.

    ``path`` is absolute. The stream is closed by the walk.
    """

    path: str
    status: os.stat_result
    target: str = ""
    stream: t.BinaryIO | None = None


@dataclass
class TreeWalk:
    """A walk over paths.

    ``left_out`` gets what is neither file, folder nor link, or vanished; ``mounts`` the folders
    that are of another file system, which are not entered.
    """

    exclude: Sequence[str] = ()
    left_out: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)

    def entries(self, path: str) -> Iterator[TreeEntry]:
        """Yield what stands under a path and everything below it.

        Raises OSError, UnsafeFileError for a path that leads through links of others or is one.
        """
        parent, name = os.path.split(os.path.normpath(path))
        folder = open_folder(parent)
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                raise UnsafeFileError(errno.ELOOP, "is a link; name what it leads to", path)
            yield from self._entry(folder, parent, name, status.st_dev)
        finally:
            os.close(folder)

    def _entry(self, folder: int, parent: str, name: str, device: int) -> Iterator[TreeEntry]:
        path = f"{parent.rstrip('/')}/{name}"
        with contextlib.ExitStack() as stack:
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    target = os.readlink(name, dir_fd=folder)
                    opened = None
                elif stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
                    target = ""
                    flags = _READ if stat.S_ISREG(status.st_mode) else _FOLDER
                    opened = os.open(name, flags, dir_fd=folder)
                    stack.callback(os.close, opened)
                    status = os.fstat(opened)
                else:
                    self.left_out.append(path)
                    return
            except FileNotFoundError:
                self.left_out.append(path)
                return
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                    raise
                self.left_out.append(path)  # it was swapped for something else
                return

            yield from self._opened(path, status, target, opened, device)

    def _opened(
        self, path: str, status: os.stat_result, target: str, opened: int | None, device: int
    ) -> Iterator[TreeEntry]:
        if opened is None:
            yield TreeEntry(path, status, target)
        elif stat.S_ISREG(status.st_mode):
            with os.fdopen(opened, "rb", closefd=False) as stream:
                yield TreeEntry(path, status, "", stream)
        elif stat.S_ISDIR(status.st_mode):
            yield TreeEntry(path, status)
            if status.st_dev == device:
                yield from self._below(path, opened, device)
            else:
                self.mounts.append(path)
        else:
            self.left_out.append(path)

    def _below(self, path: str, folder: int, device: int) -> Iterator[TreeEntry]:
        for name in sorted(os.listdir(folder)):
            if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self.exclude):
                yield from self._entry(folder, path, name, device)
