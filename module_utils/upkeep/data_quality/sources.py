# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading from PostgreSQL and SQLite alike: one read-only question at a time, with a time limit, in both dialects.

In the text of a question {braces} are identifiers, which are quoted here, and %(names)s are values,
which are bound.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
import typing as t
from pathlib import Path

from ..postgresql.connection import DatabaseError, DriverMissingError, Session, open_session
from ..base.login import Login

#: Milliseconds to wait for a lock: a question that stands in a queue makes those behind it wait,
#: too.
LOCK_MS: t.Final = 2000
#: Steps of SQLite's machine between two looks at the clock.
STEPS: t.Final = 20_000

Row = tuple[t.Any, ...]
Values = t.Mapping[str, t.Any]


class SourceError(Exception):
    """The question was not answered; the message says what to do about it."""


class Source(t.Protocol):
    """Something that answers questions in SQL.

    ``age`` gives the seconds since a moment, as SQL around ``{}``.
    """

    age: str

    def rows(
        self, text: str, values: Values, names: t.Mapping[str, t.Sequence[str]], seconds: float
    ) -> list[Row]:
        """Return the rows of a question; raises SourceError."""

    def own_rows(self, query: str, schema: str, seconds: float) -> list[Row]:
        """Return the rows of a question that the profile spells out; raises SourceError."""


class PostgresqlSource:
    """A session that cannot write, and that reads with the rights of pg_read_all_data where it came as superuser."""

    age = "CAST(extract(epoch FROM clock_timestamp() - {}) AS double precision)"

    def __init__(self, session: Session) -> None:
        self.session = session

    def rows(
        self, text: str, values: Values, names: t.Mapping[str, t.Sequence[str]], seconds: float
    ) -> list[Row]:
        """Return the rows of a question, asked in a read-only transaction."""
        # Beside bound values a percent sign in a name would be taken for one more of them.
        named = {key: [part.replace("%", "%%") for part in parts] for key, parts in names.items()}
        with self._asking(seconds):
            return self.session.rows(text, values, **named)

    def own_rows(self, query: str, schema: str, seconds: float) -> list[Row]:
        """Return the rows of the profile's question.

        Tables without a schema are looked for in ``schema``.
        """
        with self._asking(seconds):
            self.session.rows(
                "SELECT set_config('search_path', 'pg_catalog, ' || quote_ident(%(schema)s), true)",
                {"schema": schema},
            )
            return self.session.rows(_literal(query))

    @contextlib.contextmanager
    def _asking(self, seconds: float) -> t.Iterator[None]:
        try:
            with self.session.rolled_back():
                self.session.execute("SET TRANSACTION READ ONLY")
                self.session.rows(
                    "SELECT set_config('statement_timeout', %(limit)s, true)",
                    {"limit": f"{max(int(seconds * 1000), 1)}ms"},
                )
                yield
        except DatabaseError as error:
            raise SourceError(advice(error)) from error


class SqliteSource:
    """An SQLite file, opened for reading only."""

    age = "((julianday('now') - julianday({})) * 86400.0)"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(
        self, text: str, values: Values, names: t.Mapping[str, t.Sequence[str]], seconds: float
    ) -> list[Row]:
        """Return the rows of a question."""
        quoted = {
            key: ".".join(_quoted(part) for part in _without_schema(parts))
            for key, parts in names.items()
        }
        return self._ask(re.sub(r"%\((\w+)\)s", r":\1", text.format(**quoted)), values, seconds)

    def own_rows(self, query: str, schema: str, seconds: float) -> list[Row]:
        """Return the rows of the profile's question; SQLite has no schemas."""
        return self._ask(query, {}, seconds)

    def _ask(self, text: str, values: Values, seconds: float) -> list[Row]:
        end = time.monotonic() + seconds
        self._connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        try:
            return [tuple(row) for row in self._connection.execute(text, dict(values))]
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise SourceError(
                    f"no answer within {seconds:g} s; give the check more time or the table an index"
                ) from error
            raise SourceError(
                f"SQLite says: {error}; compare the names in the profile with the file"
            ) from error
        except sqlite3.Error as error:
            raise SourceError(
                f"SQLite says: {error}; look at the file with the job db_maintenance"
            ) from error


def open_postgresql(login: Login, database: str) -> PostgresqlSource:
    """Connect for reading; raises SourceError."""
    try:
        session = open_session(login, database, LOCK_MS)
    except DriverMissingError as error:
        raise SourceError(f"{error}; install the package python3-psycopg2") from error
    except DatabaseError as error:
        raise SourceError(advice(error)) from error

    try:
        session.rows(
            "SELECT set_config('default_transaction_read_only', 'on', false), set_config('timezone', 'UTC', false)"
        )
        # Policies that hide rows would make every count a guess: better an error than a wrong
        # figure.
        session.rows("SELECT set_config('row_security', 'off', false)")
        if session.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            session.execute("SET ROLE pg_read_all_data")
    except DatabaseError as error:
        session.close()
        raise SourceError(advice(error)) from error

    return PostgresqlSource(session)


@contextlib.contextmanager
def open_sqlite(path: Path, seconds: float) -> t.Iterator[SqliteSource]:
    """Open an existing file for reading; raises SourceError.

    A journal or log beside the file would be played back by a connection that may write, so it then
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
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
        except sqlite3.Error as error:
            raise SourceError(f"{str(path)!r} cannot be read: {error}") from error
        yield SqliteSource(connection)


#: SQLSTATE -> what to do; see appendix A of the PostgreSQL manual.
_ADVICE: t.Final = {
    "57014": "it took too long: give the check more time, or the table an index on its time column",
    "53300": "the server is at its connection limit: see who holds connections (pg_stat_activity) before raising it",
    "42P01": "the table is not there: compare the names in the profile with the database",
    "42703": "a column is not there: compare the names in the profile with the table",
    "42501": "the login may not read this: grant it pg_read_all_data (and BYPASSRLS where rows have policies)",
    "55P03": "the table stayed locked: see who holds the lock (pg_locks) and look again later",
}


def advice(error: DatabaseError) -> str:
    """Return the server's words with what to do about them."""
    cause = error.__cause__
    state = getattr(cause, "pgcode", None) or ""
    hint = _ADVICE.get(state)
    if any(words in str(error) for words in ("too many clients", "remaining connection slots")):
        hint = _ADVICE["53300"]
    elif not state:
        hint = "the database cannot be reached: see whether its server runs and takes connections"

    return f"{hint} (the server says: {error})" if hint else f"the server says: {error}"


def _literal(query: str) -> str:
    """Return a query whose braces and percent signs mean themselves."""
    return query.replace("%", "%%").replace("{", "{{").replace("}", "}}")


def _quoted(name: str) -> str:
    """Return an identifier in SQLite's other quotes: in double ones it takes a misspelled column for text."""
    return "`" + name.replace("`", "``") + "`"


def _without_schema(parts: t.Sequence[str]) -> t.Sequence[str]:
    return parts[-1:] if len(parts) == 2 else parts
