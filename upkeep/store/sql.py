# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs in a database, one row each.

Imported only when a database address is used, since SQLAlchemy is optional.
"""

from __future__ import annotations

import itertools
import json
import typing as t
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath

import sqlalchemy as sa

from upkeep import private
from upkeep.database import SqlDatabase
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
    fold_log,
    order_of,
    parse_record,
    read_record,
)

_METADATA = sa.MetaData()
_RUNS = sa.Table(
    "upkeep_runs",
    _METADATA,
    sa.Column("run_id", sa.String(128), primary_key=True),
    sa.Column("schema_version", sa.Integer, nullable=False),
    # ISO 8601 UTC text sorts as time does; empty when a log had none.
    sa.Column("started", sa.String(32), nullable=False),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("playbook", sa.String(300), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False),
    sa.Index("upkeep_runs_by_start", "started", "run_id"),
)
#: What a list says of each run; a run that an older version kept has no row here.
_FACTS = sa.Table(
    "upkeep_run_facts",
    _METADATA,
    sa.Column("run_id", sa.String(128), primary_key=True),
    sa.Column("facts", sa.Text, nullable=False),
)
#: Rows that are read at once.
_AT_ONCE: t.Final = 20


class SqlStore:
    """Runs in the table ``upkeep_runs``."""

    def __init__(self, address: str, *, create: bool = True) -> None:
        """Open the store, and make its table when it is missing; raises StoreError.

        Without ``create`` a missing table is an error.
        """
        self._database = SqlDatabase(address, "the database of the store", StoreError)
        if create:
            self._create()
        else:
            self._require_table()

    def __repr__(self) -> str:
        return f"SqlStore({self._database!r})"

    def save(self, run_dir: Path, folded: RunRecord | None = None) -> None:
        """Keep a run; saving it again replaces its row."""
        folded = folded or read_record(run_dir)
        log = (run_dir / events.LOG_NAME).read_bytes().decode("utf-8", "replace")
        row = {
            "run_id": check_run_id(run_dir.name),
            "schema_version": folded["schema_version"],
            "started": folded["started"] or "",
            "outcome": folded["outcome"],
            "playbook": folded["playbook"],
            "record": json.dumps(folded),
            # PostgreSQL's text cannot hold a zero byte; in the log's JSON one can only be damage.
            "events": log.replace("\x00", "\ufffd"),
        }
        with self._database.writing() as connection:
            connection.execute(sa.delete(_RUNS).where(_RUNS.c.run_id == row["run_id"]))
            connection.execute(sa.insert(_RUNS), row)
            connection.execute(sa.delete(_FACTS).where(_FACTS.c.run_id == row["run_id"]))
            kept = facts.as_json(facts.of_record(folded))
            connection.execute(sa.insert(_FACTS), {"run_id": row["run_id"], "facts": kept})

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """Return the kept runs, newest first; one that this version cannot read is left out."""
        return list(itertools.islice(self._records(self._newest_first()), limit))

    def facts(self) -> Iterator[RunFacts]:
        """Yield what a list says of each kept run, newest first, from its record if need be."""
        return self._facts(self._newest_first())

    def of_playbook(self, stem: str) -> Iterator[RunFacts]:
        """Yield the same of the kept runs of a playbook, read a few at a time."""
        names = self._newest_first(_RUNS.c.playbook.contains(stem, autoescape=True))
        for run in self._facts(names):
            if PurePath(run["playbook"]).stem == stem:
                yield run

    def oldest_start(self) -> str | None:
        """Return when the oldest kept run started; None without any."""
        with self._database.reading() as connection:
            dated = sa.select(sa.func.min(_RUNS.c.started)).where(_RUNS.c.started != "")
            oldest: str | None = connection.execute(dated).scalar()

        return oldest

    def load(self, run_id: str) -> RunRecord:
        """Return one run; raises StoreError when there is none."""
        row = self._row(run_id)
        found = _record(row)
        if found is None:
            version = f"it is of schema version {row.schema_version}"
            raise StoreError(f"run '{row.run_id}' cannot be read by this version; {version}")

        return found

    def write_report(self, run_id: str, output: Path | None) -> Path:
        """Render a run into the folder ``output``; raises StoreError, OSError."""
        if output is None:
            raise StoreError("the report of a run in a database needs --output DIRECTORY")

        row = self._row(run_id)
        private.make_folders(output)
        report.write_atomically(output / events.LOG_NAME, row.events.encode())

        return report.render(output)

    def prune(self, keep_days: int, keep_min: int, *, dry_run: bool = False) -> list[str]:
        """Remove old runs; their ids are returned."""
        names = expired(dict(self._starts()), keep_days, keep_min, datetime.now(UTC))
        if not dry_run:
            # A store that only an older version wrote to has no table of facts.
            tables = [table for table in (_FACTS, _RUNS) if self._has_table(table)]
            with self._database.writing() as connection:
                for part, table in itertools.product(_parts(names), tables):
                    connection.execute(sa.delete(table).where(table.c.run_id.in_(part)))

        return names

    def _create(self) -> None:
        """Make missing tables; a server that does not answer is noticed before."""
        self._database.make_file()
        with self._database.reading():
            pass

        try:
            self._make_tables()
        except StoreError:
            # Two runs that end at the same moment may both find no table; the second one then finds
            # the first one's.
            self._make_tables()

    def _make_tables(self) -> None:
        with self._database.writing() as connection:
            for table in _METADATA.sorted_tables:
                connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            for index in _RUNS.indexes:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))

    def _require_table(self) -> None:
        """Raise StoreError when there is nothing to read; a missing SQLite file is not made."""
        missing = self._database.missing_file()
        if missing is not None:
            raise StoreError(f"there is no database '{missing}'")

        if not self._has_table(_RUNS):
            raise StoreError(f"no run is kept in {self!r} yet")

    def _has_table(self, table: sa.Table) -> bool:
        with self._database.reading() as connection:
            found: bool = sa.inspect(connection).has_table(table.name)

        return found

    def _starts(self, *wanted: sa.ColumnElement[bool]) -> list[tuple[str, str]]:
        """Return (id, start) of all runs, or of those wanted; the index alone holds both."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(_RUNS.c.run_id, _RUNS.c.started).where(*wanted))
            return [(row.run_id, row.started) for row in rows]

    def _facts(self, names: Sequence[str]) -> Iterator[RunFacts]:
        """Yield the facts of these runs in their order; those of an older version are made anew."""
        has_facts = self._has_table(_FACTS)
        for part in _parts(names):
            kept = self._kept_facts(part) if has_facts else {}
            older = (name for name in part if name not in kept)
            made = {run["run_id"]: facts.of_record(run) for run in self._records(list(older))}
            yield from filter(None, (kept.get(name) or made.get(name) for name in part))

    def _newest_first(self, *wanted: sa.ColumnElement[bool]) -> list[str]:
        """Return the ids of all runs, or of those wanted, newest first."""
        now = datetime.now(UTC)
        starts = self._starts(*wanted)
        newest = sorted(starts, key=lambda run: order_of(run[1], run[0], now), reverse=True)

        return [name for name, _ in newest]

    def _records(self, names: Sequence[str]) -> Iterator[RunRecord]:
        """Yield the records of these runs in their order, without those that cannot be read."""
        for part in _parts(names):
            with self._database.reading() as connection:
                found = connection.execute(sa.select(_RUNS).where(_RUNS.c.run_id.in_(part)))
                rows = {row.run_id: row for row in found}

            yield from filter(None, (_record(rows[name]) for name in part if name in rows))

    def _kept_facts(self, names: Sequence[str]) -> dict[str, RunFacts]:
        """Return the kept facts of these runs; those of an older version are left out."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(_FACTS).where(_FACTS.c.run_id.in_(names))).all()

        parsed = {row.run_id: facts.parse(row.facts, row.run_id) for row in rows}

        return {name: item for name, item in parsed.items() if item is not None}

    def _latest_id(self) -> str:
        newest = self.runs(1)
        if not newest:
            raise StoreError(f"no run is kept in {self!r} yet")

        return newest[0]["run_id"]

    def _row(self, run_id: str) -> t.Any:
        name = self._latest_id() if run_id == LATEST else check_run_id(run_id)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(_RUNS).where(_RUNS.c.run_id == name)).first()

        if row is None:
            known = "`python -m upkeep list` shows what is there"
            raise StoreError(f"no run '{run_id}' in {self!r}; {known}")

        return row


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the names a few at a time: the first question is mostly for the newest run alone."""
    for begin in range(0, len(names), _AT_ONCE):
        yield names[begin : begin + _AT_ONCE]


def _record(row: t.Any) -> RunRecord | None:
    """Return a row's record under the id that the store knows it by.

    It is folded from the row's log when it is damaged or of another version; None when that does
    not help.
    """
    found = parse_record(row.record) or fold_log(row.events.encode(), row.run_id)

    return None if found is None else {**found, "run_id": row.run_id}
