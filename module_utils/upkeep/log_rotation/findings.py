# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The findings on each log, from what was observed after the run."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from ..base.text import list_some, visible
from ..findings import Finding, Limits, Subject
from .logrotate import LogrotateOutput
from .rotated_files import LateWriter, RotatedFile
from .settings import CADENCE_DAYS, MOST_FILES, LogSettings

#: The timer starts at a random time of the day and a host may be down at night.
GRACE_DAYS: t.Final = 2
_DAY: t.Final = 86400
_NAMED: t.Final = 3
_NONE: t.Final = Limits(warning=0)


@dataclass
class LogObservation:
    """What was observed of one log after the run; sizes are bytes, times Unix times.

    ``unusable`` are names that cannot be given to logrotate, ``crowded`` is a log with too many
    files for a run, ``skipped`` gives logrotate's reason
    for each file that it leaves alone, ``shared`` the other log that rotates a file,
    ``foreign`` are old files that another tool rotated, ``total`` what the rotated files of one log
    take, ``early`` those that went before their time, since they took too much.
    """

    log: LogSettings
    unmatched: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    crowded: bool = False
    unclear: list[str] = field(default_factory=list)
    skipped: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    present: list[str] = field(default_factory=list)
    rotated: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    sizes: Mapping[str, int] = field(default_factory=dict)
    last_rotations: Mapping[str, float] = field(default_factory=dict)
    rotated_files: list[RotatedFile] = field(default_factory=list)
    total: int = 0
    early: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    writers: list[LateWriter] = field(default_factory=list)

    @property
    def subject(self) -> Subject:
        """What the findings are about."""
        return Subject(f"log:{self.log.name}", self.log.requirements)


def errors_on(log: LogSettings, files: Collection[str], output: LogrotateOutput) -> list[str]:
    """Return logrotate's errors on a log: those on one of its files, or that name one."""
    names = {*files, *log.paths}

    return [
        visible(text)
        for path, text in output.errors
        if path in names or any(name in text for name in names)
    ]


def log_findings(seen: LogObservation, now: float) -> list[Finding]:
    """Return the findings of one log, without the aspects of a file that is missing."""
    findings = [_rotation(seen)]
    if seen.present:
        findings += [
            _size(seen),
            _age(seen, now),
            _retention(seen, now),
            _compression(seen, now),
            _writers(seen),
        ]
    elif seen.rotated_files:
        findings += [_retention(seen, now), _compression(seen, now)]
    if seen.log.max_total is not None:
        findings.append(_total(seen))

    return findings


def _total(seen: LogObservation) -> Finding:
    message = f"The rotated files of one log take at most {seen.total} bytes"
    if seen.early:
        message += f"; {len(seen.early)} went before their time: {_named(seen.early)}"

    return seen.subject.measured(
        seen.total,
        Limits(warning=seen.log.max_total),
        message,
        "see what writes so much, or allow more",
        aspect="total",
        unit="bytes",
        status="warning" if seen.early else "",
    )


def _rotation(seen: LogObservation) -> Finding:
    name, subject = seen.log.name, seen.subject
    if seen.failures:
        return subject.finding(
            "critical",
            f"Rotation of {name} failed: {seen.failures[0]}. Nothing was removed; repair the cause"
            " and run again.",
            observed=len(seen.failures),
            expected=0,
            unit="errors",
        )
    if reasons := list(_reasons(seen)):
        observed = "missing" if seen.unmatched else "not rotated"
        return subject.finding(
            "unknown", " ".join(reasons), observed=observed, expected="a log file"
        )
    if seen.shared:
        return _shared(seen)

    return subject.finding(
        "ok",
        f"The files of {name} are rotated by logrotate.",
        observed=f"{len(seen.rotated)} of {len(seen.present)} files rotated",
    )


def _reasons(seen: LogObservation) -> Iterable[str]:
    """Yield why files of a log are not rotated, or nobody knows whether they are."""
    if seen.refusals:
        yield f"logrotate does not rotate {seen.log.name}: {seen.refusals[0]}."
    if seen.crowded:
        yield (
            f"{seen.log.name} has {MOST_FILES} files or more, so only logrotate.timer rotates them:"
            " clean the folder, or name the paths more narrowly."
        )
    if seen.unusable:
        names = _named(f"'{visible(path)}'" for path in seen.unusable)
        yield f"Not rotated because of its name: {names}. Rename or remove it."
    if seen.unclear:
        names = _named(seen.unclear)
        yield f"logrotate's output on {names} is not understood; is it newer than 3.22?"
    if seen.skipped:
        names = _named(f"{path} ({why})" for path, why in seen.skipped.items())
        yield f"logrotate never rotates links: {names}. Name the one file that is meant."
    if seen.unmatched:
        names = _named(seen.unmatched)
        yield f"No file at {names}: correct the path, or find out why the service does not write."


def _named(names: Iterable[str]) -> str:
    return list_some(list(names), _NAMED)


def _shared(seen: LogObservation) -> Finding:
    """Between our runs logrotate skips a log as a whole when another one names one of its files."""
    [(path, other), *_] = seen.shared.items()

    return seen.subject.finding(
        "warning",
        f"{path} is also a file of log '{other}', which rotates it: logrotate.timer skips"
        f" {seen.log.name} as a whole. Give the two logs different paths.",
        observed=len(seen.shared),
        expected=0,
        unit="files",
    )


def _size(seen: LogObservation) -> Finding:
    path, size = max(seen.sizes.items(), key=lambda item: item[1], default=("", 0))

    return seen.subject.measured(
        size,
        Limits(warning=seen.log.max_size),
        f"The largest log file is {path}",
        "it should have been rotated, see the findings on its rotation",
        aspect="size",
        unit="bytes",
    )


def _age(seen: LogObservation, now: float) -> Finding:
    """Judge the file that waits longest; an empty file has nothing to rotate."""
    waiting = [
        now - seen.last_rotations[path]
        for path, size in seen.sizes.items()
        if size and path in seen.last_rotations
    ]
    if not waiting:
        return seen.subject.finding(
            "ok",
            "No file with content waits for its rotation.",
            aspect="age",
            observed="nothing waits",
        )

    days = _days(max(waiting))

    return seen.subject.measured(
        days,
        Limits(warning=CADENCE_DAYS[seen.log.cadence] + GRACE_DAYS),
        f"A file with content was last rotated {days} days ago",
        "is logrotate.timer enabled, and does 'journalctl -u logrotate' show errors?",
        aspect="age",
        unit="days",
    )


def _days(seconds: float) -> float:
    """Return days, rounded up in tenths: just past a limit must not read as within it."""
    return max(0.0, math.ceil(seconds / _DAY * 10) / 10)


def _retention(seen: LogObservation, now: float) -> Finding:
    limits = Limits(warning=seen.log.keep_days)
    oldest = _days(now - min((file.rotated for file in seen.rotated_files), default=now))
    if seen.foreign and limits.judge(oldest) == "ok":
        return seen.subject.finding(
            "warning",
            f"Rotated by another tool and past their retention: {_named(seen.foreign)}. Nothing"
            " removes them; do it by hand.",
            aspect="retention",
            observed=len(seen.foreign),
            expected=0,
            unit="files",
        )

    message = f"The oldest rotated file is {oldest} days old"

    return seen.subject.measured(
        oldest,
        limits,
        message if seen.rotated_files else "There is no rotated file yet",
        "a run without --check removes what is past its retention",
        aspect="retention",
        unit="days",
    )


def _compression(seen: LogObservation, now: float) -> Finding:
    """A file is compressed at its rotation or at the next one; later than that is an error."""
    wait = 0 if seen.log.compress_after_days == 0 else CADENCE_DAYS[seen.log.cadence]
    limit = max(wait, seen.log.compress_after_days) + GRACE_DAYS
    plain = [file for file in seen.rotated_files if not file.compressed]
    # With delayed compression the newest one waits for the next rotation, however quiet the log is.
    newest = {file.log: file for file in plain} if wait else {}
    late = [
        file for file in plain if newest.get(file.log) != file and now - file.rotated > limit * _DAY
    ]

    return seen.subject.measured(
        len(late),
        _NONE,
        f"Uncompressed after {limit} days: {_named(file.path for file in late)}"
        if late
        else "Rotated files are compressed in time",
        "is there room for the compressed copy?",
        aspect="compression",
        unit="files",
    )


def _writers(seen: LogObservation) -> Finding:
    lost = [writer for writer in seen.writers if writer.lost]
    first = next(iter(lost + seen.writers), None)
    if first is None:
        message = "No process writes to a rotated file"
    else:
        where = "a deleted file, so its lines are lost" if first.lost else first.file.path
        message = f"{visible(first.program)} (pid {first.pid}) still writes to {where}"

    return seen.subject.measured(
        len(seen.writers),
        _NONE,
        message,
        "set 'reopen' so that it is signalled, or let it watch its file",
        aspect="writers",
        unit="processes",
        status="critical" if lost else "",
    )
