# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy model files: from one place to another, hashed on the way, and in place by a rename."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..base import isolated
from ..base.files import open_folder, open_regular, reason_of
from ..base.folders import Folder
from .settings import UpdatedModel

#: Before the name of what is beside the files that serve.
BESIDE: t.Final = ".upkeep-new."
_BLOCK: t.Final = 1 << 20
#: Seconds that the service user may take to open a file.
_OPENING: t.Final = 30


class UpdateError(Exception):
    """An update cannot be done or go on; the message is a clause."""


class TouchedError(UpdateError):
    """What serves was changed by something else, and put back as far as the message says."""


@dataclass(frozen=True)
class Mark:
    """Owner and mode of a file."""

    uid: int
    gid: int
    mode: int


@dataclass(frozen=True)
class ModelDigest:
    """What a copy was made of: checksums and size in bytes."""

    sha256: str
    md5: str
    bytes: int


@dataclass(frozen=True)
class ModelFiles:
    """A model that root alone keeps: its file, and that of its metadata, '' for none."""

    path: str
    metadata: str
    digest: ModelDigest


def mark_of(model: UpdatedModel) -> Mark:
    """Return owner, group and mode of the serving file; raises OSError, UpdateError."""
    with serving_folder(model) as folder:
        status = folder.status(model.file)
    if not stat.S_ISREG(status.st_mode):
        raise UpdateError(f"'{model.path}' is not a regular file")

    return Mark(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode) & 0o777)


@contextlib.contextmanager
def serving_folder(model: UpdatedModel) -> Iterator[Folder]:
    """Give the folder of the serving file, which no link of others led away from."""
    with Folder(open_folder(model.folder), model.folder) as folder:
        yield folder


def digest_of(stream: t.BinaryIO, into: t.BinaryIO | None = None) -> ModelDigest:
    """Return the digest of a file from where it is; what is read is written to ``into`` as well.

    MD5 takes as long as all the rest, so it has a thread of its own; hashing gives up the lock of
    the interpreter.
    """
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = 0
    with ThreadPoolExecutor(1) as pool:
        while block := stream.read(_BLOCK):
            beside = pool.submit(md5.update, block)
            sha256.update(block)
            size += len(block)
            if into is not None:
                _write_all(into, block)
            beside.result()

    return ModelDigest(sha256.hexdigest(), md5.hexdigest(), size)


def _write_all(into: t.BinaryIO, block: bytes) -> None:
    """Write a block to a file without a buffer, which may take less than it is given."""
    view = memoryview(block)
    while view:
        view = view[into.write(view) :]


def copy_into(folder: Folder, name: str, stream: t.BinaryIO, mark: Mark | None) -> ModelDigest:
    """Copy a file under a new name, on disk; return what was read back. Raises OSError."""
    folder.remove(name)
    try:
        with folder.create(name) as made:
            while block := stream.read(_BLOCK):
                _write_all(made, block)
            if mark:
                os.fchown(made.fileno(), mark.uid, mark.gid)
                os.fchmod(made.fileno(), mark.mode)
            os.fsync(made.fileno())
            made.seek(0)
            return digest_of(made)
    except BaseException:
        folder.remove(name)
        raise


def put_beside(model: UpdatedModel, files: ModelFiles, mark: Mark) -> None:
    """Copy a model beside the one that serves; raises OSError, UpdateError when it got damaged."""
    with serving_folder(model) as folder:
        with open_regular(files.path) as stream:
            copied = copy_into(folder, BESIDE + model.file, stream, mark)
        if copied != files.digest:
            folder.remove(BESIDE + model.file)
            raise UpdateError(f"the copy beside '{model.path}' is not what was copied")
        if model.metadata and files.metadata:
            with open_regular(files.metadata) as stream:
                copy_into(folder, BESIDE + model.metadata.name, stream, mark)


def require_beside(model: UpdatedModel, files: ModelFiles) -> None:
    """Raise UpdateError unless what is beside is what was put there; raises OSError.

    The folder may be the service user's, as whom the candidate was loaded meanwhile.
    """
    with serving_folder(model) as folder, folder.read(BESIDE + model.file) as stream:
        if digest_of(stream) != files.digest:
            raise UpdateError(f"the copy beside '{model.path}' changed while it was measured")


def require_readable(model: UpdatedModel) -> None:
    """Raise UpdateError unless the service user can read what is beside the serving file."""
    path = f"{model.folder}/{BESIDE}{model.file}"

    def opened() -> list[bool]:
        try:
            open_regular(path, trusted_links=True).close()
        except OSError as error:
            raise isolated.IsolatedError(reason_of(error)) from error
        return [True]

    answers, problem = isolated.run(opened, _OPENING, model.user)
    if not answers:
        raise UpdateError(f"the user {model.user} cannot read '{path}': {problem}")


def bring_live(model: UpdatedModel, *, has_metadata: bool) -> None:
    """Replace the serving files by the copies beside them."""
    with serving_folder(model) as folder:
        folder.rename(BESIDE + model.file, model.file)
        if model.metadata:
            name = model.metadata.name
            if has_metadata:
                folder.rename(BESIDE + name, name)
            else:
                folder.remove(name)


def clear(model: UpdatedModel) -> None:
    """Remove the copies beside the serving files; what cannot be removed stays."""
    with contextlib.suppress(OSError), serving_folder(model) as folder:
        for name in (model.file, model.metadata.name if model.metadata else ""):
            if name:
                folder.remove(BESIDE + name)
