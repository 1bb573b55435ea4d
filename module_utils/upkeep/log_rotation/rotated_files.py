# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotated files of logs, and the processes that still hold one open for writing."""

from __future__ import annotations

import contextlib
import os
import re
import time
import typing as t
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import isolated
from ..base.files import read_kernel, reason_of, unlink_beneath
from ..base.rotated_names import origins

#: A line may be on its way while the file is renamed; only later writes count as writing to the
#: wrong file.
GRACE_SECONDS: t.Final = 60
#: What removing the expired files of one user may take.
REMOVE_SECONDS: t.Final = 60.0
_DAY: t.Final = 86400

_OURS: t.Final = re.compile(r"(?P<log>.+)-(?P<stamp>\d{8}-\d{6})(?P<packed>\.[A-Za-z0-9]+)?")
_DELETED: t.Final = " (deleted)"


@dataclass(frozen=True)
class RotatedFile:
    """One rotated file; ``rotated`` is the Unix time in its name."""

    log: str
    path: str
    rotated: float
    compressed: bool


@dataclass(frozen=True)
class LateWriter:
    """A process that wrote to a file after its rotation; ``lost`` when that is deleted already."""

    pid: int
    program: str
    file: RotatedFile
    lost: bool


def parse_rotated(path: str) -> RotatedFile | None:
    """Return the rotated file that a path names, None when the name is not one of ours."""
    match = _OURS.fullmatch(path)
    rotated = _later_time(match["stamp"]) if match else None
    if match is None or rotated is None:
        return None

    return RotatedFile(match["log"], path, rotated, compressed=match["packed"] is not None)


def _later_time(stamp: str) -> float | None:
    """Return the Unix time of a local time stamp, None for no time.

    Of the two in the hour that clocks repeat, the later one.
    """
    try:
        moment = time.strptime(stamp, "%Y%m%d-%H%M%S")
    except ValueError:
        return None

    candidates = [time.mktime((*moment[:8], daylight)) for daylight in (0, 1)]
    same = [candidate for candidate in candidates if time.localtime(candidate)[:6] == moment[:6]]

    return max(same or candidates)


def list_rotated(logs: Collection[str]) -> dict[str, list[RotatedFile]]:
    """Return the rotated files of each log, oldest first; none of a folder that cannot be read."""
    found: dict[str, list[RotatedFile]] = {log: [] for log in logs}

    for entry in entries_of(logs):
        file = parse_rotated(entry.path)
        if file and file.log in found:
            found[file.log].append(file)

    for files in found.values():
        files.sort(key=lambda file: (file.rotated, file.path))

    return found


def list_foreign(
    logs: Collection[str], live: Collection[str], keep_days: int, now: float
) -> list[str]:
    """Return what other tools rotated of some logs and is older than its retention.

    Nothing removes these files: logrotate and we know only our own names. Their age is that of
    their last change. ``live`` are paths of logs themselves.
    """
    return sorted(
        entry.path
        for entry in entries_of(logs)
        if entry.path not in live
        and not parse_rotated(entry.path)
        and any(str(Path(entry.path).with_name(name)) in logs for name in origins(entry.name))
        and now - _changed(entry) > keep_days * _DAY
    )


def _changed(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return float("inf")


def entries_of(logs: Iterable[str]) -> Iterator[os.DirEntry[str]]:
    """Yield the regular files of the folders that these logs lie in."""
    for folder in sorted({Path(log).parent for log in logs}):
        # A folder that cannot be read has no logs for logrotate either, which says so.
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))


def expired(files: Iterable[RotatedFile], keep_days: int, now: float) -> list[RotatedFile]:
    """Return the files that were rotated more than ``keep_days`` days ago."""
    return [file for file in files if now - file.rotated > keep_days * _DAY]


def remove(files: Sequence[RotatedFile], user: str) -> dict[str, str]:
    """Remove files with the rights of the user who may write in their folder.

    Returns the problem for each path that could not be removed. A file that is gone already is
    none: logrotate may have been faster.
    """
    if not files:
        return {}

    answers, problem = isolated.run(lambda: _removals(files), REMOVE_SECONDS, user)
    seen = dict(answers)

    return {
        file.path: why
        for file in files
        if (why := seen.get(file.path, problem or "the process that removes it ended early"))
    }


def _removals(files: Iterable[RotatedFile]) -> Iterator[tuple[str, str]]:
    """Yield each path with '' or why it could not be removed."""
    for file in files:
        try:
            _unlink(file.path)
        except OSError as error:
            yield file.path, reason_of(error)
        else:
            yield file.path, ""


def _unlink(path: str) -> None:
    """Delete a file; root follows only links that nobody else could have made."""
    if os.geteuid() == 0:
        unlink_beneath(path, trusted_links=True)
    else:
        Path(path).unlink(missing_ok=True)


def held_by_writers(paths: Collection[str], proc: Path = Path("/proc")) -> set[str]:
    """Return those of some paths that a process has open for writing."""
    found: set[str] = set()

    for process in (one for one in proc.iterdir() if one.name.isdigit()):
        with contextlib.suppress(OSError):  # it has ended, or we may not look into it
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    path = str(descriptor.readlink())
                    if path in paths and _writable(process, descriptor.name):
                        found.add(path)

    return found


def find_late_writers(logs: Collection[str], proc: Path = Path("/proc")) -> list[LateWriter]:
    """Return the processes that went on writing to a rotated file of one of the logs."""
    found: list[LateWriter] = []

    for process in proc.iterdir():
        if process.name.isdigit():
            found.extend(_writers_of(process, logs))

    return found


def _writers_of(process: Path, logs: Collection[str]) -> list[LateWriter]:
    found: list[LateWriter] = []

    try:
        program = read_kernel(process / "comm").strip()
        descriptors = list((process / "fd").iterdir())
    except OSError:  # the process has ended, or we may not look into it
        return found

    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
            file = parse_rotated(target.removesuffix(_DELETED))
            if file is None or file.log not in logs or not _writable(process, descriptor.name):
                continue

            written_later = descriptor.stat().st_mtime > file.rotated + GRACE_SECONDS
        except OSError:  # closed meanwhile
            continue

        if written_later:
            lost = target.endswith(_DELETED)
            found.append(LateWriter(int(process.name), program, file, lost))

    return found


def _writable(process: Path, descriptor: str) -> bool:
    """Return whether a descriptor was opened for writing, by the octal flags in fdinfo."""
    for line in read_kernel(process / "fdinfo" / descriptor).splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY

    return False
