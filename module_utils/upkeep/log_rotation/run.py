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
from . import rotated_files
from .config import is_usable, render, render_files
from .findings import LogObservation, errors_on, log_findings, sizes_of
from .host import LogrotateHost, LogrotateRuns, host_findings, installed
from .logrotate import (
    NO_STATE,
    FileDecision,
    Logrotate,
    LogrotateError,
    LogrotateOutput,
    read_state,
)
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
    findings: list[Finding] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class LogFiles:
    """The files of one log: those that this run hands to logrotate, and the others.

    ``unusable`` are names that logrotate cannot be given, ``shared`` are files that an earlier log
    rotates, with its name.
    """

    log: LogSettings
    unmatched: list[str]
    files: list[str]
    unusable: list[str]
    shared: dict[str, str]


@dataclass(frozen=True)
class _Expired:
    log: LogSettings
    files: list[RotatedFile]


def run(settings: RotationSettings, host: LogrotateHost, check_mode: bool) -> RotationOutcome:
    """Do, or in check mode predict, everything for one host.

    Raises RotationError before anything is changed.
    """
    text = render(settings.logs)
    if host.program is not None:
        _validate(host.program, settings, text)
    elif not check_mode:
        raise RotationError("logrotate is not installed; install the package 'logrotate' first")

    now = time.time()
    found = list_files(settings.logs)
    runs = _preview(settings, host, found)
    known = read_state(settings.state_path)
    old = _expired(found, now)
    due = runs.preview.due()
    outcome = RotationOutcome(
        rotated=due,
        # logrotate counts from the day it first saw a log: seeing it now starts its period.
        started=[path for path in runs.preview.present() if path not in known and path not in due],
        removed=[file.path for group in old for file in group.files],
    )
    before = installed(settings.config_path)
    drifted = before != text or not _ownership_fits(settings.config_path)
    outcome.diff = _diff(settings.config_path, before, text, outcome)

    problems: dict[str, str] = {}
    if not check_mode:
        if drifted:
            write_atomic(settings.config_path, text, _MODE)

        runs = _rotate(settings, host, found, runs, outcome)
        problems = _remove(old, outcome)

    outcome.changed = bool(drifted or outcome.rotated or outcome.started or outcome.removed)
    outcome.findings = _findings(settings, host, found, runs, outcome, problems, check_mode)

    return outcome


def list_files(logs: Iterable[LogSettings]) -> list[LogFiles]:
    """Return the files of each log; one that several logs match belongs to the first of them."""
    owners: dict[str, str] = {}
    found: list[LogFiles] = []

    for log in logs:
        matches = log.matches()
        paths = list(dict.fromkeys(path for paths in matches.values() for path in paths))
        usable = [path for path in paths if is_usable(path)]
        shared = {path: owners[path] for path in usable if path in owners}
        owners.update((path, log.name) for path in usable if path not in owners)
        found.append(
            LogFiles(
                log,
                [pattern for pattern, matched in matches.items() if not matched],
                [path for path in usable if path not in shared],
                [path for path in paths if not is_usable(path)],
                shared,
            )
        )

    return found


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


def _expired(found: Iterable[LogFiles], now: float) -> list[_Expired]:
    """Return the rotated files past their retention.

    Logrotate itself removes them only when it rotates the log.
    """
    return [
        _Expired(item.log, rotated_files.expired(files, item.log.keep_days, now))
        for item in found
        for files in rotated_files.list_rotated(item.files).values()
    ]


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


def _remove(old: Iterable[_Expired], outcome: RotationOutcome) -> dict[str, str]:
    """Remove what is past its retention; return the problem by path, and trim the outcome."""
    by_user: dict[str, list[RotatedFile]] = {}

    for group in old:
        by_user.setdefault(group.log.su_user, []).extend(group.files)

    problems: dict[str, str] = {}

    for user, files in by_user.items():
        problems |= rotated_files.remove(files, user)

    outcome.removed = [path for path in outcome.removed if path not in problems]

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
    ]

    return diff + ([{"prepared": "\n".join(lines) + "\n"}] if lines else [])


def _findings(
    settings: RotationSettings,
    host: LogrotateHost,
    found: Sequence[LogFiles],
    runs: LogrotateRuns,
    outcome: RotationOutcome,
    problems: dict[str, str],
    check_mode: bool,
) -> list[Finding]:
    now = time.time()
    known = read_state(settings.state_path)
    files = [path for item in found for path in item.files]
    rotated = rotated_files.list_rotated(files)
    writers = rotated_files.find_late_writers(set(files))
    live = {path for item in found for path in (*item.files, *item.unusable)}
    here = set(runs.preview.present())
    findings: list[Finding] = []

    for item in found:
        present = [path for path in item.files if path in here]
        sizes = sizes_of(present)
        own = [file for path in item.files for file in rotated[path]]
        observation = LogObservation(
            item.log,
            unmatched=item.unmatched,
            unusable=item.unusable,
            unclear=[p for p in item.files if runs.preview.decisions.get(p) == "unclear"],
            skipped={p: why for p, why in runs.preview.skipped.items() if p in item.files},
            shared=item.shared,
            present=present,
            rotated=[] if check_mode else [p for p in item.files if p in outcome.rotated],
            failures=_failures(item, runs, own, problems),
            refusals=_refusals(item, runs),
            sizes=sizes,
            last_rotations={path: known[path] for path in present if path in known},
            rotated_files=own,
            foreign=rotated_files.list_foreign(set(item.files), live, item.log.keep_days, now),
            writers=[writer for writer in writers if writer.file.log in item.files],
        )
        findings.extend(log_findings(observation, now))

    return [
        *findings,
        *host_findings(runs, files, host, settings.config_path, settings.state_path),
    ]


def _failures(
    item: LogFiles, runs: LogrotateRuns, rotated: Iterable[RotatedFile], problems: dict[str, str]
) -> list[str]:
    """Return what went wrong in this run with one log."""
    errors = errors_on(item.log, item.files, runs.rotation) if runs.rotation else []

    return errors + [
        f"cannot remove {file.path}: {problems[file.path]}"
        for file in rotated
        if file.path in problems
    ]


def _refusals(item: LogFiles, runs: LogrotateRuns) -> list[str]:
    """Return why logrotate does not rotate one log at all."""
    errors = errors_on(item.log, item.files, runs.preview)

    return errors or ([runs.problem] if runs.problem and item.files else [])
