# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the stores share: their interface, names of runs, reading a kept record, what is expired."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from ansible.module_utils.upkeep.findings import STATUSES

from upkeep.report.facts import RunFacts
from upkeep.run import clean, events, record
from upkeep.run.conforms import conforms
from upkeep.run.types import OUTCOMES, SCHEMA_VERSION, RunRecord

LATEST: t.Final = "latest"
RECORD_NAME: t.Final = "record.json"
#: How far a start may lie ahead of this clock: those of several controllers differ a little.
TOLERANCE: t.Final = timedelta(days=1)

_RUN_ID: t.Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class StoreError(Exception):
    """The store cannot do what was asked.

    The message says what to change and never holds a password.
    """


class Store(t.Protocol):
    """What both kinds of store can do. ``latest`` is accepted as a run id where one is read."""

    def save(self, run_dir: Path, folded: RunRecord | None = None) -> None:
        """Keep a finished run; saving it again replaces it.

        Without a record, the one in the folder is used.
        """

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """Return the kept runs, newest first."""

    def facts(self) -> Iterator[RunFacts]:
        """Yield what a list says of each kept run, newest first, each read when it is asked for."""

    def of_playbook(self, stem: str) -> Iterator[RunFacts]:
        """Yield the same of the kept runs of a playbook."""

    def oldest_start(self) -> str | None:
        """Return when the oldest kept run started; None without any."""

    def load(self, run_id: str) -> RunRecord:
        """Return one run; raises StoreError when there is none."""

    def write_report(self, run_id: str, output: Path | None) -> Path:
        """Render a run again and return the page's path.

        It lies in ``output`` or where the store keeps reports.
        """

    def prune(self, keep_days: int, keep_min: int, *, dry_run: bool = False) -> list[str]:
        """Remove runs that started more than ``keep_days`` ago, but never the newest ``keep_min``.

        Return their ids.
        """


def is_run_id(name: str) -> bool:
    """Return whether a name is safe as the name of a run's folder."""
    return _RUN_ID.fullmatch(name) is not None


def check_run_id(run_id: str) -> str:
    """Return a run id that is safe as the name of a folder; raises StoreError for any other."""
    if not is_run_id(run_id):
        named = clean.line(run_id)
        raise StoreError(f"'{named}' is not a run id: letters, digits, '.', '_' and '-' only")

    return run_id


def read_record(run_dir: Path) -> RunRecord:
    """Return the record of a folder, folded from its log when this version cannot read it.

    The folder's name is the run's id, whatever the log holds. Raises OSError.
    """
    try:
        kept = parse_record((run_dir / RECORD_NAME).read_bytes())
    except OSError:
        kept = None

    return {**(kept or record.of_folder(run_dir)), "run_id": run_dir.name}


def parse_record(text: str | bytes) -> RunRecord | None:
    """Return the record that a store kept as JSON; None when this version cannot read it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None

    if not conforms(value, RunRecord) or value["schema_version"] != SCHEMA_VERSION:
        return None

    known = value["outcome"] in OUTCOMES and all(
        part["status"] in STATUSES for part in (*value["findings"], *value["systems"].values())
    )

    return t.cast(RunRecord, value) if known else None


def fold_log(data: bytes, run_id: str) -> RunRecord | None:
    """Return the record of a kept log; None when this version understands nothing of it."""
    folded = record.of_log(events.parse_log(data.splitlines(keepends=True)), run_id)

    return folded if folded["log"]["events"] else None


def latest_start(now: datetime) -> str:
    """Return the time after which a start lies in the future: a clock was wrong."""
    return clean.stamp(now + TOLERANCE) or ""


def order_of(started: str | None, run_id: str, now: datetime) -> tuple[bool, str, str]:
    """Return what sorts runs from old to new.

    A run without a start is the oldest; one from the future must not be the latest for ever.
    """
    start = started or ""

    return start <= latest_start(now), start, run_id


def expired(
    started: Mapping[str, str | None], keep_days: int, keep_min: int, now: datetime
) -> list[str]:
    """Return the ids of the runs to remove, from when each one started.

    A run without a date is kept. Raises StoreError for limits that would leave nothing.
    """
    if keep_days < 1 or keep_min < 1:  # a run of today may still be going on
        raise StoreError(f"keep at least 1 day and 1 run, not {keep_days} and {keep_min}")

    try:
        limit = clean.stamp(now - timedelta(days=keep_days)) or ""
    except OverflowError:  # longer than there are dates
        return []

    dated = sorted(
        ((when, run_id) for run_id, when in started.items() if when),
        key=lambda pair: order_of(pair[0], pair[1], now),
        reverse=True,
    )

    return sorted(run_id for when, run_id in dated[keep_min:] if when < limit)
