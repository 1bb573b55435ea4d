# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A read-only session with a PostgreSQL server that ends with a deadline."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable, Iterator, Mapping

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
                yield lambda query: _first_rows(cursor, query, deadline)
        finally:
            connection.close()
    except psycopg2.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ProbeError("critical", f"database {options['database']}: {reason}") from error


def place(check: Check) -> str:
    """Return what a check queries, for messages."""
    return f"database {check.options['database']}"


def run_as(check: Check) -> str | None:
    """Return the system account that connects."""
    account: str | None = check.options["run_as"]

    return account


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
