# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge what was seen of each log."""

from __future__ import annotations

import math
import os
import typing as t
from dataclasses import dataclass, field

from ansible.module_utils.upkeep.findings import Finding, finding, judge
from ansible.module_utils.upkeep.log_rotation.engine import Answer
from ansible.module_utils.upkeep.log_rotation.segments import Segment, Writer
from ansible.module_utils.upkeep.log_rotation.settings import CADENCE_DAYS, LogSpec

#: The timer starts at a random time of the day and a host may be down at night.
GRACE_DAYS: t.Final = 2
_DAY: t.Final = 86400


@dataclass
class Seen:
    """What was observed of one log after the run; sizes are bytes, times Unix times."""

    spec: LogSpec
    unmatched: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    rotated: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    last_rotations: dict[str, float] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    writers: list[Writer] = field(default_factory=list)


def concerning(spec: LogSpec, files: t.Collection[str], answer: Answer) -> list[str]:
    """Return logrotate's errors that speak of this log: by the file at hand, or by a name in the text."""
    names = [*files, *spec.paths]
    return [
        text for path, text in answer.errors if path in names or any(name in text for name in names)
    ]


def review(seen: Seen, now: float) -> list[Finding]:
    """Return the findings of one log.

    Aspects that need a file are left out when there is none to look at.
    """
    findings = [_state(seen)]
    if seen.present:
        findings += [
            _size(seen),
            _age(seen, now),
            _retention(seen, now),
            _compression(seen, now),
            _writers(seen),
        ]

    return findings


def _make(seen: Seen, aspect: str, status: str, message: str, **more: t.Any) -> Finding:
    check = f"log:{seen.spec.name}" + (f".{aspect}" if aspect else "")
    return finding(check, status, message, requirements=seen.spec.requirements, **more)


def _state(seen: Seen) -> Finding:
    name = seen.spec.name
    if seen.failures:
        message = f"Rotation of {name} failed: {seen.failures[0]}. Nothing was removed; repair the cause and run again."
        return _make(
            seen, "", "critical", message, observed=len(seen.failures), expected=0, unit="errors"
        )

    if seen.refusals:
        return _make(
            seen, "", "unknown", f"logrotate does not look after {name}: {seen.refusals[0]}"
        )
    if seen.unmatched:
        message = f"No file at {', '.join(seen.unmatched)}: correct the path, or look why the service does not write it."
        return _make(seen, "", "unknown", message, observed="missing", expected="a log file")
    if seen.skipped:
        message = f"Links are never rotated: {', '.join(seen.skipped)}. Name the file that the link leads to."
        return _make(seen, "", "unknown", message, observed="a link", expected="a log file")

    observed = f"{len(seen.rotated)} of {len(seen.present)} files rotated"

    return _make(
        seen, "", "ok", f"The files of {name} are looked after by logrotate.", observed=observed
    )


def _size(seen: Seen) -> Finding:
    path, size = max(seen.sizes.items(), key=lambda item: item[1], default=("", 0))
    limit = seen.spec.max_size
    if limit is None:
        return _make(
            seen,
            "size",
            "ok",
            f"The largest live file is {path}.",
            observed=size,
            expected="no limit",
            unit="bytes",
        )

    status = judge(size, warning=limit)
    message = f"The largest live file is {path}."
    if status != "ok":
        message = f"{path} is larger than the limit although it should have been rotated: see the findings on its rotation."

    return _make(
        seen, "size", status, message, observed=size, expected=f"at most {limit}", unit="bytes"
    )


def _age(seen: Seen, now: float) -> Finding:
    """Judge the file that waits longest; an empty file has nothing to rotate."""
    waiting = [
        now - seen.last_rotations[path]
        for path, size in seen.sizes.items()
        if size and path in seen.last_rotations
    ]
    if not waiting:
        return _make(
            seen,
            "age",
            "ok",
            "No file with content waits for its rotation.",
            observed="nothing waits",
        )

    days = max(0.0, max(waiting) / _DAY)
    limit = CADENCE_DAYS[seen.spec.cadence] + GRACE_DAYS
    status = judge(days, warning=limit)
    message = "Rotations are on time."
    if status != "ok":
        message = "Rotations are late: is logrotate.timer enabled, and does 'journalctl -u logrotate' show errors?"

    return _make(
        seen,
        "age",
        status,
        message,
        observed=round(days, 1),
        expected=f"at most {limit}",
        unit="days",
    )


def _retention(seen: Seen, now: float) -> Finding:
    keep = seen.spec.keep_days
    oldest = min((segment.rotated for segment in seen.segments), default=now)
    status = judge(now - oldest, warning=keep * _DAY)
    message = "No rotated file is older than its retention."
    if status != "ok":
        message = "Rotated files are kept longer than wanted: a run without --check removes them."

    # Rounded up in tenths, so that a file just past its time does not read as if it were within.
    days = math.ceil((now - oldest) / _DAY * 10) / 10

    return _make(
        seen, "retention", status, message, observed=days, expected=f"at most {keep}", unit="days"
    )


def _compression(seen: Seen, now: float) -> Finding:
    """A segment is compressed at its rotation or at the next one.

    Later than that something went wrong.
    """
    wait = 0 if seen.spec.compress_after_days == 0 else CADENCE_DAYS[seen.spec.cadence]
    limit = max(wait, seen.spec.compress_after_days) + GRACE_DAYS
    plain = [segment for segment in seen.segments if not segment.compressed]
    # With delayed compression the newest one waits for the next rotation, however quiet the log is.
    newest = {segment.log: segment for segment in plain} if wait else {}
    late = [s for s in plain if newest.get(s.log) != s and now - s.rotated > limit * _DAY]
    if not late:
        return _make(
            seen,
            "compression",
            "ok",
            "Rotated files are compressed in time.",
            observed=0,
            expected=0,
            unit="files",
        )

    message = f"{late[0].path} and {len(late) - 1} more are still uncompressed: is there room for the compressed copy?"

    return _make(
        seen, "compression", "warning", message, observed=len(late), expected=0, unit="files"
    )


def _writers(seen: Seen) -> Finding:
    if not seen.writers:
        return _make(
            seen,
            "writers",
            "ok",
            "No process writes to a file that was set aside.",
            observed=0,
            expected=0,
        )

    first = next((writer for writer in seen.writers if writer.lost), seen.writers[0])
    where = (
        "a file that is already deleted, so its lines are lost"
        if first.lost
        else f"{first.segment.path}, set aside earlier"
    )
    message = (
        f"{first.program} (pid {first.pid}) goes on writing to {where}: "
        "set 'reopen' so that it is told, or let it watch its file."
    )
    status = "critical" if first.lost else "warning"

    return _make(
        seen, "writers", status, message, observed=len(seen.writers), expected=0, unit="processes"
    )


def sizes_of(paths: t.Iterable[str]) -> dict[str, int]:
    """Return the size in bytes of each path that is (still) there."""
    found: dict[str, int] = {}
    for path in paths:
        try:
            found[path] = os.lstat(path).st_size
        except OSError:
            continue

    return found
