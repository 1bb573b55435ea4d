# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the files of each log, and observe what became of them in a run."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import idle_logs, rotated_files
from .config import is_usable
from .findings import LogObservation, errors_on
from .host import LogrotateRuns
from .logrotate import LogrotateOutput, read_state
from .rotated_files import LateWriter, RotatedFile
from .settings import MOST_FILES, LogSettings, covers


@dataclass(frozen=True)
class LogFiles:
    """The files of one log: those that this run hands to logrotate, and the others.

    ``unusable`` are names that logrotate cannot be given, ``shared`` are files that an earlier log
    rotates, with its name. A ``crowded`` log has too many files for a run.
    """

    log: LogSettings
    unmatched: list[str]
    files: list[str]
    unusable: list[str]
    shared: dict[str, str]
    crowded: bool = False

    def rotated(self) -> list[RotatedFile]:
        """Return the rotated files of the log, those of files that are gone as well."""
        listed = rotated_files.list_rotated(self.files)
        live = {*self.files, *self.unusable, *self.shared}
        gone = [] if self.crowded else idle_logs.vanished(self.log, live)
        files = [file for one in listed.values() for file in one] + gone

        return sorted(files, key=lambda file: (file.rotated, file.path))


def list_files(logs: Iterable[LogSettings]) -> list[LogFiles]:
    """Return the files of each log; one that several logs match belongs to the first of them."""
    owners: dict[str, str] = {}
    found: list[LogFiles] = []

    for log in logs:
        matches = log.matches()
        if any(len(paths) >= MOST_FILES for paths in matches.values()):
            found.append(LogFiles(log, [], [], [], {}, crowded=True))
            continue

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


@dataclass(frozen=True)
class _HostState:
    """What was observed of the whole host: by log, or of all logs."""

    known: Mapping[str, float]
    writers: Sequence[LateWriter]
    early: Collection[str]
    live: Collection[str]
    now: float


def observe(
    found: Sequence[LogFiles],
    runs: LogrotateRuns,
    rotated: Collection[str],
    problems: Mapping[str, str],
    early: Collection[str],
    state_path: str,
) -> list[LogObservation]:
    """Return what is to be seen of each log after a run.

    ``rotated`` are the files that it rotated, ``problems`` is why it could not remove or compress
    others, ``early`` are files that went before their time, since they took too much.
    """
    files = {path for item in found for path in item.files}
    host = _HostState(
        known=read_state(state_path),
        writers=rotated_files.find_late_writers(files),
        early=early,
        live=files.union(path for item in found for path in item.unusable),
        now=time.time(),
    )

    return [_observe_log(item, runs, rotated, problems, host) for item in found]


def _observe_log(
    item: LogFiles,
    runs: LogrotateRuns,
    rotated: Collection[str],
    problems: Mapping[str, str],
    host: _HostState,
) -> LogObservation:
    files, decisions = set(item.files), runs.preview.decisions
    present = [path for path in item.files if decisions.get(path) in ("rotate", "keep")]
    own = item.rotated()

    return LogObservation(
        item.log,
        unmatched=item.unmatched,
        unusable=item.unusable,
        crowded=item.crowded,
        unclear=[path for path in item.files if decisions.get(path) == "unclear"],
        skipped={path: why for path, why in runs.preview.skipped.items() if path in files},
        shared=item.shared,
        present=present,
        rotated=[path for path in item.files if path in rotated],
        failures=_failures(item, runs.rotation, own, problems),
        refusals=_refusals(item, runs),
        sizes=_sizes(present),
        last_rotations={path: host.known[path] for path in present if path in host.known},
        rotated_files=own,
        total=_largest_total(own),
        early=[
            path for path in host.early if any(covers(one, _log_of(path)) for one in item.log.paths)
        ],
        foreign=rotated_files.list_foreign(files, host.live, item.log.keep_days, host.now),
        writers=[writer for writer in host.writers if writer.file.log in files],
    )


def _log_of(path: str) -> str:
    file = rotated_files.parse_rotated(path)

    return file.log if file else path


def _largest_total(files: Iterable[RotatedFile]) -> int:
    """Return the bytes of the rotated files of that log that has most."""
    totals: dict[str, int] = {}
    for file in files:
        totals[file.log] = totals.get(file.log, 0) + idle_logs.size_of(file)

    return max(totals.values(), default=0)


def _sizes(paths: Iterable[str]) -> dict[str, int]:
    """Return the size in bytes of each path that is still there."""
    found: dict[str, int] = {}

    for path in paths:
        try:
            found[path] = os.lstat(path).st_size
        except OSError:
            continue

    return found


def _failures(
    item: LogFiles,
    rotation: LogrotateOutput | None,
    rotated: Iterable[RotatedFile],
    problems: Mapping[str, str],
) -> list[str]:
    """Return what went wrong in this run with one log."""
    errors = errors_on(item.log, item.files, rotation) if rotation else []

    return errors + [
        f"cannot remove or compress {file.path}: {problems[file.path]}"
        for file in rotated
        if file.path in problems
    ]


def _refusals(item: LogFiles, runs: LogrotateRuns) -> list[str]:
    """Return why logrotate does not rotate one log at all."""
    errors = errors_on(item.log, item.files, runs.preview)

    return errors or ([runs.problem] if runs.problem and item.files else [])
