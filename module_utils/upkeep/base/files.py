# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opening, writing and deleting files as root where others may have prepared a trap.

A folder that somebody else may write can hold a link, a FIFO, a device, a hard link or an endless
file under any name, and can be swapped between two calls. So every path is walked from its root
one component at a time, by descriptor and without following links; the file is looked at before it
is opened and again afterwards. Outside this package nothing opens a file by its name.

What goes wrong is an OSError: ``strerror`` is a clause ("is a FIFO, not a regular file").
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
import typing as t
from collections.abc import Collection, Iterator

from .deadline import Deadline
from .kernel import read_kernel as read_kernel
from .kernel import read_up_to
from .owner import Owner as Owner
from .text import visible

PathLike = str | os.PathLike[str]

#: cron skips names that begin with a dot, logrotate skips this ending: neither uses a draft.
_DRAFT_PREFIX: t.Final = ".upkeep-"
_DRAFT_SUFFIX: t.Final = ".disabled"
#: A draft that is older was left by a writer that was killed, s.
_STALE: t.Final = 86400.0
_MOST_LINKS: t.Final = 40
_FOLDER: t.Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: t.Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE: t.Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_GUARD: t.Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS: t.Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}


class UnsafeFileError(OSError):
    """A file that is not what it must be; ``strerror`` is a clause that says what it is."""

    def __init__(self, number: int, reason: str, path: PathLike) -> None:
        super().__init__(number, reason, visible(os.fspath(path)))


def reason_of(error: OSError) -> str:
    """Return why a file could not be used, as a clause without its name."""
    return error.strerror or str(error) or type(error).__name__


def open_regular(
    path: PathLike,
    *,
    root: PathLike | None = None,
    owner: int | Collection[int] | None = None,
    max_bytes: int | None = None,
    trusted_links: bool = False,
) -> t.BinaryIO:
    """Return a regular file, open for reading, that no component of its path led away from.

    The path must lie below ``root``, by default ``/``. Trusted links, which only root or we could
    have made, are followed on the way to the root, and below it with ``trusted_links``. ``owner``
    are the user ids that the file may belong to. Raises OSError, UnsafeFileError for a file that is
    not what it must be.
    """
    folder, name = _descend(path, root, trusted_links=trusted_links)
    try:
        # Opening a device can already do something, so it is checked before; what counts is after.
        _require(path, os.stat(name, dir_fd=folder, follow_symlinks=False), owner, max_bytes)
        descriptor = os.open(name, _READ, dir_fd=folder)
    finally:
        os.close(folder)

    try:
        _require(path, os.fstat(descriptor), owner, max_bytes)
    except OSError:
        os.close(descriptor)
        raise

    return os.fdopen(descriptor, "rb")


def open_resolved(
    path: PathLike,
    root: PathLike,
    *,
    owner: int | Collection[int] | None = None,
    max_bytes: int | None = None,
) -> t.BinaryIO:
    """Return a regular file as ``open_regular`` does, after the links of its path were resolved.

    For folders where links are usual (``current -> releases/7``): what they lead to must lie below
    ``root`` and is then walked without links. Raises OSError.
    """
    try:
        real_root, real = os.path.realpath(root, strict=True), os.path.realpath(path, strict=True)
    except (RuntimeError, ValueError) as error:
        raise UnsafeFileError(errno.ELOOP, str(error), path) from error

    if os.path.commonpath([real_root, real]) != real_root or real == real_root:
        reason = f"leads to '{visible(real)}', which is not below '{visible(os.fspath(root))}'"
        raise UnsafeFileError(errno.EXDEV, reason, path)

    # From the top: a folder on the way to the root can be swapped for a link as well.
    return open_regular(real, owner=owner, max_bytes=max_bytes)


def read_bytes(
    path: PathLike,
    limit: int,
    *,
    root: PathLike | None = None,
    owner: int | Collection[int] | None = None,
    trusted_links: bool = False,
    cut: bool = False,
) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes.

    A longer one raises UnsafeFileError, or is cut there with ``cut``. The rest is as for
    ``open_regular``.
    """
    max_bytes = None if cut else limit
    with open_regular(
        path, root=root, owner=owner, max_bytes=max_bytes, trusted_links=trusted_links
    ) as stream:
        data = read_up_to(stream.fileno(), limit + 1)

    if len(data) > limit and not cut:  # it grew, or its size is not known before
        raise _too_large(path, limit)

    return data[:limit]


def read_text(
    path: PathLike,
    limit: int,
    *,
    root: PathLike | None = None,
    owner: int | Collection[int] | None = None,
    trusted_links: bool = False,
    cut: bool = False,
    errors: str = "strict",
) -> str:
    """Return the content of a regular file as UTF-8 text; see ``read_bytes``.

    Raises UnicodeDecodeError (a ValueError) for other bytes, unless ``errors`` says what to do.
    """
    data = read_bytes(path, limit, root=root, owner=owner, trusted_links=trusted_links, cut=cut)

    return data.decode("utf-8", errors)


def write_atomic(
    path: PathLike,
    data: bytes | str,
    mode: int = 0o644,
    *,
    owner: Owner | None = None,
    root: PathLike | None = None,
    folder_mode: int | None = None,
) -> None:
    """Put a file in place whole: a draft beside it, on disk, then one rename, on disk as well.

    A reader sees the old file or the new one, also after a loss of power. What stands under the
    name is replaced, a link too. ``owner`` is for root: whom the file shall belong to.
    ``folder_mode`` makes missing folders. Text may hold undecodable bytes as ``surrogateescape``.
    Raises OSError; the old file is as it was then.
    """
    content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    folder, name = _descend(
        path, root, trusted_links=True, follow_last=False, folder_mode=folder_mode
    )

    try:
        _remove_stale_drafts(folder)
        draft = f"{_DRAFT_PREFIX}{os.urandom(8).hex()}{_DRAFT_SUFFIX}"
        try:
            _write_draft(folder, draft, content, mode, owner)
            os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(draft, dir_fd=folder)
            raise
        _sync_folder(folder)
    finally:
        os.close(folder)


def mode_of(path: PathLike) -> int:
    """Return the permission bits of a regular file; raises OSError as ``open_regular`` does."""
    with open_regular(path, trusted_links=True) as stream:
        return stat.S_IMODE(os.fstat(stream.fileno()).st_mode)


def narrow_mode(path: PathLike, mode: int) -> None:
    """Take permission bits that are not in ``mode`` from a regular file; raises OSError."""
    with open_regular(path, trusted_links=True) as stream:
        found = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        if found & ~mode:
            os.fchmod(stream.fileno(), found & mode)


def unlink_beneath(
    path: PathLike, root: PathLike | None = None, *, trusted_links: bool = False
) -> bool:
    """Delete a file below ``root``, following no link; return whether there was one.

    A link is deleted itself. ``trusted_links`` is as for ``open_regular``. Raises OSError,
    IsADirectoryError for a folder.
    """
    try:
        folder, name = _descend(path, root, trusted_links=trusted_links, follow_last=False)
    except FileNotFoundError:
        return False

    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    finally:
        os.close(folder)

    return True


def open_folder(path: PathLike, folder_mode: int | None = None) -> int:
    """Return a descriptor of a folder, to be listed, that no link of others led away from.

    ``folder_mode`` makes missing folders. Raises OSError.
    """
    folder, _ = _descend(f"{os.fspath(path)}/_", None, trusted_links=True, folder_mode=folder_mode)
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def exclusive(
    guard: PathLike, seconds: float = 10.0, *, folder_mode: int | None = None
) -> Iterator[None]:
    """Let one process at a time do what is inside, by flock(2) on the file ``guard``.

    The file is made when there is none, and stays. Raises OSError, TimeoutError when another
    process held it for ``seconds``.
    """
    folder, name = _descend(
        guard, None, trusted_links=True, follow_last=False, folder_mode=folder_mode
    )
    try:
        descriptor = os.open(name, _GUARD, 0o600, dir_fd=folder)
    finally:
        os.close(folder)

    try:
        _require(guard, os.fstat(descriptor), None, None)
        _wait_for(descriptor, Deadline(seconds), guard)
        yield
    finally:
        os.close(descriptor)  # ends the lock as well


def _start(path: PathLike, root: PathLike | None) -> tuple[int, list[str]]:
    """Return where a walk starts, and the components of the path from there, the last one first."""
    text = os.fspath(path)
    if not text.startswith("/"):
        raise UnsafeFileError(errno.EINVAL, "is not an absolute path", path)

    whole = os.path.normpath(text)
    start = "/" if root is None else os.path.normpath(os.fspath(root))
    if os.path.commonpath([start, whole]) != start:
        raise UnsafeFileError(errno.EXDEV, f"is not below '{visible(start)}'", path)

    parts = [part for part in os.path.relpath(whole, start).split("/") if part != "."]
    if not parts:
        raise UnsafeFileError(errno.EISDIR, "is a folder, not a regular file", path)

    return _open_root(start), parts[::-1]


def _open_root(path: str) -> int:
    """Return a descriptor of the folder where a walk starts, through trusted links only."""
    if path == "/":
        return os.open("/", _FOLDER)

    folder, name = _descend(path, None, trusted_links=True)

    try:
        return _enter(os.dup(folder), name, path, None)
    finally:
        os.close(folder)


def _descend(
    path: PathLike,
    root: PathLike | None,
    *,
    trusted_links: bool = False,
    follow_last: bool = True,
    folder_mode: int | None = None,
) -> tuple[int, str]:
    """Return a descriptor of the folder that holds the file, and the file's name in it."""
    folder, pending = _start(path, root)
    only_ours, followed = True, 0
    try:
        while True:
            part = pending.pop()
            is_last = not pending
            only_ours = only_ours and _only_we_write(os.fstat(folder))
            target = None if is_last and not follow_last else _link_target(folder, part)

            if target is not None:
                followed += 1
                if not trusted_links or not only_ours or not target.ours:
                    raise _link_refused(path, part, is_last)
                if followed > _MOST_LINKS:
                    raise UnsafeFileError(errno.ELOOP, "leads through too many links", path)
                pending += [piece for piece in target.path.split("/") if piece not in ("", ".")][
                    ::-1
                ]
                if target.path.startswith("/"):
                    folder = _replaced(folder, os.open("/", _FOLDER))
            elif is_last:
                if part == "..":
                    raise UnsafeFileError(errno.EISDIR, "is a folder, not a regular file", path)
                return folder, part
            else:
                folder = _enter(folder, part, path, folder_mode)

            if not pending:
                raise UnsafeFileError(errno.EISDIR, "is a folder, not a regular file", path)
    except BaseException:
        os.close(folder)
        raise


def _enter(folder: int, part: str, path: PathLike, folder_mode: int | None) -> int:
    """Return the folder one component deeper, for the one it stands in, which is closed."""
    try:
        deeper = os.open(part, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if folder_mode is None:
            raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, folder_mode, dir_fd=folder)
        deeper = os.open(part, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR) and _link_target(folder, part):
            raise _link_refused(path, part, is_last=False) from error
        raise

    return _replaced(folder, deeper)


def _replaced(old: int, new: int) -> int:
    os.close(old)
    return new


class _Target(t.NamedTuple):
    """Where a link leads, and whether root or we made it."""

    path: str
    ours: bool


def _link_target(folder: int, part: str) -> _Target | None:
    """Return where the component leads when it is a link, None when it is not or is missing."""
    try:
        status = os.stat(part, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return None
        return _Target(os.readlink(part, dir_fd=folder), status.st_uid in (0, os.geteuid()))
    except FileNotFoundError:
        return None


def _link_refused(path: PathLike, part: str, is_last: bool) -> UnsafeFileError:
    reason = (
        "is a link, not a regular file" if is_last else f"leads through the link '{visible(part)}'"
    )
    return UnsafeFileError(errno.ELOOP, reason, path)


def _only_we_write(status: os.stat_result) -> bool:
    """Return whether nobody but root and us can put something else under a name in this folder."""
    ours = status.st_uid in (0, os.geteuid())
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    return ours and (not others_write or bool(status.st_mode & stat.S_ISVTX))


def _require(
    path: PathLike,
    status: os.stat_result,
    owner: int | Collection[int] | None,
    max_bytes: int | None,
) -> None:
    """Raise UnsafeFileError unless the file is regular, of the right owner and not too large."""
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "of an unknown kind")
        raise UnsafeFileError(errno.EINVAL, f"is {kind}, not a regular file", path)

    owners = (owner,) if isinstance(owner, int) else owner
    if owners is not None and status.st_uid not in owners:
        named = " or ".join(map(str, sorted(owners)))
        reason = f"belongs to the user id {status.st_uid}, not to {named}"
        raise UnsafeFileError(errno.EPERM, reason, path)

    if max_bytes is not None and status.st_size > max_bytes:
        raise _too_large(path, max_bytes)


def _too_large(path: PathLike, limit: int) -> UnsafeFileError:
    return UnsafeFileError(errno.EFBIG, f"is larger than {limit} bytes", path)


def _write_draft(folder: int, draft: str, content: bytes, mode: int, owner: Owner | None) -> None:
    """Write a new file and have it on disk; nobody else may read it before it has its mode."""
    descriptor = os.open(draft, _CREATE, 0o600, dir_fd=folder)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        if owner is not None:
            os.fchown(descriptor, owner.uid, owner.gid)  # takes set-user-id bits away: mode follows
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: int) -> None:
    """Have a rename on disk; a file system that cannot sync a folder needs no help."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _remove_stale_drafts(folder: int) -> None:
    """Delete what writers left that were killed before their rename."""
    with contextlib.suppress(OSError):
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            for name in os.listdir(descriptor):  # noqa: PTH208 - a descriptor, not a path
                if name.startswith(_DRAFT_PREFIX) and name.endswith(_DRAFT_SUFFIX):
                    _remove_when_stale(descriptor, name)
        finally:
            os.close(descriptor)


def _remove_when_stale(folder: int, name: str) -> None:
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISREG(status.st_mode) and status.st_mtime < time.time() - _STALE:
        os.unlink(name, dir_fd=folder)


def _wait_for(descriptor: int, deadline: Deadline, guard: PathLike) -> None:
    """Take the lock of a descriptor; raises TimeoutError."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if deadline.is_over():
                message = f"'{visible(os.fspath(guard))}' is held by another process"
                raise TimeoutError(message) from error
            time.sleep(0.05)
