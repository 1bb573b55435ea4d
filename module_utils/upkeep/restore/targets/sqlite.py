# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A SQLite file: unpacked and checked beside the live one, then swapped together with its logs."""

from __future__ import annotations

import os
import stat
import typing as t
from contextlib import closing
from pathlib import Path

from ...backup import programs
from ...backup.artefacts import KINDS as ARTEFACTS
from ...backup.artefacts.kind import Workplace
from ...base.files import open_folder, reason_of
from ...base.folders import Folder
from ...base.unpacking import move, move_back
from ..choose import NotPutBackError, RestoreError
from .target import TargetPlan, TargetWork

#: What SQLite keeps beside a file: the log of another state would be played into the restored one.
_COMPANIONS: t.Final = ("-wal", "-shm", "-journal")


class SqliteTarget:
    """One SQLite file."""

    def __init__(self, work: TargetWork) -> None:
        self._work = work
        self._facts = work.artefact.facts
        self._parent, self._name = os.path.split(str(self._facts["path"]))
        self._side = work.side_folder
        self._replaced: list[str] = []

    def plan(self) -> TargetPlan:
        """Return what would be replaced."""
        path = f"{self._parent}/{self._name}"
        there = (path,) if os.path.lexists(path) else ()
        if os.path.lexists(f"{self._parent}/{self._kept('')}"):
            raise RestoreError(f"'{path}' was replaced in this very second; try again")

        parent = self._parent if Path(self._parent).is_dir() else "/"
        raw = int(self._facts["raw_bytes"])

        return TargetPlan(there, {parent: raw}, () if there else (f"not there now: {path}",))

    def prepare(self) -> str:
        """Check the copy as a verification does, and unpack it beside the live file."""
        work = self._work
        place = Workplace(work.deadline, work.settings.staging)
        problems = ARTEFACTS["sqlite"].verify(work.artefact, work.open_file, place)
        if problems:
            raise RestoreError("; ".join(problems))

        tables = self._facts["tables"]
        rows = sum(int(table["rows"]) for table in tables)
        if not rows and not work.settings.allow_empty:
            raise RestoreError("the copy has no rows at all; allow_empty restores it all the same")

        with self._folder(make=True) as folder:
            self._unpack(folder)

        return f"{rows} rows in {len(tables)} tables as in the manifest"

    def _unpack(self, folder: Folder) -> None:
        owner = self._owner(folder)
        with (
            folder.make(self._side) as side,
            closing(self._work.open_file(self._work.artefact.files[0])) as copy,
            side.create(self._name) as out,
        ):
            pipe = [programs.expanding()]
            programs.run(pipe, out.fileno(), self._work.deadline, copy.fileno())
            raw = os.fstat(out.fileno()).st_size
            if raw != self._facts["raw_bytes"]:
                raise RestoreError(f"{raw} bytes were unpacked, not {self._facts['raw_bytes']}")
            if os.geteuid() == 0:
                os.fchown(out.fileno(), owner.st_uid, owner.st_gid)
            is_file = stat.S_ISREG(owner.st_mode)
            os.fchmod(out.fileno(), stat.S_IMODE(owner.st_mode) & 0o666 if is_file else 0o640)
            os.fsync(out.fileno())

    def _owner(self, folder: Folder) -> os.stat_result:
        """Return the status of the live file, of its folder where there is none."""
        if folder.has(self._name):
            status = folder.status(self._name)
            if not stat.S_ISREG(status.st_mode):
                raise RestoreError(f"'{self._parent}/{self._name}' is not a regular file")
            return status

        return os.fstat(folder.descriptor)

    def _folder(self, *, make: bool = False) -> Folder:
        return Folder(open_folder(self._parent, 0o755 if make else None), self._parent)

    def side_names(self) -> list[str]:
        """Return what was restored beside."""
        return [f"{self._parent}/{self._side}/{self._name}"]

    def replace(self) -> list[str]:
        """Rename the live file and its logs, and give its name to the restored one."""
        try:
            with self._folder() as folder, folder.enter(self._side) as side:
                for suffix in ("", *_COMPANIONS):
                    name = f"{self._name}{suffix}"
                    if folder.has(name):
                        move(folder, name, folder, self._kept(suffix))
                        self._replaced.append(suffix)
                move(side, self._name, folder, self._name)
        except OSError as error:
            text = f"'{self._parent}/{self._name}' cannot be replaced: {reason_of(error)}"
            try:
                self._give_back()
            except OSError as problem:
                text = f"{text}; it could not be put back: {reason_of(problem)}"
                raise NotPutBackError(text) from error
            raise RestoreError(text) from error

        return [f"{self._parent}/{self._kept(suffix)}" for suffix in self._replaced]

    def _kept(self, suffix: str) -> str:
        """Return the name of what is kept: SQLite finds a log by the name of its file."""
        return f"{self._name}{self._work.kept_suffix}{suffix}"

    def put_back(self) -> None:
        """Give the replaced file its name again."""
        with self._folder() as folder, folder.enter(self._side) as side:
            move_back(folder, self._name, side, self._name)
        self._give_back()

    def _give_back(self) -> None:
        with self._folder() as folder:
            while self._replaced:
                suffix = self._replaced.pop()
                move_back(folder, self._kept(suffix), folder, f"{self._name}{suffix}")

    def discard(self) -> None:
        """Remove the side folder."""
        if Path(self._parent).is_dir():
            with self._folder() as folder:
                folder.remove(self._side)

    def finish(self) -> str:
        """Remove the side folder, which is empty by now."""
        self.discard()

        return ""


KIND: t.Final = SqliteTarget
