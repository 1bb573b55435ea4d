# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotated files (segments) of a log, and the processes that still hold one open for writing."""

from __future__ import annotations

import os
import re
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

_STAMP = re.compile(r"-(\d{8}-\d{6})(\.[A-Za-z0-9]+)?")
_DELETED: t.Final = " (deleted)"
#: A line may be on its way while the file is renamed; only later writes count as writing to the
#: wrong file.
GRACE_SECONDS: t.Final = 60


@dataclass(frozen=True)
class Segment:
    """One rotated file; ``rotated`` is the Unix time in its name."""

    log: str
    path: str
    rotated: float
    compressed: bool


@dataclass(frozen=True)
class Writer:
    """A process that wrote to a segment after it was set aside.

    ``lost`` when the segment is already deleted.
    """

    pid: int
    program: str
    segment: Segment
    lost: bool


def parse_segment(log: str, path: str) -> Segment | None:
    """Return the segment that ``path`` is of ``log``, or none when its name is not one of ours."""
    if not path.startswith(log):
        return None

    match = _STAMP.fullmatch(path[len(log) :])
    rotated = _later_time(match[1]) if match else None
    if match is None or rotated is None:
        return None

    return Segment(log, path, rotated, compressed=match[2] is not None)


def _later_time(stamp: str) -> float | None:
    """Return the Unix time of a local time stamp.

    Of the two in the hour that clocks repeat, the later one.
    """
    try:
        moment = time.strptime(stamp, "%Y%m%d-%H%M%S")
    except ValueError:
        return None

    candidates = [time.mktime((*moment[:8], daylight)) for daylight in (0, 1)]
    same = [candidate for candidate in candidates if time.localtime(candidate)[:6] == moment[:6]]

    return max(same or candidates)


def list_segments(log: str) -> list[Segment]:
    """Return the segments beside ``log``, oldest first.

    Raises OSError when its folder cannot be read.
    """
    folder = Path(log).parent
    if not folder.is_dir():
        return []

    with os.scandir(folder) as entries:
        paths = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]

    found = (parse_segment(log, path) for path in paths)

    return sorted(
        (segment for segment in found if segment),
        key=lambda segment: (segment.rotated, segment.path),
    )


def expired(segments: list[Segment], keep_days: int, now: float) -> list[Segment]:
    """Return the segments that were set aside more than ``keep_days`` days ago."""
    return [segment for segment in segments if now - segment.rotated > keep_days * 86400]


def remove(segment: Segment) -> None:
    """Remove one segment, in the folder that was checked and never through a link.

    Raises OSError.
    """
    path = Path(segment.path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.unlink(path.name, dir_fd=folder)
    finally:
        os.close(folder)


def find_writers(logs: t.Collection[str], proc: Path = Path("/proc")) -> list[Writer]:
    """Return the processes that went on writing to a rotated file of one of ``logs``."""
    found: list[Writer] = []
    for process in proc.iterdir():
        if process.name.isdigit():
            found.extend(_writers_of(process, logs))

    return found


def _writers_of(process: Path, logs: t.Collection[str]) -> list[Writer]:
    found: list[Writer] = []
    try:
        program = (process / "comm").read_text(errors="replace").strip()
        descriptors = list((process / "fd").iterdir())
    except OSError:  # the process has ended, or is none of ours to look into
        return found

    for descriptor in descriptors:
        try:
            target = str(descriptor.readlink())
            segment = _segment_of(target.removesuffix(_DELETED), logs)
            if segment is None or not _writable(process, descriptor.name):
                continue

            written_later = descriptor.stat().st_mtime > segment.rotated + GRACE_SECONDS
        except OSError:  # closed between two looks
            continue
        if written_later:
            found.append(
                Writer(int(process.name), program, segment, lost=target.endswith(_DELETED))
            )

    return found


def _segment_of(target: str, logs: t.Collection[str]) -> Segment | None:
    return next((segment for log in logs if (segment := parse_segment(log, target))), None)


def _writable(process: Path, descriptor: str) -> bool:
    """Tell from the octal flags in fdinfo whether a descriptor was opened for writing."""
    for line in (process / "fdinfo" / descriptor).read_text().splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
    return False
