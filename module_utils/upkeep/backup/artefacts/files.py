# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files and folders as one compressed archive, written and read by descriptor."""

from __future__ import annotations

import stat
import tarfile
import typing as t
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ...base import isolated
from ...base.archives import ChunkStream, archive_reader, archive_writer, forget_members
from ...base.files import reason_of
from ...base.text import list_some, visible
from ...base.trees import TreeEntry, TreeWalk
from .. import programs
from ..manifest import MOUNTS, Artefact, Stage
from ..settings import ArchiveSettings
from .kind import ArtefactError, ArtefactFolder, MadeArtefact, OpenFile, Workplace

ARCHIVE: t.Final = "files.tar.zst"
_CHUNK: t.Final = 1 << 20
#: What is counted when an archive is made and when it is read.
_COUNTED: t.Final = ("files", "folders", "links", "raw_bytes")


class ArchiveKind:
    """Archives of files."""

    def make(
        self, source: ArchiveSettings, folder: ArtefactFolder, place: Workplace
    ) -> MadeArtefact:
        """Write the archive. A file that changes while it is read is named, not refused."""
        counts: Counter[str] = Counter()
        changed: list[str] = []
        stages: list[Stage] = []
        walk = TreeWalk(source.exclude)

        with (
            folder.create(ARCHIVE) as out,
            programs.writing(
                [programs.compressing()], out.fileno(), place.deadline, stages
            ) as feed,
            archive_writer(feed) as archive,
        ):
            for entry in _entries(walk, source.paths):
                place.deadline.remaining()
                counts.update(_add(archive, entry, changed))

        if counts["files"] < source.least_files:
            raise ArtefactError(
                f"there are {counts['files']} files; at least {source.least_files} are expected"
            )

        facts = {
            "paths": list(source.paths),
            "exclude": list(source.exclude),
            **{name: counts[name] for name in _COUNTED},
            "changed": [visible(path) for path in changed[:100]],
            "left_out": [visible(path) for path in walk.left_out[:100]],
            **({MOUNTS: [visible(path) for path in walk.mounts[:100]]} if walk.mounts else {}),
        }

        return MadeArtefact(facts, tuple(stages))

    def verify(self, artefact: Artefact, open_file: OpenFile, place: Workplace) -> list[str]:
        """Read the archive to its end and count what is in it."""
        [file] = artefact.files

        def count() -> Iterator[dict[str, int]]:
            with open_file(file) as stream:
                chunks = programs.reading([programs.expanding()], stream.fileno(), place.deadline)
                yield count_members(ChunkStream(chunks))

        values, problem = isolated.run(count, place.deadline.remaining(), limits=isolated.PARSING)
        if problem:
            return [f"its archive cannot be read to the end: {problem}"]

        differing = [
            f"{values[0][name]} {name} instead of {artefact.facts.get(name)}"
            for name in _COUNTED
            if values[0][name] != artefact.facts.get(name)
        ]

        return [f"its archive holds {list_some(differing)}"] if differing else []


KIND: t.Final = ArchiveKind()


def _entries(walk: TreeWalk, paths: Sequence[str]) -> Iterator[TreeEntry]:
    """Yield what stands under paths, each file once; raises ArtefactError for a missing path."""
    seen: set[str] | None = set() if _overlap(paths) else None
    for path in paths:
        try:
            for entry in walk.entries(path):
                if seen is not None:
                    if entry.path in seen:
                        continue
                    seen.add(entry.path)
                yield entry
        except FileNotFoundError as error:
            raise ArtefactError(f"'{path}' {reason_of(error)}") from error


def _overlap(paths: Sequence[str]) -> bool:
    """Return whether one of several paths is below another, or listed twice."""
    ordered = sorted(f"{path.rstrip('/')}/" for path in paths)

    return any(later.startswith(path) for path, later in pairwise(ordered))


def count_members(stream: ChunkStream) -> dict[str, int]:
    """Return how many members of each sort an archive has; raises tarfile.TarError."""
    counts: Counter[str] = Counter()
    with archive_reader(stream) as archive:
        while (member := archive.next()) is not None:
            forget_members(archive)
            if member.isreg():
                counts.update(files=1, raw_bytes=member.size)
                content = archive.extractfile(member)
                while content and content.read(_CHUNK):
                    pass
            else:
                counts["folders" if member.isdir() else "links"] += 1
    stream.drain()  # so that the end of the compressed stream is checked as well

    return {name: counts[name] for name in _COUNTED}


def _add(archive: tarfile.TarFile, entry: TreeEntry, changed: list[str]) -> dict[str, int]:
    """Add a member, and return what to count."""
    status = entry.status
    member = tarfile.TarInfo(entry.path.lstrip("/"))
    member.mode = stat.S_IMODE(status.st_mode)
    member.uid, member.gid, member.mtime = status.st_uid, status.st_gid, int(status.st_mtime)

    if entry.stream:
        member.size = status.st_size
        content = _SizedReader(entry.stream, status.st_size)
        archive.addfile(member, t.cast(t.IO[bytes], content))
        counted = {"files": 1, "raw_bytes": member.size}
        if content.is_short or entry.stream.read(1):
            changed.append(entry.path)
    elif stat.S_ISLNK(status.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, entry.target
        archive.addfile(member)
        counted = {"links": 1}
    else:
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
        counted = {"folders": 1}
    forget_members(archive)

    return counted


class _SizedReader:
    """Exactly as many bytes as an archive was promised; zeros for what was cut off meanwhile."""

    def __init__(self, stream: t.BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size
        self.is_short = False

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        missing = min(size - len(data), self._left)
        if missing:
            self.is_short = True
            self._left -= missing

        return data + bytes(missing)
