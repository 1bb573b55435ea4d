# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``postgresql``: can we connect, does a question get the right answer, soon enough?"""

from __future__ import annotations

import contextlib
import decimal
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping

from ...findings import Finding
from .. import conditions, latency
from ..check import Check, CheckError, Deadline, Kind, ProbeError, milliseconds

#: Argument spec of the way into a database, for all kinds that ask one.
LOGIN: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "database": {"type": "str", "required": True},
    "host": {"type": "str"},
    "port": {"type": "int"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "passfile": {"type": "path", "no_log": False},
    "as_user": {"type": "str"},
}
#: A function from a query to its first rows.
Ask = Callable[[str], list[tuple[t.Any, ...]]]
#: No answer has more rows than this.
_ROWS: t.Final = 100


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the verdict on connection and answer, then the time both took."""
    limits = check.options["latency"]
    values, times = [], []
    for _ in range(limits["samples"] if limits else 1):
        started = time.monotonic()
        with asking(check, deadline) as ask:
            rows = ask(check.options["query"])

        if len(rows) != 1:
            several = "no row" if not rows else "several rows"
            raise ProbeError("critical", f"the query gave {several}, one was expected")

        values.append(plain(rows[0][0]))
        times.append(milliseconds(started))

    yield _verdict(check, values)
    if limits:
        yield latency.judge_latency(check, times)


@contextlib.contextmanager
def asking(check: Check, deadline: Deadline) -> Iterator[Ask]:
    """Connect for queries that cannot write and end with the deadline.

    Raises ProbeError for what the server says.
    """
    try:
        import psycopg2
    except ImportError as error:
        raise ProbeError(
            "unknown", "the driver is missing: install the package python3-psycopg2"
        ) from error

    options = check.options
    given = {key: options[key] for key in ("host", "user", "password", "passfile", "port")}

    try:
        connection = psycopg2.connect(
            dbname=options["database"],
            connect_timeout=max(
                2, int(deadline.remaining())
            ),  # libpq takes whole seconds, and 1 for 2
            application_name="upkeep",
            **{key: value for key, value in given.items() if value is not None},
        )
        try:
            connection.set_session(readonly=True)
            with connection.cursor() as cursor:

                def ask(query: str) -> list[tuple[t.Any, ...]]:
                    cursor.execute(
                        "SET LOCAL statement_timeout = %s",
                        (max(1, int(deadline.remaining() * 1000)),),
                    )
                    cursor.execute(query)
                    rows: list[tuple[t.Any, ...]] = cursor.fetchmany(_ROWS)

                    return rows

                yield ask
        finally:
            connection.close()
    except psycopg2.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ProbeError("critical", f"database {options['database']}: {reason}") from error


def _verdict(check: Check, values: list[t.Any]) -> Finding:
    database, condition = check.options["database"], check.options["expect"]
    if condition is None:
        return check.finding(
            "ok", f"database {database} answers", observed=conditions.shown(values[-1])
        )

    wrong = [value for value in values if not conditions.holds(condition, value)]
    value = wrong[0] if wrong else values[-1]
    expected = conditions.expected_text(condition)
    status = condition["severity"] if wrong else "ok"
    message = f"database {database} answers {conditions.shown(value)}, expected {expected}"

    return check.finding(status, message, observed=conditions.shown(value), expected=expected)


def plain(value: t.Any) -> t.Any:
    """Return a driver's value as a JSON scalar."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def place(check: Check) -> str:
    """Return what a check asks, for messages."""
    return f"database {check.options['database']}"


def validate_login(check: Check) -> None:
    """Raise CheckError for a way in that leads nowhere."""
    if check.options["as_user"] and check.options["host"]:
        raise CheckError("as_user is for the local socket; leave out host")


def _validate(check: Check) -> None:
    latency.validate(check)
    if check.options["expect"]:
        conditions.validate(check.options["expect"])
    validate_login(check)


KIND = Kind(
    options={
        **LOGIN,
        "query": {"type": "str", "default": "SELECT 1"},
        "expect": {
            "type": "dict",
            "options": {
                key: conditions.OPTIONS[key]
                for key in ("equals", "at_least", "at_most", "severity")
            },
        },
        "latency": {"type": "dict", "options": latency.OPTIONS},
    },
    probe=probe,
    network=True,
    place=place,
    secrets=("password",),
    names=latency.names,
    validate=_validate,
)
