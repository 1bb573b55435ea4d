# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every kind of artefact has."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
import typing as t
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

from ...base.deadline import Deadline
from ...base.files import open_folder
from ...base.folders import Folder
from ...base.owner import Owner
from ..manifest import Artefact, SetFile, Stage

#: What the name of a folder below the staging folder begins with: such as nobody gives to a copy
#: that he puts there himself.
_PREFIX: t.Final = ".upkeep-staging-"
#: A folder that is younger may be one that another run has not locked yet, s.
_STALE: t.Final = 60.0
#: Opens a file of the artefact that is verified.
OpenFile = Callable[[SetFile], t.BinaryIO]


class ArtefactError(Exception):
    """An artefact could not be made or read; the message says why."""


class UnfinishedError(ArtefactError):
    """An artefact could not be looked at to its end: that says nothing about the artefact."""


class MadeArtefact(t.NamedTuple):
    """What making an artefact gave, besides its files."""

    facts: Mapping[str, t.Any]
    stages: tuple[Stage, ...]


class Workplace(t.NamedTuple):
    """Where an artefact is made or verified: until when, and where copies may stand meanwhile."""

    deadline: Deadline
    staging: str


class ArtefactFolder(t.Protocol):
    """Where the files of an artefact are made: a folder of the set, or memory."""

    def create(self, name: str) -> t.BinaryIO:
        """Return a new file, open for reading and writing."""

    def read(self, name: str) -> t.BinaryIO:
        """Return a file, open for reading."""

    def names(self) -> list[str]:
        """Return the names of the files, sorted."""


class ArtefactKind(t.Protocol):
    """How artefacts of one kind are made and verified."""

    def make(self, source: t.Any, folder: ArtefactFolder, place: Workplace) -> MadeArtefact:
        """Write the files of an artefact into its folder.

        Raises ArtefactError, ProgramError, TimeoutError, OSError.
        """

    def verify(self, artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
        """Read an artefact to its end and return what is wrong with it; raises as ``make``."""


@contextmanager
def staging_folder(place: Workplace, uid: int | None = None, gid: int = -1) -> Iterator[str]:
    """Yield a folder of its own below the staging folder, which an account may have.

    We hold it locked, and the lock ends with us, however we end: what nobody holds is a leftover,
    which may be a whole database, and goes.
    """
    with Folder(open_folder(place.staging), place.staging) as staging:
        _remove_leftovers(staging, {os.geteuid(), os.geteuid() if uid is None else uid})
    path = tempfile.mkdtemp(prefix=_PREFIX, dir=place.staging)
    with Folder(open_folder(path), path) as folder:
        try:
            fcntl.flock(folder.descriptor, fcntl.LOCK_EX)
            if uid is not None and os.geteuid() == 0:
                os.fchown(folder.descriptor, uid, gid)
            yield path
        finally:
            shutil.rmtree(path)


def is_held(folder: Folder) -> bool:
    """Return whether another run works in a folder; else it is ours until it is closed."""
    try:
        fcntl.flock(folder.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True

    return False


def is_stale(status: os.stat_result) -> bool:
    """Return whether something is an old folder, not one that another run has not locked yet."""
    return stat.S_ISDIR(status.st_mode) and status.st_mtime < time.time() - _STALE


def _remove_leftovers(staging: Folder, uids: Collection[int]) -> None:
    """Remove what killed runs left, as far as that can be: it keeps nobody from a backup."""
    for name in staging.names():
        if name.startswith(_PREFIX):
            with contextlib.suppress(OSError, RecursionError):  # an account may nest without an end
                status = staging.status(name)
                if status.st_uid in uids and is_stale(status):
                    with staging.enter(name) as folder:
                        if not is_held(folder):
                            staging.remove(name)


def foreign_folder(path: str, owner: Owner | None) -> Folder:
    """Open a staging folder that we may have given away; nobody but its owner can enter it."""
    if owner is None:
        return Folder.private(path)
    parent, _, name = path.rpartition("/")

    with Folder(open_folder(parent), parent) as folder:
        return folder.enter(name)
