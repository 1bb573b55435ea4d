# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unpack the archive of a release: files, folders and links that stay within it, nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import tarfile
import typing as t
from collections.abc import Collection, Iterator

from ..base.archives import ChunkStream, archive_reader, forget_members
from ..base.files import open_regular, reason_of
from ..base.folders import Folder

#: More is no release: members, and bytes in all.
MOST_MEMBERS: t.Final = 200_000
MOST_BYTES: t.Final = 8 << 30
_BLOCK: t.Final = 1 << 20
_OPEN_TO_ALL: t.Final = 0o755


class UnpackError(Exception):
    """An archive that is not what it must be; the message is a sentence without a full stop."""


@contextlib.contextmanager
def checked(path: str, sha256: str, owners: Collection[int]) -> Iterator[t.BinaryIO]:
    """Give an archive of these owners that has this checksum; raises UnpackError."""
    try:
        stream = open_regular(path, owner=owners, trusted_links=True)
    except OSError as error:
        raise UnpackError(f"'{path}' cannot be read: {reason_of(error)}") from error

    with stream:
        if _checksum(stream) != sha256:
            raise UnpackError(
                "the archive on this host has another checksum than on the controller"
            )
        stream.seek(0)
        yield stream


def unpack(stream: t.BinaryIO, folder: Folder, sha256: str) -> None:
    """Unpack an archive into an empty folder; raises UnpackError, OSError.

    The checksum is that of what was unpacked: whoever owns the file may have written to it since.
    """
    members, total = 0, 0
    summed_up = hashlib.sha256()
    chunks = ChunkStream(_summed(stream, summed_up))
    try:
        with archive_reader(chunks) as archive:
            for member in archive:
                members, total = members + 1, total + member.size
                if members > MOST_MEMBERS or total > MOST_BYTES:
                    raise UnpackError("the archive is larger than any release")
                _put(archive, member, folder)
                forget_members(archive)
        chunks.drain()
    except (tarfile.TarError, EOFError) as error:
        raise UnpackError(f"the archive is damaged: {error}") from error

    if not members:
        raise UnpackError("the archive is empty")
    if summed_up.hexdigest() != sha256:
        raise UnpackError("the archive was changed while it was unpacked")


def _checksum(stream: t.BinaryIO) -> str:
    summed_up = hashlib.sha256()
    for _ in _summed(stream, summed_up):
        pass

    return summed_up.hexdigest()


def _summed(stream: t.BinaryIO, summed_up: hashlib._Hash) -> Iterator[bytes]:
    """Yield what a stream has, and add it to a checksum."""
    while block := stream.read(_BLOCK):
        summed_up.update(block)
        yield block


def _put(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Folder) -> None:
    name = posixpath.normpath(member.name)
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise UnpackError(f"'{member.name}' leads out of the release")
    if name == ".":
        return

    with contextlib.ExitStack() as stack:
        inner = folder
        for part in parts[:-1]:
            inner = stack.enter_context(_entered(inner, part))
        if member.isdir():
            stack.enter_context(_entered(inner, parts[-1]))
        elif member.issym():
            _put_link(member, parts, inner)
        elif member.isreg():
            _put_file(archive, member, parts[-1], inner)
        else:
            raise UnpackError(f"'{member.name}' is neither a file, a folder nor a link")


def _entered(folder: Folder, name: str) -> Folder:
    """Return the folder of a name that everybody may read, made when it is missing."""
    if folder.has(name):
        return folder.enter(name)

    made = folder.make(name)
    os.fchmod(made.descriptor, _OPEN_TO_ALL)

    return made


def _put_link(member: tarfile.TarInfo, parts: list[str], folder: Folder) -> None:
    target = member.linkname
    end = posixpath.normpath(posixpath.join(*parts[:-1], target))
    if target.startswith("/") or end.split("/")[0] == "..":
        raise UnpackError(f"the link '{member.name}' leads out of the release")
    folder.link(parts[-1], target)


def _put_file(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, folder: Folder) -> None:
    source = archive.extractfile(member)
    if source is None or folder.has(name):
        raise UnpackError(f"'{member.name}' is in the archive twice")

    left = member.size
    with folder.create(name) as target:
        while block := source.read(_BLOCK):
            left -= len(block)
            view = memoryview(block)
            while view:
                view = view[target.write(view) :]
        os.fchmod(target.fileno(), 0o755 if member.mode & 0o100 else 0o644)
    if left:
        raise UnpackError(f"'{member.name}' is cut short in the archive")
