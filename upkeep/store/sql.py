# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs in a database, one row each.

Imported only when a database address is used, since SQLAlchemy is optional.
"""

from __future__ import annotations

import contextlib
import json
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from upkeep.run import events
from upkeep.report import render as report
from upkeep.store.connect_timeouts import patience
from upkeep.run.types import SCHEMA_VERSION, Record
from upkeep.store.base import LATEST, StoreError, check_run_id, expired, read_record

try:
    import sqlalchemy as sa
except ModuleNotFoundError as error:
    raise StoreError("a database store needs the package SQLAlchemy: pip install SQLAlchemy") from error

#: The Python package behind a driver's module, where the names differ.
_PACKAGES: t.Final = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "pymysql": "PyMySQL"}

_METADATA = sa.MetaData()
_RUNS = sa.Table(
    "upkeep_runs",
    _METADATA,
    sa.Column("run_id", sa.String(128), primary_key=True),
    sa.Column("schema_version", sa.Integer, nullable=False),
    # ISO 8601 UTC text sorts as time does; empty when a log had none.
    sa.Column("started", sa.String(32), nullable=False, index=True),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("playbook", sa.String(300), nullable=False),
    sa.Column("record", sa.Text, nullable=False),
    sa.Column("events", sa.Text, nullable=False),
)
_NEWEST_FIRST: t.Final = (_RUNS.c.started.desc(), _RUNS.c.run_id.desc())


class SqlStore:
    """Runs in the table ``upkeep_runs``, which is made when it is missing."""

    def __init__(self, dsn: str) -> None:
        try:
            self._url = sa.engine.make_url(dsn)
            self._engine = sa.create_engine(self._url, hide_parameters=True, connect_args=patience(self._url))
        except ModuleNotFoundError as error:
            package = _PACKAGES.get(error.name or "", error.name)
            raise StoreError(f"this database needs the package {package}: pip install {package}") from None
        except (sa.exc.ArgumentError, ValueError):
            hint = "write it as postgresql+psycopg2://user:password@host/database or sqlite:///file"
            raise StoreError(f"the database address of the store cannot be read; {hint}") from None

        with self._clear_errors():
            self._create()

    def __repr__(self) -> str:
        # The query part may hold a password too.
        return f"SqlStore({self._url.set(query={}).render_as_string(hide_password=True)})"

    def save(self, run_dir: Path, folded: Record | None = None) -> None:
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
        with self._clear_errors(), self._engine.begin() as connection:
            connection.execute(sa.delete(_RUNS).where(_RUNS.c.run_id == row["run_id"]))
            connection.execute(sa.insert(_RUNS), row)

    def runs(self, limit: int | None = None) -> list[Record]:
        """Return the kept runs, newest first."""
        query = sa.select(_RUNS).order_by(*_NEWEST_FIRST).limit(limit)
        with self._clear_errors(), self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(query)]

    def load(self, run_id: str) -> Record:
        """Return one run; raises StoreError when there is none."""
        return _record(self._row(run_id))

    def write_report(self, run_id: str, output: Path | None) -> Path:
        """Render a run into the folder ``output``; raises StoreError, OSError."""
        if output is None:
            raise StoreError("a run from a database needs a folder for its report: give --output DIRECTORY")

        row = self._row(run_id)
        output.mkdir(parents=True, exist_ok=True)
        report.write_atomically(output / events.LOG_NAME, row.events.encode())

        return report.render(output)

    def prune(self, keep_days: int, keep_min: int, *, dry_run: bool = False) -> list[str]:
        """Remove old runs; their ids are returned."""
        with self._clear_errors(), self._engine.begin() as connection:
            rows = connection.execute(sa.select(_RUNS.c.run_id, _RUNS.c.started))
            names = expired({row.run_id: row.started for row in rows}, keep_days, keep_min, datetime.now(UTC))
            if not dry_run:
                connection.execute(sa.delete(_RUNS).where(_RUNS.c.run_id.in_(names)))

        return names

    def _create(self) -> None:
        """Make the table when it is missing; a server that does not answer is noticed before."""
        self._engine.connect().close()
        try:
            _METADATA.create_all(self._engine)
        except sa.exc.DBAPIError:
            # Two runs that end at the same moment may both find no table; the second one then finds
            # the first one's.
            _METADATA.create_all(self._engine)

    def _row(self, run_id: str) -> t.Any:
        query = sa.select(_RUNS)
        if run_id == LATEST:
            query = query.order_by(*_NEWEST_FIRST).limit(1)
        else:
            query = query.where(_RUNS.c.run_id == check_run_id(run_id))

        with self._clear_errors(), self._engine.connect() as connection:
            row = connection.execute(query).first()

        if row is None:
            raise StoreError(f"no run '{run_id}' in {self!r}; `python -m upkeep list` shows what is there")

        return row

    @contextlib.contextmanager
    def _clear_errors(self) -> t.Iterator[None]:
        """Turn database errors into StoreError, without their causes: those may hold the address and its password."""
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            text = str(getattr(error, "orig", None) or error).strip()
            for secret in (self._url.password, self._url.query.get("password")):
                text = text.replace(str(secret), "***") if secret else text

            raise StoreError(f"the database of the store answered: {text}") from None


def _record(row: t.Any) -> Record:
    """Return a row's record under the id that the store knows it by."""
    version = row.schema_version
    if version != SCHEMA_VERSION:
        raise StoreError(f"the store holds a run of schema version {version}; this Upkeep reads {SCHEMA_VERSION}")
    return t.cast(Record, {**json.loads(row.record), "run_id": row.run_id})
