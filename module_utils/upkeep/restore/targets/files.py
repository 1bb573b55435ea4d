# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files and folders: unpacked into a private folder beside each, then swapped by two renames."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import stat
import typing as t
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from ...backup import programs
from ...base import isolated
from ...base.archives import ChunkStream
from ...base.files import open_folder, reason_of
from ...base.folders import Folder
from ...base.text import list_some, visible
from ...base.unpacking import (
    COUNTED,
    Counts,
    FolderRights,
    count_tree,
    move,
    move_back,
    move_each,
    move_missing,
    unpack,
)
from ..choose import NotPutBackError, RestoreError
from ..mounts import require_no_mounts
from .target import TargetPlan, TargetWork


class FilesTarget:
    """The paths of an archive, or some of what is in it."""

    def __init__(self, work: TargetWork) -> None:
        self._work = work
        self._facts = work.artefact.facts
        archived: list[str] = list(self._facts["paths"])
        asked = work.settings.paths
        self._paths = [
            path for path in asked if any(_is_in(path, outer) for outer in archived)
        ] or ([] if asked else archived)
        self._side = work.side_folder
        self._replaced: list[tuple[str, bool]] = []
        self._carried: dict[str, list[tuple[str, ...]]] = {}
        self._made: list[str] = []

    @property
    def paths(self) -> list[str]:
        """What is restored; empty when the archive has nothing of what was asked for."""
        return self._paths

    def plan(self) -> TargetPlan:
        """Return what would be replaced."""
        there = [path for path in self._paths if os.path.lexists(path)]
        for path in self._paths:
            if os.path.lexists(f"{path}{self._work.kept_suffix}"):
                raise RestoreError(f"'{path}' was replaced in this very second; try again")
        if self._work.settings.action == "replace":
            root = self._work.settings.root
            if around := [path for path in self._paths if _is_in(root, path)]:
                raise RestoreError(
                    f"the sets lie in '{around[0]}' and would be moved away with it; restore single"
                    " paths (restore_paths), or restore beside (restore_action=side) and copy"
                )
            require_no_mounts(self._paths)
        raw = int(self._facts["raw_bytes"])
        missing = [path for path in self._paths if path not in there]
        notes = (f"not there now: {list_some(missing, 5)}",) if missing else ()

        return TargetPlan(tuple(there), {_existing(Path(self._paths[0]).parent): raw}, notes)

    def prepare(self) -> str:
        """Unpack, and count what is on disk then."""
        [file] = self._work.artefact.files
        with ExitStack() as stack:
            places = {path: stack.enter_context(self._make_side(path)) for path in self._paths}
            archive = stack.enter_context(closing(self._work.open_file(file)))
            deadline = self._work.deadline

            def work() -> Iterator[tuple[Counts, Counts, FolderRights]]:
                chunks = programs.reading([programs.expanding()], archive.fileno(), deadline)
                above: FolderRights = {}
                whole, unpacked = unpack(ChunkStream(chunks), places, above)
                yield whole, unpacked, {path: above[path] for path in self._made if path in above}

            values, problem = isolated.run(work, deadline.remaining())
            if problem:
                raise RestoreError(f"the archive cannot be unpacked: {problem}")
            whole, unpacked, rights = values[0]
            self._compare(whole, unpacked, places)
            for place in places.values():
                place.sync_all()
            self._finish_made(rights)

        return f"{unpacked['files']} files with {unpacked['raw_bytes']} bytes as in the manifest"

    def _make_side(self, path: str) -> Folder:
        parent, name = os.path.split(path)
        missing = [
            str(each) for each in (*reversed(Path(path).parents),) if not os.path.lexists(each)
        ]
        with _opened(parent, make=True) as folder:
            self._made += missing
            if not folder.has(self._side):
                return folder.make(self._side)
            side = folder.enter(self._side)
            if side.has(name):
                side.close()
                raise RestoreError(f"'{parent}/{self._side}' was left by another restore")
            return side

    def _finish_made(self, rights: FolderRights) -> None:
        """Give the folders that were missing the rights they had, or those of what they lie in.

        As root's they would keep out the service that wrote into them.
        """
        for path in self._made:
            outer = Path(path).parent.stat()
            inherited = [outer.st_uid, outer.st_gid, outer.st_mode & 0o055 | 0o700]
            uid, gid, mode = rights.get(path, inherited)
            with _opened(path) as folder:
                if os.geteuid() == 0:
                    os.fchown(folder.descriptor, uid, gid)
                os.fchmod(folder.descriptor, mode)

    def _compare(self, whole: Counts, unpacked: Counts, places: dict[str, Folder]) -> None:
        """Raise RestoreError unless archive and disk hold what the manifest says."""
        for name in COUNTED:
            if whole[name] != self._facts[name]:
                expected = self._facts[name]
                raise RestoreError(f"the archive has {whole[name]} {name} instead of {expected}")

        on_disk = dict.fromkeys(COUNTED, 0)
        for path, place in places.items():
            name = Path(path).name
            if not place.has(name):
                raise RestoreError(f"the archive does not hold '{visible(path)}'")
            found = count_tree(place, name)
            on_disk = {key: on_disk[key] + found[key] for key in COUNTED}

        if on_disk != unpacked:
            raise RestoreError(f"on disk are {on_disk} instead of {unpacked}")
        if self._facts["files"] and not unpacked["files"]:
            raise RestoreError("not a single file was restored")

    def side_names(self) -> list[str]:
        """Return what was restored beside."""
        return [f"{parent}/{self._side}/{name}" for parent, name in map(os.path.split, self._paths)]

    def replace(self) -> list[str]:
        """Rename what is there, and give its name to what was restored."""
        try:
            for path in self._paths:
                self._replaced.append((path, self._replace(path)))
        except NotPutBackError:
            with contextlib.suppress(OSError):  # the others, as far as that can be
                self.put_back()
            raise
        except OSError as error:
            text = f"'{visible(str(error.filename or path))}' cannot be replaced"
            text = f"{text}: {reason_of(error)}"
            try:
                self.put_back()
            except OSError as problem:
                text = f"{text}; it could not be put back: {reason_of(problem)}"
                raise NotPutBackError(text) from error
            raise RestoreError(text) from error

        kept = self._work.kept_suffix

        return [f"{path}{kept}" for path, was_there in self._replaced if was_there]

    def _replace(self, path: str) -> bool:
        """Replace one path; return whether there was something."""
        parent, name = os.path.split(path)
        with _opened(parent) as folder, folder.enter(self._side) as side:
            if was_there := folder.has(name):
                move(folder, name, folder, self._kept(name))
            try:
                if was_there:
                    self._carry_over(path, folder, side)
                move(side, name, folder, name)
            except OSError as error:
                if was_there:
                    self._tried_back(path, folder, side, error)
                raise

        return was_there

    def _tried_back(self, path: str, folder: Folder, side: Folder, error: OSError) -> None:
        try:
            self._give_back(path, folder, side)
        except OSError as problem:
            raise NotPutBackError(
                f"'{visible(path)}' cannot be replaced: {reason_of(error)}; it is kept as"
                f" '{visible(self._kept(path))}', and could not be put back: {reason_of(problem)}"
            ) from error

    def _kept(self, name: str) -> str:
        return f"{name}{self._work.kept_suffix}"

    def _carry_over(self, path: str, folder: Folder, side: Folder) -> None:
        """Move into the restored folder what a set leaves out on purpose."""
        patterns = (*self._facts.get("exclude", ()), *self._work.settings.keep)
        name = Path(path).name
        if not patterns or not all(
            stat.S_ISDIR(where.status(each).st_mode)
            for where, each in ((folder, self._kept(name)), (side, name))
        ):
            return

        def is_kept(each: str) -> bool:
            return any(fnmatch.fnmatchcase(each, pattern) for pattern in patterns)

        with folder.enter(self._kept(name)) as old, side.enter(name) as new:
            move_missing(old, new, is_kept, self._carried.setdefault(path, []))

    def _give_back(self, path: str, folder: Folder, side: Folder) -> None:
        """Give what was replaced its name and what was taken over from it."""
        name = Path(path).name
        if carried := self._carried.get(path):
            with side.enter(name) as new, folder.enter(self._kept(name)) as old:
                move_each(new, old, carried)
        move_back(folder, self._kept(name), folder, name)

    def put_back(self) -> None:
        """Give what was there its name again; what was restored stays beside it."""
        while self._replaced:
            path, was_there = self._replaced.pop()
            parent, name = os.path.split(path)
            with _opened(parent) as folder, folder.enter(self._side) as side:
                move_back(folder, name, side, name)
                if was_there:
                    self._give_back(path, folder, side)

    def discard(self) -> None:
        """Remove the side folders."""
        for parent in {str(Path(path).parent) for path in self._paths}:
            if Path(parent).is_dir():
                with _opened(parent) as folder:
                    folder.remove(self._side)

    def finish(self) -> str:
        """Remove the side folders, which are empty by now."""
        self.discard()
        carried = [
            "/".join((path, *parts)) for path, found in self._carried.items() for parts in found
        ]

        return f"taken over from what was replaced: {list_some(carried, 5)}" if carried else ""


def _is_in(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer.rstrip('/')}/")


def _existing(path: Path) -> str:
    """Return the nearest folder above a path that is there."""
    return str(next(each for each in (path, *path.parents) if each.is_dir()))


def _opened(path: str, *, make: bool = False) -> Folder:
    return Folder(open_folder(path, 0o755 if make else None), path)


KIND: t.Final = FilesTarget
