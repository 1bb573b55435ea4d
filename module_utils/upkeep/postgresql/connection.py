# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One session with one database: settings that keep it harmless, and the errors it can meet."""

from __future__ import annotations

import codecs
import contextlib
import typing as t

from ..base.login import Login, connection_parameters, no_libpq_environment
from ..base.text import visible

try:
    import psycopg2
    from psycopg2 import errorcodes, errors, extensions, sql
except ImportError:  # answered by open_session, so that a host without the driver gets a finding
    psycopg2 = None

#: Debian 12 and 13 ship 15 and 17; older servers write their statistics too late to see whether
#: work was done.
OLDEST_SERVER: t.Final = 150000
CONNECT_SECONDS: t.Final = 10
READ_SECONDS: t.Final = 60
#: The same number on every controller: the first eight bytes of sha256("upkeep.db_maintenance"),
#: signed.
LOCK_KEY: t.Final = 2078999284841504728

#: Settings of a session, in the units of pg_settings. They are given when it starts and are gone
#: with it: a pooler would hand what is set later to the next client.
_SESSION: t.Final = {
    # As superuser in somebody's database: nothing in it may stand in for a function or operator of
    # PostgreSQL.
    "search_path": "pg_catalog,pg_temp",
    "statement_timeout": str(READ_SECONDS * 1000),
    "idle_in_transaction_session_timeout": str(READ_SECONDS * 1000),
    # A killed module must not leave its statement running for hours.
    "client_connection_check_interval": "2000",
}
_POOLED: t.Final = (
    "it is reached through a connection pooler, whose connections are shared with applications;"
    " log in to the server itself (login_host, login_port)"
)
#: What psycopg2 calls the states of a connection within a transaction.
_IN_TRANSACTION: t.Final = 2
_IN_ERROR: t.Final = 3
#: Classes of errors whose text may hold what stands in rows: data, constraints, code of functions.
_TELLING: t.Final = ("22", "23", "38", "39", "P0")


#: A server that knows no encoding, and what reads it: names come back as the bytes that they are.
_NO_ENCODING: t.Final = "SQL_ASCII"
_LOSSLESS: t.Final = "upkeep_lossless_utf8"


class DriverMissingError(Exception):
    """psycopg2 is not installed for this Python."""


class DatabaseError(Exception):
    """The server refused or was lost; the message is one line without values of rows."""


class BusyError(DatabaseError):
    """Another session holds a lock that was not released in time (or waits for ours)."""


class OvertimeError(DatabaseError):
    """The server ended a statement that took too long."""


class Session:
    """An autocommit connection. Every failure leaves as a DatabaseError."""

    def __init__(self, connection: t.Any) -> None:
        self._connection = connection

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return bool(self._connection.closed)

    def rows(
        self, query: str, values: t.Mapping[str, t.Any] | None = None, **names: t.Sequence[str]
    ) -> list[t.Any]:
        """Return the rows of a query; ``names`` fill {placeholders} with quoted identifiers."""
        with self._cursor() as cursor:
            # Beside bound values a percent sign in a name would be taken for one more of them.
            named = {key: [one.replace("%", "%%") for one in parts] for key, parts in names.items()}
            cursor.execute(_compose(query, named), values or {})
            return list(cursor.fetchall())

    def value(
        self, query: str, values: t.Mapping[str, t.Any] | None = None, **names: t.Sequence[str]
    ) -> t.Any:
        """Return the first column of the first row."""
        return self.rows(query, values, **names)[0][0]

    def execute(self, statement: str, **names: t.Sequence[str]) -> None:
        """Run a statement that gives no rows."""
        with self._cursor() as cursor:
            cursor.execute(_compose(statement, names))

    def maintain(self, statement: str, seconds: float, **names: t.Sequence[str]) -> None:
        """Run maintenance, which may take ``seconds``; lock_timeout still applies.

        Raises OvertimeError when it was ended.
        """
        with self.statement_timeout(seconds):
            self.execute(statement, **names)

    @contextlib.contextmanager
    def statement_timeout(self, seconds: float) -> t.Iterator[None]:
        """Limit each statement inside to this many seconds."""
        self._set("statement_timeout", f"{max(int(seconds * 1000), 1)}ms")
        try:
            yield
        finally:
            if not self.lost and not self._in_failed_transaction():
                self._set("statement_timeout", f"{READ_SECONDS}s")

    @contextlib.contextmanager
    def rolled_back(self) -> t.Iterator[None]:
        """Undo everything that is done inside."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            if not self.lost:
                self.execute("ROLLBACK")
                self._set("statement_timeout", f"{READ_SECONDS}s")

    @contextlib.contextmanager
    def undone_on_error(self) -> t.Iterator[None]:
        """Keep an open transaction usable when a statement inside fails; without one do nothing."""
        if self._transaction_status() != _IN_TRANSACTION:
            yield
            return

        self.execute("SAVEPOINT upkeep")
        try:
            yield
        except DatabaseError:
            if not self.lost:
                self.execute("ROLLBACK TO SAVEPOINT upkeep")
            raise

    def take_lock(self) -> bool:
        """Take the lock that only one maintenance run can have; it ends with the session."""
        return bool(self.value("SELECT pg_try_advisory_lock(%(key)s)", {"key": LOCK_KEY}))

    def close(self) -> None:
        """End the session; a lost one is fine too."""
        if not self.lost:
            # Now, and not when the server notices the end of the session: the next run may begin
            # right away.
            with contextlib.suppress(DatabaseError):
                self.rows("SELECT pg_advisory_unlock_all()")

        self._connection.close()

    def _set(self, name: str, value: str) -> None:
        self.rows("SELECT set_config(%(name)s, %(value)s, false)", {"name": name, "value": value})

    def _in_failed_transaction(self) -> bool:
        return self._transaction_status() == _IN_ERROR

    def _transaction_status(self) -> int:
        status: int = self._connection.info.transaction_status

        return status

    @contextlib.contextmanager
    def _cursor(self) -> t.Iterator[t.Any]:
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
            raise BusyError(describe(error)) from error
        except errors.QueryCanceled as error:
            raise OvertimeError(describe(error)) from error
        except (psycopg2.Error, UnicodeError) as error:
            raise DatabaseError(describe(error)) from error


def open_session(login: Login, database: str, lock_timeout_ms: int) -> Session:
    """Connect to one database; raises DriverMissingError or DatabaseError.

    A connection that is not a session of our own is refused before anything is changed in it.
    """
    if psycopg2 is None:
        raise DriverMissingError("the Python module psycopg2 is not installed")

    settings = {**_SESSION, "lock_timeout": str(lock_timeout_ms)}
    try:
        with no_libpq_environment():
            connection = psycopg2.connect(
                dbname=database,
                connect_timeout=CONNECT_SECONDS,
                application_name="upkeep_maintenance",
                client_encoding="UTF8",
                options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
                **connection_parameters(login),
            )
    except psycopg2.Error as error:
        raise DatabaseError(_why_not_connected(describe(error))) from None

    connection.autocommit = True
    session = Session(connection)

    try:
        _verify(session, connection.info.backend_pid, connection.server_version, settings)
        if connection.info.parameter_status("server_encoding") == _NO_ENCODING:
            _read_any_bytes(connection)
    except DatabaseError:
        connection.close()
        raise

    return session


def _read_any_bytes(connection: t.Any) -> None:
    """Let one name that is not UTF-8 stop nothing; it is sent back as it came."""
    codecs.register(_lossless)
    extensions.encodings[_NO_ENCODING.replace("_", "")] = _LOSSLESS
    connection.set_client_encoding(_NO_ENCODING)


def _lossless(name: str) -> codecs.CodecInfo | None:
    if name != _LOSSLESS:
        return None

    def encode(text: str, _errors: str = "") -> tuple[bytes, int]:
        return text.encode("utf-8", "surrogateescape"), len(text)

    def decode(data: t.Any, _errors: str = "") -> tuple[str, int]:
        return bytes(data).decode("utf-8", "surrogateescape"), len(data)

    return codecs.CodecInfo(encode, decode, name=_LOSSLESS)


def describe(error: BaseException) -> str:
    """Return what went wrong, on one line and short enough for a report.

    Only the server's primary message counts: detail, hint and context may quote rows. Where that
    may, too, the name of the error stands for it.
    """
    code = getattr(error, "pgcode", None) or ""
    if code.startswith(_TELLING):
        return f"{_error_name(code)} (SQLSTATE {code}); the server's log has the details"

    primary = getattr(getattr(error, "diag", None), "message_primary", None)

    return visible(" ".join(str(primary or error).split())[:500]) or type(error).__name__


def _error_name(code: str) -> str:
    try:
        return str(errorcodes.lookup(code)).lower().replace("_", " ")
    except KeyError:
        return "error"


def _why_not_connected(message: str) -> str:
    if "unsupported startup parameter" in message:
        return _POOLED
    if "client_connection_check_interval" in message:
        return f"the server is too old for this job; it needs PostgreSQL {OLDEST_SERVER // 10000}"

    return message


def _verify(
    session: Session, backend_pid: int, version: int, settings: t.Mapping[str, str]
) -> None:
    """Raise DatabaseError unless the session is our own, new enough and has our settings."""
    if version < OLDEST_SERVER:
        raise DatabaseError(
            f"PostgreSQL {version // 10000} is too old for this job;"
            f" it needs {OLDEST_SERVER // 10000}"
        )

    # A pooler answers for the server: the process that it announced is not the one that works.
    if session.value("SELECT pg_backend_pid()") != backend_pid:
        raise DatabaseError(_POOLED)

    found = dict(
        session.rows(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%(names)s)",
            {"names": list(settings)},
        )
    )
    changed = sorted(name for name, value in settings.items() if found.get(name) != value)
    if changed:
        raise DatabaseError(f"the session does not keep its settings ({', '.join(changed)})")


def _compose(text: str, names: t.Mapping[str, t.Sequence[str]]) -> t.Any:
    return sql.SQL(text).format(**{key: _identifier(parts) for key, parts in names.items()})


def _identifier(parts: t.Sequence[str]) -> t.Any:
    """Return a quoted name; the driver cannot quote what is not UTF-8."""
    try:
        "".join(parts).encode()
    except UnicodeEncodeError:
        doubled = [part.replace('"', '""') for part in parts]
        return sql.SQL(".".join(f'"{part}"' for part in doubled))

    return sql.Identifier(*parts)
