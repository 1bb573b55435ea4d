# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``postgresql``: can we connect, does a query give the right answer, soon enough?"""

from __future__ import annotations

import decimal
import time
import typing as t
from collections.abc import Iterator

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding
from .. import conditions, latency
from ..check import Check, ProbeError, milliseconds
from ..clients import postgresql as client
from ..kind import NEVER, OTHERWISE, Kind, Row

#: Asks for nothing but an answer.
DEFAULT_QUERY: t.Final = "SELECT 1"


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the verdict on connection and answer, then the time that both took."""
    samples = check.options["latency"]["samples"] if check.options["latency"] else 1
    values, times = [], []

    for _ in range(samples):
        started = time.monotonic()
        with client.session(check.options, deadline) as query:
            if check.options["query"] != DEFAULT_QUERY:
                client.prepare_reading(query, check.options["schema"])

            rows = query(check.options["query"])

        values.append(_only_value(rows))
        times.append(milliseconds(started))

    yield _verdict(check, values)
    if check.options["latency"]:
        yield latency.judge_latency(check, times)


def plain(value: t.Any) -> t.Any:
    """Return a driver's value as a JSON scalar."""
    if isinstance(value, decimal.Decimal):
        whole = value.is_finite() and value == value.to_integral_value()
        return int(value) if whole else float(value)

    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def describe(check: Check) -> Iterator[Row]:
    """Yield the check and its latency in words."""
    expect = check.options["expect"]
    answer = f"the answer {conditions.describe(expect)}" if expect else "there is an answer"
    asks = f"`{check.options['query']}` on database `{check.options['database']}`: {answer}"
    words = conditions.severity_words(expect) if expect else (NEVER, OTHERWISE)

    yield Row(check.id, asks, *words)
    yield from latency.describe(check)


def _only_value(rows: list[tuple[t.Any, ...]]) -> t.Any:
    if len(rows) != 1:
        number = "no row" if not rows else "several rows"
        raise ProbeError("critical", f"the query returned {number} instead of one")

    if not rows[0]:
        raise ProbeError("critical", "the query returned a row without columns")

    return plain(rows[0][0])


def _verdict(check: Check, values: list[t.Any]) -> Finding:
    database, condition = check.options["database"], check.options["expect"]
    if condition is None:
        observed = conditions.as_scalar(values[-1])
        return check.finding("ok", f"database {database} answers", observed=observed)

    wrong = [value for value in values if not conditions.holds(condition, value)]
    observed = conditions.as_scalar(wrong[0] if wrong else values[-1])
    expected = conditions.expected_text(condition)
    message = f"database {database} answers {observed}, expected {expected}"
    status = condition["severity"] if wrong else "ok"

    return check.finding(status, message, observed=observed, expected=expected)


def _validate(check: Check) -> None:
    latency.validate(check)
    client.validate_login(check)
    if check.options["expect"]:
        conditions.validate(check.options["expect"])


KIND = Kind(
    description="a read-only query and its answer",
    gives="`postgresql:NAME`, `.latency`",
    options={
        **client.OPTIONS,
        "query": option(
            "str",
            [
                "Query with one row as its answer, run in a transaction that cannot write.",
                "Only a login without a superuser's rights may run another one than the default:"
                " code in an application's table runs with the rights of the session.",
            ],
            default=DEFAULT_QUERY,
        ),
        "schema": option(
            "str",
            "Schema of the tables in O(checks[].query).",
            default="public",
            pattern=r"[A-Za-z_][A-Za-z0-9_$]*",
        ),
        "expect": option(
            "dict",
            "A condition on the first column of the only row.",
            options={
                key: conditions.OPTIONS[key]
                for key in ("equals", "at_least", "at_most", "severity")
            },
        ),
        "latency": latency.latency_option(),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    network=True,
    place=client.place,
    names=latency.names,
    validate=_validate,
    run_as=client.run_as,
    advice=client.advice,
)
