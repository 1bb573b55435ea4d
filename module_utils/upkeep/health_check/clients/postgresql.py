# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A read-only session with a PostgreSQL server that ends with a deadline."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable, Iterator, Mapping

from ...base import reader
from ...base.deadline import Deadline
from ...base.login import (
    Login,
    connection_parameters,
    login_options,
    no_libpq_environment,
    run_as_option,
)
from ...base.options import Options, option
from ..check import Check, CheckError, ProbeError

#: How to get into a database, for all kinds that query one.
OPTIONS: t.Final[Options] = {
    "database": option("str", "Name of the database.", required=True),
    **login_options(user=None),
    "passfile": option("path", "File with the password, as libpq reads it."),
    "run_as": run_as_option(),
}
#: A function from a query to its first rows.
Query = Callable[[str], list[tuple[t.Any, ...]]]
#: No answer has more rows than this.
_ROWS: t.Final = 100
#: Classes of SQLSTATE whose messages quote values: data, constraints, views, functions.
_WITH_VALUES: t.Final = ("22", "23", "44", "P0", "39", "38")
_ERROR_NAMES: t.Final = {
    "22": "a value does not fit",
    "23": "a constraint is violated",
    "P0": "a function raised an error",
}


@contextlib.contextmanager
def session(options: Mapping[str, t.Any], deadline: Deadline) -> Iterator[Query]:
    """Connect for queries that cannot write and end with the deadline.

    Raises ProbeError with what the server reports.
    """
    try:
        import psycopg2
    except ImportError as error:
        message = "the driver is missing: install the package python3-psycopg2"
        raise ProbeError("unknown", message) from error

    try:
        with no_libpq_environment():
            connection = psycopg2.connect(**_parameters(options, deadline))

        try:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:
                # All settings end with the transaction: a pooler gives the session to others.
                cursor.execute("SET LOCAL search_path = pg_catalog, pg_temp")
                yield lambda query: _first_rows(cursor, query, deadline)
        finally:
            connection.close()
    except psycopg2.Error as error:
        reason = public_reason(error)
        hint = reader.advice(str(error))
        message = f"database {options['database']}: {reason}"
        if hint:
            raise ProbeError("unknown", f"{message}; {hint}") from error

        raise ProbeError("critical", message) from error


def prepare_reading(query: Query, schema: str) -> None:
    """Make a session fit for a query on tables of applications.

    Raises ProbeError for a login with rights that code in such a table must not get.
    """
    if reason := reader.refusal(query):
        raise ProbeError("unknown", f"the query was not sent: {reason}")

    # Policies that hide rows would make an answer a guess: an error is better.
    query("SELECT set_config('row_security', 'off', true)")
    query(f"SELECT set_config('search_path', 'pg_catalog, \"{schema}\", pg_temp', true)")
    reader.restrict(query)


def public_reason(error: Exception) -> str:
    """Return what the server reports without values from its tables.

    Details, hints and context hold values, and so does the message of an error in the data or of
    a function's own: there only its class is named.
    """
    code = str(getattr(error, "pgcode", None) or "")
    if code.startswith(_WITH_VALUES):
        return f"{_ERROR_NAMES.get(code[:2], 'an error in the data')} (SQLSTATE {code})"

    primary = getattr(getattr(error, "diag", None), "message_primary", None)

    return " ".join(str(primary or error).split()) or type(error).__name__


def place(check: Check) -> str:
    """Return what a check queries, for messages."""
    return f"database {check.options['database']}"


def run_as(check: Check) -> str | None:
    """Return the system account that connects."""
    account: str | None = check.options["run_as"]

    return account


def advice(problem: str) -> str:
    """Return what to do when the account or the role that reads is missing."""
    return reader.advice(problem)


def validate_login(check: Check) -> None:
    """Raise CheckError for a login that cannot work."""
    if check.options["run_as"] and not Login.of(check.options).local:
        raise CheckError("run_as is for the local socket; leave out login_host")


def _parameters(options: Mapping[str, t.Any], deadline: Deadline) -> dict[str, t.Any]:
    passfile = {"passfile": options["passfile"]} if options["passfile"] else {}

    return {
        **connection_parameters(Login.of(options)),
        **passfile,
        "dbname": options["database"],
        # libpq takes whole seconds, and 2 for 1.
        "connect_timeout": max(2, int(deadline.remaining())),
        "application_name": "upkeep",
    }


def _first_rows(cursor: t.Any, query: str, deadline: Deadline) -> list[tuple[t.Any, ...]]:
    milliseconds = max(1, int(deadline.remaining() * 1000))
    cursor.execute("SET LOCAL statement_timeout = %s", (milliseconds,))
    cursor.execute(query)
    rows: list[tuple[t.Any, ...]] = cursor.fetchmany(_ROWS)

    return rows
