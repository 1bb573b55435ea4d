# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpacking an archive below a folder held by descriptor: no member leaves it, no link is followed.

Names in the archive are absolute paths without the leading slash. Owner, mode and time of a folder
are set at the end, so that nobody else gets in while it is filled.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
import typing as t
from collections import Counter
from collections.abc import Iterator, Mapping

from .archives import ChunkStream, archive_reader, forget_members
from .folders import Folder

#: What is counted of an archive and of a tree.
COUNTED: t.Final = ("files", "folders", "links", "raw_bytes")
_CHUNK: t.Final = 1 << 20
_ZEROS: t.Final = bytes(_CHUNK)

Counts = dict[str, int]
#: Path of a folder -> its owner and group as numbers, and its mode.
FolderRights = dict[str, list[int]]


class UnpackingError(Exception):
    """An archive holds what cannot be unpacked; the message names it."""


def unpack(
    stream: ChunkStream, places: Mapping[str, Folder], above: FolderRights | None = None
) -> tuple[Counts, Counts]:
    """Unpack what lies at or below some paths, each into the folder that stands for its parent.

    ``above`` gets the rights of the archive's folders that these paths lie in. Return the counts of
    the whole archive, and of what was unpacked. Raises UnpackingError, tarfile.TarError, OSError.
    """
    all_counts: Counter[str] = Counter()
    unpacked: Counter[str] = Counter()
    folders: list[tuple[Folder, list[str], tarfile.TarInfo]] = []

    with archive_reader(stream) as archive:
        while (member := archive.next()) is not None:
            forget_members(archive)
            counts = _counts(member)
            all_counts.update(counts)
            found = _place(f"/{member.name}", places)
            if found is None:
                if above is not None and member.isdir():
                    above[f"/{member.name}"] = [member.uid, member.gid, member.mode & 0o7777]
                _pass_over(archive, member)
                continue
            _unpack_member(archive, member, *found)
            unpacked.update(counts)
            if member.isdir():
                folders.append((*found, member))
    stream.drain()  # so that the end of the compressed stream is checked as well

    for place, parts, member in reversed(folders):
        _finish_folder(place, parts, member)

    return _whole(all_counts), _whole(unpacked)


def count_tree(folder: Folder, name: str) -> Counts:
    """Return the counts of what stands under a name and below it; raises OSError."""
    return _whole(Counter(dict(_tree_counts(folder, name))))


def move_missing(
    old: Folder,
    new: Folder,
    is_kept: t.Callable[[str], bool],
    moved: list[tuple[str, ...]],
    parts: tuple[str, ...] = (),
) -> None:
    """Move what ``is_kept`` says of a name from an old tree into a new one that lacks it.

    ``moved`` gets the components of each path below the trees; raises OSError.
    """
    for name in old.names():
        if is_kept(name) and not new.has(name):
            move(old, name, new, name)
            moved.append((*parts, name))
        elif _is_folder(old, name) and _is_folder(new, name):
            with old.enter(name) as inner, new.enter(name) as target:
                move_missing(inner, target, is_kept, moved, (*parts, name))


def move_each(old: Folder, new: Folder, paths: list[tuple[str, ...]]) -> None:
    """Move what stands under some paths back, the last one first; ``paths`` is empty then."""
    while paths:
        *parents, name = paths[-1]
        with _parent(old, [*parents, name]) as source, _parent(new, [*parents, name]) as target:
            move_back(source, name, target, name)
        paths.pop()


def move(old: Folder, old_name: str, new: Folder, new_name: str) -> None:
    """Move what stands under a name to another folder of the same file system, on disk as well.

    Where that fails, it has its old name; nothing may stand under the new one.
    """
    os.rename(old_name, new_name, src_dir_fd=old.descriptor, dst_dir_fd=new.descriptor)
    try:
        new.sync()
        old.sync()
    except OSError:
        move_back(new, new_name, old, old_name)
        raise


def move_back(new: Folder, new_name: str, old: Folder, old_name: str) -> None:
    """Undo a move: who uses the name must find it, also where the disk does not take it."""
    os.rename(new_name, old_name, src_dir_fd=new.descriptor, dst_dir_fd=old.descriptor)
    for folder in (old, new):
        with contextlib.suppress(OSError):
            folder.sync()


def _is_folder(folder: Folder, name: str) -> bool:
    return folder.has(name) and stat.S_ISDIR(folder.status(name).st_mode)


def _counts(member: tarfile.TarInfo) -> Counts:
    if member.isreg():
        return {"files": 1, "raw_bytes": member.size}

    return {"folders" if member.isdir() else "links": 1}


def _whole(counts: Counter[str]) -> Counts:
    return {name: counts[name] for name in COUNTED}


def _tree_counts(folder: Folder, name: str) -> Iterator[tuple[str, int]]:
    counts: Counter[str] = Counter()
    status = folder.status(name)
    if stat.S_ISREG(status.st_mode):
        counts.update(files=1, raw_bytes=status.st_size)
    elif stat.S_ISDIR(status.st_mode):
        counts["folders"] += 1
        with folder.enter(name) as inner:
            for each in inner.names():
                counts.update(dict(_tree_counts(inner, each)))
    else:
        counts["links"] += 1

    yield from counts.items()


def _place(path: str, places: Mapping[str, Folder]) -> tuple[Folder, list[str]] | None:
    """Return the folder that a member belongs below, and the components of its path there."""
    for root, folder in places.items():
        if path == root or path.startswith(f"{root}/"):
            base = root.rpartition("/")[2]
            parts = [base, *path[len(root) :].split("/")[1:]]
            if any(part in ("", ".", "..") or "\0" in part for part in parts):
                raise UnpackingError(f"the archive has a member with the path {path!r}")
            return folder, parts

    return None


@contextlib.contextmanager
def _parent(place: Folder, parts: list[str]) -> Iterator[Folder]:
    """Yield the folder that a member stands in; folders that have no member are made."""
    folder = Folder(os.dup(place.descriptor), place.path)
    try:
        for part in parts[:-1]:
            inner = folder.enter(part) if folder.has(part) else folder.make(part)
            folder.close()
            folder = inner
        yield folder
    finally:
        folder.close()


def _unpack_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, place: Folder, parts: list[str]
) -> None:
    name = parts[-1]
    with _parent(place, parts) as folder:
        if member.isdir():
            if not folder.has(name):
                folder.make(name).close()
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=folder.descriptor)
            _give(folder, name, member)
        elif member.isreg():
            with folder.create(name) as out:
                _copy(archive, member, out)
                if os.geteuid() == 0:
                    os.fchown(out.fileno(), member.uid, member.gid)
                os.fchmod(out.fileno(), stat.S_IMODE(member.mode))
                os.utime(out.fileno(), (member.mtime, member.mtime))
        else:
            raise UnpackingError(f"'{'/'.join(parts)}' is neither file, folder nor link")


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, out: t.BinaryIO) -> None:
    """Write a file; where it holds nothing but zeros it takes no room."""
    content = archive.extractfile(member)
    while content and (chunk := content.read(_CHUNK)):
        if chunk == _ZEROS[: len(chunk)]:
            out.seek(len(chunk), os.SEEK_CUR)
            continue
        left = memoryview(chunk)
        while left:
            left = left[out.write(left) :]
    out.truncate()  # to where we are, behind zeros at the end as well


def _pass_over(archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    content = archive.extractfile(member) if member.isreg() else None
    while content and content.read(_CHUNK):
        pass


def _give(folder: Folder, name: str, member: tarfile.TarInfo) -> None:
    """Give a link its owner and time."""
    if os.geteuid() == 0:
        os.chown(name, member.uid, member.gid, dir_fd=folder.descriptor, follow_symlinks=False)
    times = (member.mtime, member.mtime)
    os.utime(name, times, dir_fd=folder.descriptor, follow_symlinks=False)


def _finish_folder(place: Folder, parts: list[str], member: tarfile.TarInfo) -> None:
    with _parent(place, parts) as parent, parent.enter(parts[-1]) as folder:
        if os.geteuid() == 0:
            os.fchown(folder.descriptor, member.uid, member.gid)
        os.fchmod(folder.descriptor, stat.S_IMODE(member.mode))
        os.utime(folder.descriptor, (member.mtime, member.mtime))
