# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs as folders in a directory: the default store, readable without any program."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import typing as t
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePath

from upkeep import private
from upkeep.report import facts
from upkeep.report import render as report
from upkeep.report.facts import RunFacts
from upkeep.run import events
from upkeep.run.types import RunRecord
from upkeep.store.base import (
    LATEST,
    StoreError,
    check_run_id,
    expired,
    is_run_id,
    order_of,
    read_record,
)

#: What is kept of a run, in the order in which it is copied.
_FILES: t.Final = (
    events.LOG_NAME,
    report.RECORD_NAME,
    report.FACTS_NAME,
    report.TEXT_NAME,
    report.PAGE_NAME,
)
_REMOVING: t.Final = ".removing-"
#: The start of a run as its id begins with it: ``20260131T235959Z-weekly-1f3a9c``.
_START: t.Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-")


class DirectoryStore:
    """Runs as folders; readable without any program."""

    def __init__(self, root: Path) -> None:
        self.runs_dir = root / "runs"

    def save(self, run_dir: Path, folded: RunRecord | None = None) -> None:
        """Copy a folder that lies elsewhere, then let ``latest`` point to the newest run."""
        place = self.runs_dir / check_run_id(run_dir.name)
        folded = folded or read_record(run_dir)
        if run_dir.resolve() != place.resolve():
            _copy(run_dir, place)

        now, latest = datetime.now(UTC), self._latest()
        if latest is None or _order(latest, now) <= _order(folded, now):
            self._link(place.name)

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """Return the kept runs, newest first; only as many are read as are asked for.

        A run that is still going on is shown as interrupted.
        """
        readable = filter(None, map(_readable, self._newest_first()))

        return list(itertools.islice(readable, limit))

    def facts(self) -> Iterator[RunFacts]:
        """Yield what a list says of each kept run, newest first."""
        return filter(None, map(_facts, self._newest_first()))

    def of_playbook(self, stem: str) -> Iterator[RunFacts]:
        """Yield the same of the runs of a playbook; their names say which may be of it."""
        mark = f"Z-{events.name_in_id(stem)}-"  # hourly is no quarter-hourly
        for run in filter(None, map(_facts, self._newest_first(mark))):
            if PurePath(run["playbook"]).stem == stem:
                yield run

    def oldest_start(self) -> str | None:
        """Return when the oldest kept run started; None without any."""
        starts = (_start_of(folder) for folder in self._folders())

        return min(filter(None, starts), default=None)

    def load(self, run_id: str) -> RunRecord:
        """Return one run; raises StoreError when there is none."""
        return read_record(self._folder(run_id))

    def write_report(self, run_id: str, output: Path | None) -> Path:
        """Render a run again beside its log, or into ``output``; raises StoreError, OSError."""
        folder = self._folder(run_id)
        if output is None:
            return report.render(folder)

        private.make_folders(output)
        report.write_atomically(output / events.LOG_NAME, (folder / events.LOG_NAME).read_bytes())

        return report.render(output)

    def prune(self, keep_days: int, keep_min: int, *, dry_run: bool = False) -> list[str]:
        """Remove old runs; a folder is renamed first, so that none is ever seen half removed."""
        started = {folder.name: _start_of(folder) for folder in self._folders() if _is_run(folder)}
        names = expired(started, keep_days, keep_min, datetime.now(UTC))
        if not dry_run:
            for name in names:
                (self.runs_dir / name).rename(self.runs_dir / f"{_REMOVING}{name}")
            for removed in self.runs_dir.glob(f"{_REMOVING}*"):  # also those of a killed prune
                shutil.rmtree(removed)

        return names

    def _newest_first(self, mark: str = "") -> list[Path]:
        """Return the folders that may be runs, or those with a mark in their name."""
        now = datetime.now(UTC)

        return sorted(
            self._folders(mark),
            key=lambda folder: order_of(_start_of(folder), folder.name, now),
            reverse=True,
        )

    def _folders(self, mark: str = "") -> Iterator[Path]:
        """Yield the folders that may be runs, or those with a mark in their name.

        A large store has ten thousand of them.
        """
        if not self.runs_dir.is_dir():
            return

        with os.scandir(self.runs_dir) as entries:
            for entry in entries:
                name = entry.name
                if mark in name and is_run_id(name) and entry.is_dir(follow_symlinks=False):
                    yield self.runs_dir / name

    def _folder(self, run_id: str) -> Path:
        name = self._latest_name() if run_id == LATEST else check_run_id(run_id)
        folder = self.runs_dir / name
        if not _is_run(folder):
            known = "`python -m upkeep list` shows what is there"
            raise StoreError(f"no run '{run_id}' in {self.runs_dir}; {known}")

        return folder

    def _latest_name(self) -> str:
        """Return the name of the newest run's folder; a run that was killed counts too."""
        newest = self.runs(1)
        if not newest:
            raise StoreError(f"no run is kept in '{self.runs_dir}' yet")

        return newest[0]["run_id"]

    def _latest(self) -> RunRecord | None:
        link = self.runs_dir / LATEST
        return _readable(link.resolve()) if link.is_dir() else None

    def _link(self, name: str) -> None:
        link, new = self.runs_dir / LATEST, self.runs_dir / f".latest-{os.getpid()}"
        new.unlink(missing_ok=True)
        new.symlink_to(name, target_is_directory=True)
        new.replace(link)


def _order(item: RunRecord, now: datetime) -> tuple[bool, str, str]:
    return order_of(item["started"], item["run_id"], now)


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (events.LOG_NAME, report.RECORD_NAME))


def _start_of(folder: Path) -> str | None:
    """Return when a run started: its name tells, or its record has to be read."""
    match = _START.match(folder.name)
    if match:
        year, month, day, hour, minute, second = match.groups()
        return f"{year}-{month}-{day}T{hour}:{minute}:{second}.000Z"

    item = _readable(folder)

    return item["started"] if item else None


def _readable(run_dir: Path) -> RunRecord | None:
    """Return the record of a folder; None when it holds no run (or was removed a moment ago)."""
    try:
        return read_record(run_dir)
    except OSError:
        return None


def _facts(run_dir: Path) -> RunFacts | None:
    """Return the facts of a folder, made from its record where they are missing or older."""
    try:
        record_time = (run_dir / report.RECORD_NAME).stat().st_mtime_ns
        if (run_dir / report.FACTS_NAME).stat().st_mtime_ns >= record_time:
            kept = facts.parse((run_dir / report.FACTS_NAME).read_bytes(), run_dir.name)
            if kept is not None:
                return kept
    except OSError:
        pass

    item = _readable(run_dir)

    return None if item is None else facts.of_record(item)


def _copy(run_dir: Path, place: Path) -> None:
    """Copy a run's files one by one, each in a single step, the log first."""
    private.make_folders(place)
    for name in _FILES:
        source = run_dir / name
        if source.is_file():
            mode = source.stat().st_mode & 0o777
            report.write_atomically(place / name, source.read_bytes(), mode)
