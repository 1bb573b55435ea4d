# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where runs are kept: a directory (default) or any database that SQLAlchemy speaks to.

A directory holds ``runs/<run id>/`` with ``events.jsonl``, ``record.json``, ``report.txt`` and
``report.html``, and the link ``runs/latest``. A database holds one row a run. Nothing is ever
removed but by an explicit ``prune``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

from upkeep.run import clean, events, record
from upkeep.report import render as report
from upkeep.run.types import SCHEMA_VERSION, Record

LATEST: t.Final = "latest"

_KEYS = frozenset(Record.__annotations__)
_REMOVING = ".removing-"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class StoreError(Exception):
    """The store cannot do what was asked.

    The message says what to change and never holds a password.
    """


class Store(t.Protocol):
    """What both kinds of store can do. ``latest`` is accepted as a run id where one is read."""

    def save(self, run_dir: Path, folded: Record | None = None) -> None:
        """Keep a finished run; saving it again replaces it.

        Without a record, the one in the folder is used.
        """

    def runs(self, limit: int | None = None) -> list[Record]:
        """Return the kept runs, newest first."""

    def load(self, run_id: str) -> Record:
        """Return one run; raises StoreError when there is none."""

    def write_report(self, run_id: str, output: Path | None) -> Path:
        """Render a run again, into ``output`` or where the store keeps reports, and return the page's path."""

    def prune(self, keep_days: int, keep_min: int, *, dry_run: bool = False) -> list[str]:
        """Remove runs that started more than ``keep_days`` ago, but never the newest ``keep_min``.

        Return their ids.
        """


def open_store(target: str) -> Store:
    """Return the store of a directory or of a SQLAlchemy address; raises StoreError."""
    if "://" not in target:
        return DirectoryStore(Path(target).expanduser())

    from upkeep.store.sql import SqlStore  # only here: SQLAlchemy is optional

    return SqlStore(target)


def check_run_id(run_id: str) -> str:
    """Return a run id that is safe as a name of a folder; raises StoreError for anything else."""
    if not _RUN_ID.fullmatch(run_id):
        raise StoreError(f"'{clean.line(run_id)}' is no run id: letters, digits, '.', '_' and '-' only")
    return run_id


def read_record(run_dir: Path) -> Record:
    """Return a folder's record, folded from its log when it is missing, damaged or of another version; raises OSError.

    The folder's name is the run's id, whatever the log says.
    """
    try:
        folded = json.loads((run_dir / report.RECORD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        folded = None

    if isinstance(folded, dict) and folded.get("schema_version") == SCHEMA_VERSION and set(folded) >= _KEYS:
        return t.cast(Record, {**folded, "run_id": run_dir.name})

    seen, unreadable = record.read_log(run_dir / events.LOG_NAME)

    return {**record.fold(seen, unreadable=unreadable), "run_id": run_dir.name}


def newest_first(records: t.Iterable[Record]) -> list[Record]:
    """Return the records by their start; those without one come last."""
    return sorted(records, key=lambda item: (item["started"] or "", item["run_id"]), reverse=True)


def expired(started: t.Mapping[str, str | None], keep_days: int, keep_min: int, now: datetime) -> list[str]:
    """Return the ids of the runs to remove, from when each one started.

    A run without a date is kept.

    Raises StoreError for limits that would leave nothing.
    """
    if keep_days < 1 or keep_min < 1:  # a run of today may still be going on
        raise StoreError(f"keep at least 1 day and 1 run, not {keep_days} and {keep_min}")

    limit = clean.stamp(now - timedelta(days=keep_days)) or ""
    dated = sorted(((when, run_id) for run_id, when in started.items() if when), reverse=True)

    return sorted(run_id for when, run_id in dated[keep_min:] if when < limit)


class DirectoryStore:
    """Runs as folders; readable without any program."""

    def __init__(self, root: Path) -> None:
        self.runs_dir = root / "runs"

    def save(self, run_dir: Path, folded: Record | None = None) -> None:
        """Keep a run: copy a folder that lies elsewhere, then let ``latest`` point to the newest run."""
        place = self.runs_dir / check_run_id(run_dir.name)
        folded = folded or read_record(run_dir)
        if run_dir.resolve() != place.resolve():
            _copy(run_dir, place)

        latest = self._latest()
        if latest is None or (latest["started"] or "") <= (folded["started"] or ""):
            self._link(place.name)

    def runs(self, limit: int | None = None) -> list[Record]:
        """Return the kept runs, newest first.

        A run that is still going on is shown as interrupted.
        """
        return newest_first(filter(None, map(_readable, self._folders())))[:limit]

    def load(self, run_id: str) -> Record:
        """Return one run; raises StoreError when there is none."""
        return read_record(self._folder(run_id))

    def write_report(self, run_id: str, output: Path | None) -> Path:
        """Render a run again beside its log, or into ``output``; raises StoreError, OSError."""
        folder = self._folder(run_id)
        if output is None:
            return report.render(folder)

        output.mkdir(parents=True, exist_ok=True)
        report.write_atomically(output / events.LOG_NAME, (folder / events.LOG_NAME).read_bytes())

        return report.render(output)

    def prune(self, keep_days: int, keep_min: int, *, dry_run: bool = False) -> list[str]:
        """Remove old runs; a folder is renamed first, so that none is ever seen half removed."""
        started = {folder.name: item["started"] for folder in self._folders() if (item := _readable(folder))}
        names = expired(started, keep_days, keep_min, datetime.now(UTC))
        if not dry_run:
            for name in names:
                (self.runs_dir / name).rename(self.runs_dir / f"{_REMOVING}{name}")
            for doomed in self.runs_dir.glob(f"{_REMOVING}*"):  # also what a killed prune left behind
                shutil.rmtree(doomed)

        return names

    def _folders(self) -> list[Path]:
        if not self.runs_dir.is_dir():
            return []
        inside = sorted(self.runs_dir.iterdir())
        return [path for path in inside if _RUN_ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()]

    def _folder(self, run_id: str) -> Path:
        name = self._latest_name() if run_id == LATEST else check_run_id(run_id)
        folder = self.runs_dir / name
        if not (folder / events.LOG_NAME).is_file() and not (folder / report.RECORD_NAME).is_file():
            raise StoreError(f"no run '{run_id}' in {self.runs_dir}; `python -m upkeep list` shows what is there")
        return folder

    def _latest_name(self) -> str:
        """Return the name of the newest run's folder: what a run that was killed left behind counts too."""
        newest = self.runs(1)
        if not newest:
            raise StoreError(f"no run is kept in '{self.runs_dir}' yet")
        return newest[0]["run_id"]

    def _latest(self) -> Record | None:
        link = self.runs_dir / LATEST
        return _readable(link.resolve()) if link.is_dir() else None

    def _link(self, name: str) -> None:
        link, new = self.runs_dir / LATEST, self.runs_dir / f".latest-{os.getpid()}"
        new.unlink(missing_ok=True)
        new.symlink_to(name, target_is_directory=True)
        new.replace(link)


def _readable(run_dir: Path) -> Record | None:
    """Return the record of a folder; None when it holds no run (or was removed a moment ago)."""
    try:
        return read_record(run_dir)
    except OSError:
        return None


def _copy(run_dir: Path, place: Path) -> None:
    """Copy a run's files one by one, each in a single step, the log first."""
    place.mkdir(parents=True, exist_ok=True, mode=0o750)
    for name in (events.LOG_NAME, report.RECORD_NAME, report.TEXT_NAME, report.PAGE_NAME):
        source = run_dir / name
        if source.is_file():
            report.write_atomically(place / name, source.read_bytes(), source.stat().st_mode & 0o777)
