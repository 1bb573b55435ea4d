# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads PostgreSQL and SQLite alike: one read-only query at a time, with a time limit.

In the text of a query {braces} are identifiers, which are quoted here, and %(names)s are values,
which are bound.
"""

from __future__ import annotations

import contextlib
import math
import re
import sqlite3
import time
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..base import reader
from ..base.login import Login
from ..postgresql.connection import DatabaseError, DriverMissingError, Session, open_session
from .moments import UNREADABLE, age_of

#: Milliseconds to wait for a lock: a query in its queue makes those behind it wait, too.
LOCK_MS: t.Final = 2000
#: Steps of SQLite's machine between two comparisons with the clock.
STEPS: t.Final = 20_000

Row = tuple[t.Any, ...]
Values = Mapping[str, t.Any]
Names = Mapping[str, Sequence[str]]


class SourceError(Exception):
    """The query was not answered; the message says what to do about it."""


class Source(t.Protocol):
    """Something that answers queries in SQL.

    ``moment`` is what to ask for a moment, as SQL around ``{}``, and ``age_of`` makes an age of the
    answer. ``login`` is how a server was reached, None for a file.
    """

    moment: str
    login: Login | None

    def rows(self, text: str, values: Values, names: Names, seconds: float) -> list[Row]:
        """Return the rows of a query; raises SourceError."""

    def own_rows(self, query: str, schema: str, seconds: float) -> list[Row]:
        """Return the rows of a query that the profile spells out; raises SourceError."""

    def age_of(self, answer: t.Any) -> float | None:
        """Return the seconds since a moment, None for none, UNREADABLE for one in another form."""


class PostgresqlSource:
    """A session that cannot write."""

    moment = "CAST(extract(epoch FROM clock_timestamp() - {}) AS double precision)"

    def __init__(self, session: Session, login: Login) -> None:
        self.login: Login | None = login
        self._session = session

    def rows(self, text: str, values: Values, names: Names, seconds: float) -> list[Row]:
        """Return the rows of a query, asked in a read-only transaction."""
        with self._asking(seconds):
            return self._session.rows(text, values, **names)

    def own_rows(self, query: str, schema: str, seconds: float) -> list[Row]:
        """Return the rows of the profile's query; its tables are looked up in ``schema``."""
        path = "SELECT set_config('search_path', 'pg_catalog, ' || quote_ident(%(schema)s), true)"
        with self._asking(seconds):
            self._session.rows(path, {"schema": schema})
            return self._session.rows(_literal(query))

    def age_of(self, answer: t.Any) -> float | None:
        """Return the age that the server computed; it also has a time called infinity."""
        return answer if answer is None or math.isfinite(answer) else UNREADABLE

    @contextlib.contextmanager
    def _asking(self, seconds: float) -> Iterator[None]:
        limit = f"{max(int(seconds * 1000), 1)}ms"
        try:
            with self._session.rolled_back():
                self._session.execute("SET TRANSACTION READ ONLY")
                self._session.rows(
                    "SELECT set_config('statement_timeout', %(limit)s, true)", {"limit": limit}
                )
                yield
        except DatabaseError as error:
            raise SourceError(advice(error)) from error


class SqliteSource:
    """An SQLite file, opened for reading only."""

    moment = "{}"
    login: Login | None = None

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, text: str, values: Values, names: Names, seconds: float) -> list[Row]:
        """Return the rows of a query."""
        quoted = {
            key: ".".join(_quoted(part) for part in _without_schema(parts))
            for key, parts in names.items()
        }
        query = re.sub(r"%\((\w+)\)s", r":\1", text.format(**quoted))

        return self._ask(query, values, seconds)

    def own_rows(self, query: str, schema: str, seconds: float) -> list[Row]:
        """Return the rows of the profile's query; SQLite has no schemas."""
        return self._ask(query, {}, seconds)

    def age_of(self, answer: t.Any) -> float | None:
        """Return the age of a time in one of the forms that SQLite files have."""
        return age_of(answer, time.time())

    def _ask(self, text: str, values: Values, seconds: float) -> list[Row]:
        end = time.monotonic() + seconds
        self._connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        try:
            return [tuple(row) for row in self._connection.execute(text, dict(values))]
        except sqlite3.OperationalError as error:
            raise SourceError(_sqlite_advice(error, seconds)) from error
        except sqlite3.Error as error:
            message = f"SQLite reports: {error}; check the file with the job db_maintenance"
            raise SourceError(message) from error


@contextlib.contextmanager
def open_postgresql(login: Login, database: str) -> Iterator[PostgresqlSource]:
    """Connect for reading; raises SourceError."""
    try:
        session = open_session(login, database, LOCK_MS)
    except DriverMissingError as error:
        raise SourceError(f"{error}; install the package python3-psycopg2") from error
    except DatabaseError as error:
        raise SourceError(advice(error)) from error

    try:
        _prepare(session)
        yield PostgresqlSource(session, login)
    except DatabaseError as error:
        raise SourceError(advice(error)) from error
    finally:
        session.close()


def _prepare(session: Session) -> None:
    """Set up a session that reads only; raises SourceError, DatabaseError."""
    if reason := reader.refusal(session.rows):
        raise SourceError(reason)

    session.rows("SELECT set_config('default_transaction_read_only', 'on', false)")
    session.rows("SELECT set_config('timezone', 'UTC', false)")
    # Policies that hide rows would make every count a guess: an error is better than a wrong
    # figure.
    session.rows("SELECT set_config('row_security', 'off', false)")
    reader.restrict(session.rows)


@contextlib.contextmanager
def open_sqlite(path: Path, seconds: float) -> Iterator[SqliteSource]:
    """Open an existing file for reading; raises SourceError.

    A journal or log beside the file would be replayed by a connection that may write, so it then
    may not. Without one, a connection that may not write would leave an empty log behind; the other
    one only never writes.
    """
    beside = any(path.with_name(path.name + suffix).exists() for suffix in ("-wal", "-journal"))
    address = f"{path.as_uri()}?mode={'ro' if beside else 'rw'}"

    try:
        connection = sqlite3.connect(address, uri=True, timeout=seconds, isolation_level=None)
    except sqlite3.Error as error:
        raise SourceError(f"{str(path)!r} cannot be opened: {error}") from error

    with contextlib.closing(connection):
        try:
            # Text that is not UTF-8 would end the query with an error that quotes it.
            connection.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
        except sqlite3.Error as error:
            raise SourceError(f"{str(path)!r} cannot be read: {error}") from error

        yield SqliteSource(connection)


#: SQLSTATE -> what to do; see appendix A of the PostgreSQL manual.
_ADVICE: t.Final = {
    "57014": "it took too long: raise timeout, or add an index on the time column",
    "53300": "the server is at its connection limit: see pg_stat_activity for who holds them",
    "42P01": "the table does not exist: compare the names in the profile with the database",
    "42703": "a column does not exist: compare the names in the profile with the table",
    "42501": "the login may not read this: it needs pg_read_all_data, and BYPASSRLS for policies",
    "55P03": "the table stayed locked: see pg_locks for who holds the lock, and try again later",
}
_LIMIT_WORDS: t.Final = ("too many clients", "remaining connection slots")


def advice(error: DatabaseError) -> str:
    """Return the server's message with what to do about it."""
    state = getattr(error.__cause__, "pgcode", None) or ""
    hint = _ADVICE.get(state) or reader.advice(str(error))
    if any(words in str(error) for words in _LIMIT_WORDS):
        hint = _ADVICE["53300"]
    elif not state and not hint:
        hint = "the database cannot be reached: check that its server runs and takes connections"

    return f"{hint} (the server reports: {error})" if hint else f"the server reports: {error}"


def _sqlite_advice(error: sqlite3.OperationalError, seconds: float) -> str:
    if "interrupted" in str(error):
        return f"no answer within {seconds:g} s; raise timeout or add an index to the table"

    return f"SQLite reports: {error}; compare the names in the profile with the file"


def _literal(query: str) -> str:
    """Return a query whose braces and percent signs mean themselves."""
    return query.replace("%", "%%").replace("{", "{{").replace("}", "}}")


def _quoted(name: str) -> str:
    """Return an identifier in SQLite's other quotes.

    A misspelled column in double quotes would be taken for text.
    """
    return "`" + name.replace("`", "``") + "`"


def _without_schema(parts: Sequence[str]) -> Sequence[str]:
    return parts[-1:] if len(parts) == 2 else parts
