# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call for the logs of a host: configure logrotate, rotate what is due, remove what expired."""

from __future__ import annotations

import dataclasses
import os
import stat
import time
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ..base.files import write_atomic
from ..findings import Finding
from . import idle_logs, rotated_files
from .config import render, render_files
from .findings import log_findings
from .host import LogrotateHost, LogrotateRuns, host_findings, installed
from .logrotate import (
    NO_STATE,
    FileDecision,
    Logrotate,
    LogrotateError,
    LogrotateOutput,
    read_state,
)
from .observing import LogFiles, list_files, observe
from .rotated_files import RotatedFile
from .settings import LogSettings, RotationSettings

_MODE: t.Final = 0o644


class RotationError(RuntimeError):
    """The logs cannot be configured; the message gives the reason and what to change."""


@dataclass
class RotationOutcome:
    """What the module returns.

    In check mode what it would return, except that ``findings`` show the host as it is.
    """

    changed: bool = False
    rotated: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    compressed: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)

    def done(self) -> tuple[list[str], ...]:
        """Return the paths that were rotated, seen first, removed and compressed."""
        return self.rotated, self.started, self.removed, self.compressed


@dataclass(frozen=True)
class _LogGroup:
    """Rotated files of one log that something is to be done with."""

    log: LogSettings
    files: list[RotatedFile]


def run(settings: RotationSettings, host: LogrotateHost, check_mode: bool) -> RotationOutcome:
    """Do, or in check mode predict, everything for one host.

    Raises RotationError before anything is changed.
    """
    asked = settings
    settings = dataclasses.replace(settings, logs=host.usable(settings.logs))
    text = render(settings.logs)
    if host.program is not None:
        _validate(host.program, settings, text)
    elif not check_mode:
        raise RotationError("logrotate is not installed; install the package 'logrotate' first")

    now = time.time()
    found = list_files(settings.logs)
    runs = _preview(settings, host, found)
    known = read_state(settings.state_path)
    old, early = _expired(found, now)
    idle = _idle(found, old, now)
    due = runs.preview.due()
    outcome = RotationOutcome(
        rotated=due,
        # logrotate counts from the day it first saw a log: seeing it now starts its period.
        started=[path for path in runs.preview.unrotated() if path not in known],
        removed=[file.path for group in old for file in group.files],
        compressed=[file.path for group in idle for file in group.files],
    )
    before = installed(settings.config_path)
    drifted = before != text or not _ownership_fits(settings.config_path)
    outcome.diff = _diff(settings.config_path, before, text, outcome)

    problems: dict[str, str] = {}
    if not check_mode:
        if drifted:
            write_atomic(settings.config_path, text, _MODE)

        runs = _rotate(settings, host, found, runs, outcome)
        problems = _remove(old, outcome) | _compress(idle, outcome)

    outcome.changed = bool(drifted or any(outcome.done()))
    rotated = () if check_mode else set(outcome.rotated)
    observations = observe(found, runs, rotated, problems, early, settings.state_path)
    outcome.findings = [
        *(finding for seen in observations for finding in log_findings(seen, now)),
        *host_findings(runs, asked, host, {path for item in found for path in item.files}),
    ]

    return outcome


def _validate(program: str, settings: RotationSettings, text: str) -> None:
    """Raise RotationError unless logrotate accepts the configuration.

    It is asked about logs in a folder that does not exist, so that no name of a file on this host
    comes into its answer.
    """
    elsewhere = [
        dataclasses.replace(log, paths=tuple(f"/nonexistent{path}" for path in log.paths))
        for log in settings.logs
    ]

    try:
        output = Logrotate(program, NO_STATE).preview(render(elsewhere))
    except LogrotateError as error:
        raise RotationError(str(error)) from error

    if output.config_errors or output.sections != len(settings.logs):
        taken = f"{output.sections} of {len(settings.logs)} logs were taken over"
        reason = "; ".join(output.config_errors) or taken
        raise RotationError(
            f"logrotate refuses the configuration, {settings.config_path} is left as it is:"
            f" {reason}"
        )


def _preview(
    settings: RotationSettings, host: LogrotateHost, found: Sequence[LogFiles]
) -> LogrotateRuns:
    """Return what is due."""
    if host.program is None:
        return LogrotateRuns(_predict(found), None)

    try:
        output = Logrotate(host.program, settings.state_path).preview(_text_of(settings, found))
    except LogrotateError as error:
        return LogrotateRuns(LogrotateOutput(), None, str(error))

    return LogrotateRuns(output, None)


def _text_of(settings: RotationSettings, found: Iterable[LogFiles]) -> str:
    """Return the configuration that names exactly the files that this run has looked at.

    A name that appears meanwhile, whatever it holds, cannot come into logrotate's output.
    """
    return render_files(settings.logs, {item.log.name: item.files for item in found})


def _predict(found: Iterable[LogFiles]) -> LogrotateOutput:
    """Return what logrotate will decide once it is installed.

    Only in check mode, on a host without it. Without a state file only size makes a log due.
    """
    output = LogrotateOutput()

    for item in found:
        for path in item.files:
            output.decisions[path] = _predict_file(path, item.log.max_size)

    return output


def _predict_file(path: str, max_size: int | None) -> FileDecision:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return "missing"

    if stat.S_ISLNK(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
        return "skipped"

    return "rotate" if max_size is not None and status.st_size > max_size else "keep"


def _expired(found: Iterable[LogFiles], now: float) -> tuple[list[_LogGroup], list[str]]:
    """Return the rotated files that go, and which of them go before their time.

    Logrotate itself removes old ones only when it rotates the log.
    """
    groups: list[_LogGroup] = []
    early: list[str] = []
    for item in found:
        files = item.rotated()
        old = rotated_files.expired(files, item.log.keep_days, now)
        left = [file for file in files if file not in old]
        beyond = idle_logs.beyond_total(left, item.log.max_total)
        early += [file.path for file in beyond]
        groups.append(_LogGroup(item.log, old + beyond))

    return groups, early


def _idle(found: Iterable[LogFiles], old: Sequence[_LogGroup], now: float) -> list[_LogGroup]:
    """Return the rotated files that wait for a rotation that a quiet log does not have."""
    gone = {file.path for group in old for file in group.files}
    groups: list[_LogGroup] = []
    for item in found:
        waiting = idle_logs.uncompressed(item.log, item.rotated(), now)
        groups.append(_LogGroup(item.log, [file for file in waiting if file.path not in gone]))

    return groups


def _rotate(
    settings: RotationSettings,
    host: LogrotateHost,
    found: Sequence[LogFiles],
    runs: LogrotateRuns,
    outcome: RotationOutcome,
) -> LogrotateRuns:
    """Rotate what is due, and trim the outcome to what really happened."""
    if not (outcome.rotated or outcome.started):
        return runs

    due, problem = outcome.rotated, ""
    before = _rotated_paths(due)
    output: LogrotateOutput | None = None

    try:
        program = t.cast(str, host.program)
        output = Logrotate(program, settings.state_path).rotate(_text_of(settings, found))
    except LogrotateError as error:
        problem = str(error)

    after = _rotated_paths(due)
    known = read_state(settings.state_path)
    outcome.rotated = [path for path in due if after[path] - before[path]]
    outcome.started = [path for path in outcome.started if path in known]

    return LogrotateRuns(runs.preview, output, problem)


def _rotated_paths(logs: Sequence[str]) -> dict[str, set[str]]:
    listed = rotated_files.list_rotated(logs)

    return {log: {file.path for file in files} for log, files in listed.items()}


def _remove(old: Iterable[_LogGroup], outcome: RotationOutcome) -> dict[str, str]:
    """Remove what is past its retention; return the problem by path, and trim the outcome."""
    by_user: dict[str, list[RotatedFile]] = {}

    for group in old:
        by_user.setdefault(group.log.su_user, []).extend(group.files)

    problems: dict[str, str] = {}

    for user, files in by_user.items():
        problems |= rotated_files.remove(files, user)

    outcome.removed = [path for path in outcome.removed if path not in problems]

    return problems


def _compress(idle: Iterable[_LogGroup], outcome: RotationOutcome) -> dict[str, str]:
    """Compress what waited long enough; return the problem by path, and trim the outcome.

    The rotation just before may have compressed a file, or moved it.
    """
    problems: dict[str, str] = {}
    done: list[str] = []
    for group in idle:
        left = [file for file in group.files if os.path.lexists(file.path)]
        problems |= idle_logs.compress(group.log, left)
        done += [file.path for file in left if file.path not in problems]
    outcome.compressed = done

    return problems


def _ownership_fits(path: str) -> bool:
    """Return whether logrotate would read the file at all: it skips what others may write."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False

    return status.st_uid == os.geteuid() and status.st_mode == stat.S_IFREG | _MODE


def _diff(path: str, before: str, after: str, outcome: RotationOutcome) -> list[dict[str, str]]:
    diff = (
        [{"before_header": path, "after_header": path, "before": before, "after": after}]
        if before != after
        else []
    )
    lines = [
        *(f"rotate {name}" for name in outcome.rotated),
        *(f"start the clock of {name}" for name in outcome.started),
        *(f"remove {name}" for name in outcome.removed),
        *(f"compress {name}" for name in outcome.compressed),
    ]

    return diff + ([{"prepared": "\n".join(lines) + "\n"}] if lines else [])
