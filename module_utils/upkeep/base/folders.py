# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder held by descriptor: what is made, renamed and deleted in it stays in it.

Names are single components; no call follows a link. What goes wrong is an OSError.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t
from collections.abc import Iterator

from .files import PathLike, UnsafeFileError, open_folder

_FOLDER: t.Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: t.Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE: t.Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """An open folder; ``path`` is what messages call it. Close it, or use it in ``with``."""

    def __init__(self, descriptor: int, path: str) -> None:
        self.descriptor = descriptor
        self.path = path

    @classmethod
    def private(cls, path: PathLike, *, make: bool = False) -> Folder:
        """Open a folder that is ours and that nobody else may read; ``make`` makes a missing one.

        Only root or we can have put it where it is. Raises OSError, UnsafeFileError.
        """
        folder = cls(open_folder(path, 0o700 if make else None), os.fspath(path))
        status = os.fstat(folder.descriptor)

        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
            folder.close()
            mode = stat.S_IMODE(status.st_mode)
            reason = f"has the mode {mode:04o} and the owner {status.st_uid}, not 0700 and ours"
            raise UnsafeFileError(errno.EPERM, reason, path)

        return folder

    @classmethod
    def owned(cls, path: PathLike, *, make: bool = False) -> Folder:
        """Open a folder that only root or we may write, and that others may read.

        ``make`` makes a missing one. Raises OSError, UnsafeFileError.
        """
        folder = cls(open_folder(path, 0o755 if make else None), os.fspath(path))
        status = os.fstat(folder.descriptor)

        if status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o022:
            folder.close()
            mode = stat.S_IMODE(status.st_mode)
            reason = f"has the mode {mode:04o} and the owner {status.st_uid}; others may write it"
            raise UnsafeFileError(errno.EPERM, reason, path)

        return folder

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder back."""
        os.close(self.descriptor)

    def names(self) -> list[str]:
        """Return the names in the folder, sorted."""
        return sorted(os.listdir(self.descriptor))  # noqa: PTH208 - a descriptor, not a path

    def status(self, name: str) -> os.stat_result:
        """Return the status of what stands under a name, of a link itself."""
        return os.stat(_component(name), dir_fd=self.descriptor, follow_symlinks=False)

    def has(self, name: str) -> bool:
        """Return whether something stands under a name."""
        try:
            self.status(name)
        except FileNotFoundError:
            return False

        return True

    def enter(self, name: str) -> Folder:
        """Return the folder of this name in the folder."""
        descriptor = os.open(_component(name), _FOLDER, dir_fd=self.descriptor)

        return Folder(descriptor, f"{self.path}/{name}")

    def make(self, name: str) -> Folder:
        """Make a folder that only we may read; raises FileExistsError for a taken name."""
        os.mkdir(_component(name), 0o700, dir_fd=self.descriptor)

        return self.enter(name)

    def read(self, name: str) -> t.BinaryIO:
        """Return a regular file of the folder, open for reading."""
        descriptor = os.open(_component(name), _READ, dir_fd=self.descriptor)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            reason = "is not a regular file"
            raise UnsafeFileError(errno.EINVAL, reason, f"{self.path}/{name}")

        return os.fdopen(descriptor, "rb")

    def create(self, name: str) -> t.BinaryIO:
        """Return a new file, open for reading and writing, that only we may read."""
        descriptor = os.open(_component(name), _CREATE, 0o600, dir_fd=self.descriptor)

        return t.cast(t.BinaryIO, os.fdopen(descriptor, "w+b", buffering=0))

    def rename(self, old: str, new: str) -> None:
        """Give a name to what has another one, and have that on disk."""
        os.rename(
            _component(old),
            _component(new),
            src_dir_fd=self.descriptor,
            dst_dir_fd=self.descriptor,
        )
        self.sync()

    def move(self, name: str, folder: Folder, new: str) -> None:
        """Give what stands under a name another one in another folder of the file system."""
        os.rename(
            _component(name),
            _component(new),
            src_dir_fd=self.descriptor,
            dst_dir_fd=folder.descriptor,
        )
        folder.sync()
        self.sync()

    def link(self, name: str, target: str) -> None:
        """Let a name lead to ``target``, in one step for who reads it, and have that on disk."""
        draft = f".{os.urandom(8).hex()}.link"
        os.symlink(target, draft, dir_fd=self.descriptor)
        try:
            self.rename(draft, name)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=self.descriptor)
            raise

    def target(self, name: str) -> str:
        """Return where a link leads, '' when there is no link of this name."""
        try:
            return os.readlink(_component(name), dir_fd=self.descriptor)
        except FileNotFoundError:
            return ""
        except OSError as error:
            if error.errno == errno.EINVAL:
                return ""
            raise

    def sync(self) -> None:
        """Have the names of the folder on disk."""
        os.fsync(self.descriptor)

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the path below the folder, and the status, of everything that is not a folder."""
        for name in self.names():
            status = self.status(name)
            if not stat.S_ISDIR(status.st_mode):
                yield name, status
                continue
            with self.enter(name) as inner:
                for path, found in inner.files():
                    yield f"{name}/{path}", found

    def sync_all(self) -> None:
        """Have everything below the folder on disk; a link is on disk with its name."""
        for name in self.names():
            mode = self.status(name).st_mode
            if stat.S_ISDIR(mode):
                with self.enter(name) as inner:
                    inner.sync_all()
            elif stat.S_ISREG(mode):
                with self.read(name) as stream:
                    os.fsync(stream.fileno())
        self.sync()

    def remove(self, name: str) -> None:
        """Delete what stands under a name with everything below it; nothing there is fine."""
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISDIR(self.status(name).st_mode):
                os.unlink(name, dir_fd=self.descriptor)
                return
            with self.enter(name) as inner:
                for each in inner.names():
                    inner.remove(each)
            os.rmdir(name, dir_fd=self.descriptor)


def _component(name: str) -> str:
    if not name or "/" in name or name in (".", "..") or "\0" in name:
        raise UnsafeFileError(errno.EINVAL, "is not a name in a folder", name)

    return name
