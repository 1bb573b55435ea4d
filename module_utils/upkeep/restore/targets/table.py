# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One table: loaded into a database of its own, brought beside the live one, then swapped.

Indexes, constraints, sequences, triggers and rights come with it. Foreign keys, of others too, and
views mean the restored table afterwards.
"""

from __future__ import annotations

import os
import secrets
import typing as t

from ...backup import programs
from ...backup.programs import Program
from ...base.login import Login
from ...base.postgresql_programs import connection_string, login_environment
from ...base.text import visible
from ...postgresql.connection import Session
from .. import server as live
from .. import table_swap
from ..choose import RestoreError
from . import toc
from .postgresql import DatabaseTarget
from .target import TargetPlan, TargetWork


class TableTarget(DatabaseTarget):
    """One table of a database of the live server."""

    def __init__(self, work: TargetWork) -> None:
        super().__init__(work)
        self._table = t.cast("tuple[str, str]", work.settings.table)
        self._side_schema = f"upkeep_side_{work.stamp}"
        self._kept_schema = f"upkeep_before_{work.stamp}"
        self._there = False

    @property
    def _title(self) -> str:
        return visible(".".join(self._table))

    def plan(self) -> TargetPlan:
        """Return what would be replaced."""
        whole = super().plan()
        if not whole.replaces:
            raise RestoreError(f"there is no database {self._name!r}; restore it as a whole")

        found = self._server.ask(self._look, self._name)
        self._there = found is not None
        notes = () if self._there else (f"there is no table {self._title} now",)
        replaced = (f"{self._name}: {self._title}",) if self._there else ()

        return TargetPlan(replaced, whole.needs, notes)

    def _look(self, session: Session) -> list[t.Any] | None:
        found = table_swap.find_table(session, self._table)
        if found:
            table_swap.require_movable(session, found.oid)

        return list(found) if found else None

    def _require_rows(self) -> None:
        if not self._expected and not self._work.settings.allow_empty:
            raise RestoreError(
                f"the set has not a single row of {self._title}; allow_empty restores it anyway"
            )

    @property
    def _expected(self) -> int | None:
        """The rows of the table in the manifest, None where they were not counted."""
        return next(
            t.cast("int | None", one["rows"])
            for one in self._facts["tables"]
            if (one["schema"], one["name"]) == self._table
        )

    def _chosen(self, entries: list[toc.TocEntry]) -> list[toc.TocEntry]:
        return toc.of_table(entries, *self._table)

    def _compare(self) -> str:
        """Bring the table beside the live one, and compare its rows and columns there."""
        owner = self._bring()
        place = (self._side_schema, self._table[1])
        [rows] = self._server.ask(lambda session: live.count_rows(session, [place]), self._name)
        expected = self._expected
        if rows is None or (expected is not None and rows != expected):
            raise RestoreError(f"{self._title} has {rows} rows instead of {expected}")

        entry = next(
            one for one in self._facts["tables"] if (one["schema"], one["name"]) == self._table
        )
        moved = [{**entry, "schema": self._side_schema}]
        if self._server.ask(lambda session: live.hash_problems(session, moved), self._name):
            raise RestoreError(f"{self._title} has other rows than the manifest's hash")

        mine, theirs = self._server.ask(
            lambda session: [self._columns(session, one) for one in (place, self._table)],
            self._name,
        )
        if theirs and mine != theirs:
            raise RestoreError(
                f"the columns of {self._title} are others than in the set; restore the whole"
                " database"
            )
        if not theirs:
            self._notes.append("foreign keys of the table are not restored, since it was gone")

        return f"{rows} rows of {self._title} (of {owner}) as in the manifest"

    def _columns(self, session: Session, table: tuple[str, str]) -> list[list[str]]:
        found = table_swap.find_table(session, table)

        return found.columns if found else []

    def _bring(self) -> str:
        """Copy the table into a schema of the live database, and return its owner."""
        found = self._server.ask(
            lambda session: table_swap.find_table(session, self._table), self._side
        )
        if found is None:
            raise RestoreError(f"the dump does not hold {self._title}")

        owner = str(found[1])
        for database in (self._side, self._name):
            self._server.ask(lambda session: self._make_schema(session, owner), database)
        self._server.ask(self._move_to_schema, self._side)
        self._copy(owner)

        return owner

    def _make_schema(self, session: Session, owner: str) -> None:
        for (name,) in session.rows("SELECT nspname FROM pg_namespace"):
            if name.startswith("upkeep_side_"):  # of a killed restore: we have its lock
                session.execute("DROP SCHEMA {schema} CASCADE", schema=(name,))
        session.execute(
            "CREATE SCHEMA {schema} AUTHORIZATION {owner}",
            schema=(self._side_schema,),
            owner=(owner,),
        )

    def _move_to_schema(self, session: Session) -> None:
        session.execute(
            "ALTER TABLE {table} SET SCHEMA {schema}",
            table=self._table,
            schema=(self._side_schema,),
        )

    def _copy(self, owner: str) -> None:
        """Copy from the side database into the live one, with the rights of the owner only."""
        settings, login = self._work.settings.server, self._server.settings.login
        password = "" if login.local else secrets.token_hex(24)
        run_as = settings.run_as
        if not self._is_super(owner):
            seconds = self._work.deadline.left
            self._server.ask(
                lambda one: live.make_loader(one, self._loader, [owner], password, seconds)
            )
            login = Login(
                login.host, login.port, self._loader, password or None, login.sslmode, login.ca_file
            )
            run_as = self._loader if os.geteuid() == 0 else None

        dump = (self._program("pg_dump"), "--format=custom", "--compress=0", "--no-password")
        load = (self._program("pg_restore"), "--exit-on-error", "--no-password")
        schema = f"--schema={self._side_schema}"
        pipe = [
            Program((*dump, schema), run_as, login_environment(login, self._side)),
            Program(
                (*load, schema, f"--dbname={connection_string(self._name)}"),
                run_as,
                login_environment(login, self._name),
            ),
        ]
        nothing = os.memfd_create("output", os.MFD_CLOEXEC)
        try:
            programs.run(pipe, nothing, self._work.deadline)
        finally:
            os.close(nothing)
            self._server.ask(lambda session: live.drop_loader(session, self._loader))

    def side_names(self) -> list[str]:
        """Return what was restored beside."""
        return [f"{self._side_schema}.{self._table[1]}"]

    def replace(self) -> list[str]:
        """Swap the tables, and remove the database that the table came from."""
        try:
            self._swap(self._side_schema, self._kept_schema)
        except (RestoreError, TimeoutError) as error:
            self._undo(error)
            raise

        return [f"{self._kept_schema}.{self._table[1]}"] if self._there else []

    def put_back(self) -> None:
        """Swap the tables back."""
        self._server.renew()
        self._swap(self._kept_schema, self._side_schema)

    def _undo_replace(self) -> None:
        """Swap back where all was done, and only the answer was lost."""
        query = "SELECT 1 FROM pg_namespace WHERE nspname = %(name)s"
        name = {"name": self._kept_schema}
        if self._server.ask(lambda session: bool(session.rows(query, name)), self._name):
            self.put_back()

    def _swap(self, side: str, kept: str) -> None:
        self._server.ask(
            lambda session: table_swap.swap_table(session, self._table, side, kept), self._name
        )

    def discard(self) -> None:
        """Remove what was made for the restore."""
        self._server.renew()
        self._server.ask(
            lambda session: session.execute(
                "DROP SCHEMA IF EXISTS {schema} CASCADE", schema=(self._side_schema,)
            ),
            self._name,
        )
        super().discard()

    def finish(self) -> str:
        """Remove the database that the table came from."""
        super().discard()

        return super().finish()
