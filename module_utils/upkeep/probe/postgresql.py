# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``postgresql``: can we connect, does a question get the right answer, soon enough?"""

from __future__ import annotations

import decimal
import time
import typing as t
from collections.abc import Iterator

from ..findings import Finding
from . import conditions, latency
from .model import Check, CheckError, Deadline, Kind, ProbeError, milliseconds


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the verdict on connection and answer, then the time both took."""
    try:
        import psycopg2
    except ImportError as error:
        raise ProbeError("unknown", "the driver is missing: install the package python3-psycopg2") from error
    limits = check.options["latency"]
    values, times = [], []
    try:
        for _ in range(limits["samples"] if limits else 1):
            started = time.monotonic()
            values.append(_ask(psycopg2, check, deadline))
            times.append(milliseconds(started))
    except psycopg2.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ProbeError("critical", f"database {check.options['database']}: {reason}") from error
    yield _verdict(check, values)
    if limits:
        yield latency.judge_latency(check, times)


def _ask(driver: t.Any, check: Check, deadline: Deadline) -> t.Any:
    """Return the first column of the only row, read in a transaction that cannot write."""
    options = check.options
    given = {"host": options["host"], "user": options["user"], "password": options["password"]}
    given |= {"passfile": options["passfile"], "port": options["port"]}
    connection = driver.connect(
        dbname=options["database"],
        connect_timeout=max(2, int(deadline.remaining())),  # libpq takes whole seconds, and 1 for 2
        application_name="upkeep",
        **{key: value for key, value in given.items() if value is not None},
    )
    try:
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", (max(1, int(deadline.remaining() * 1000)),))
            cursor.execute(options["query"])
            rows = cursor.fetchmany(2)
    finally:
        connection.close()
    if len(rows) != 1:
        raise ProbeError("critical", f"the query gave {'no row' if not rows else 'several rows'}, one was expected")
    return plain(rows[0][0])


def _verdict(check: Check, values: list[t.Any]) -> Finding:
    database, condition = check.options["database"], check.options["expect"]
    if condition is None:
        return check.finding("ok", f"database {database} answers", observed=conditions.shown(values[-1]))
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


def _place(check: Check) -> str:
    return f"database {check.options['database']}"


def _validate(check: Check) -> None:
    latency.validate(check)
    if check.options["expect"]:
        conditions.validate(check.options["expect"])
    if check.options["as_user"] and check.options["host"]:
        raise CheckError("as_user is for the local socket; leave out host")


KIND = Kind(
    options={
        "database": {"type": "str", "required": True},
        "host": {"type": "str"},
        "port": {"type": "int"},
        "user": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "passfile": {"type": "path", "no_log": False},
        "as_user": {"type": "str"},
        "query": {"type": "str", "default": "SELECT 1"},
        "expect": {
            "type": "dict",
            "options": {key: conditions.OPTIONS[key] for key in ("equals", "at_least", "at_most", "severity")},
        },
        "latency": {"type": "dict", "options": latency.OPTIONS},
    },
    probe=probe,
    network=True,
    place=_place,
    secrets=("password",),
    names=latency.names,
    validate=_validate,
)
