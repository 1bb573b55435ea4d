# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kinds ``table``, ``scrapers`` and ``figure``: how much is there, how old is it, and what does a number say."""

from __future__ import annotations

import decimal
import math
import typing as t
from collections.abc import Iterator

from ..findings import Finding, judge
from .series import freshness, where
from .settings import Check, shown
from .sources import Row, Source

#: Labels of one figure that are told; a query that gives more is not what was meant.
MOST_LABELS: t.Final = 50


def look_at_table(check: Check, source: Source) -> Iterator[Finding]:
    """Yield how many rows a table has, and how old the newest is; raises SourceError."""
    options = check.options
    names: dict[str, t.Sequence[str]] = {"table": (options["schema"], options["table"])}
    values: dict[str, t.Any] = {}
    age = "NULL"
    if options.get("time"):
        names["time"] = (options["time"],)
        age = source.age.format("max({time})")

    condition = where(options.get("where") or {}, "only", names, values)
    question = " ".join(("SELECT count(*),", age, "FROM {table}", condition))
    [(rows, seconds)] = source.rows(question, values, names, check.timeout)
    what = f"{options['schema']}.{options['table']}"
    told = f"{rows} rows are in {what}"
    yield check.judged(
        "rows", rows, f"{told}.", f"{told}: see whether its writer runs.", unit="rows"
    )
    if options.get("time"):
        yield freshness(check, seconds, what)


def look_at_scrapers(check: Check, source: Source) -> Iterator[Finding]:
    """Yield last success, its age and its rows for each scraper, and whether its last run failed.

    Raises SourceError.

    The table has one row a run, with the columns that ``key``, ``status``, ``time`` (its end) and
    ``rows`` name.
    """
    options = check.options
    names: dict[str, t.Sequence[str]] = {"table": (options["schema"], options["table"])}
    names |= {column: (options[column],) for column in ("key", "status", "time", "rows")}
    text = (
        "SELECT CAST({key} AS text), CAST({status} AS text), CAST({time} AS text), {rows}, AGE FROM ("
        " SELECT *, row_number() OVER ("
        "PARTITION BY {key}, CAST({status} AS text) = %(good)s ORDER BY {time} DESC) AS nth"
        " FROM {table} WHERE {time} IS NOT NULL) AS runs WHERE nth = 1 ORDER BY {time} DESC"
    ).replace("AGE", source.age.format("{time}"))
    newest = source.rows(text, {"good": options["good"]}, names, check.timeout)
    for scraper in options["keys"]:
        yield from _scraper(check, scraper, [row for row in newest if row[0] == scraper])


def _scraper(check: Check, scraper: str, newest: list[Row]) -> Iterator[Finding]:
    """Yield the findings on one scraper.

    ``newest`` are its last success and its last failure, the newer one first.
    """
    where_to_look = (
        "read its log and see whether its source can be reached and still looks as before"
    )
    success = next((row for row in newest if row[1] == check.options["good"]), None)
    if success is None:
        message = f"{scraper} has never succeeded as far as is known: {where_to_look}."
        yield check.finding(
            "age", "critical" if newest else "unknown", message, of=scraper, unit="s"
        )
        return

    _, _, moment, rows, age = success
    yield freshness(check, age, f"{scraper}, whose last success was at {moment},", of=scraper)
    told = f"The last success of {scraper} at {moment} brought {rows} rows"
    if rows is None:
        yield check.finding(
            "rows", "unknown", f"{told}, so how many is not known.", of=scraper, unit="rows"
        )
    else:
        yield check.judged(
            "rows", rows, f"{told}.", f"{told}: {where_to_look}.", of=scraper, unit="rows"
        )

    status = newest[0][1]
    if status == check.options["good"]:
        message = f"The last run of {scraper} succeeded."
        yield check.finding("last", "ok", message, of=scraper, observed=status, expected=status)
    else:
        message = f"The last run of {scraper} at {newest[0][2]} did not succeed: {where_to_look}."
        expected = check.options["good"]
        yield check.finding(
            "last", "warning", message, of=scraper, observed=status, expected=expected
        )


def look_at_figure(check: Check, source: Source) -> Iterator[Finding]:
    """Yield what a query of the profile gives: a number, or with ``labelled`` several with a label each before it.

    With ``baseline`` a second number follows: what is usual. Raises SourceError.
    """
    options = check.options
    width = 1 + options["labelled"] + options["baseline"]
    rows = source.own_rows(options["query"], options["schema"], check.timeout)
    if any(len(row) != width for row in rows):
        yield check.finding(
            "",
            "unknown",
            f"The query gives {len(rows[0])} columns, {width} were expected: mend it.",
        )
        return

    if not rows or (len(rows) > 1 and not options["labelled"]):
        yield check.finding(
            "",
            "unknown",
            f"The query gave {len(rows)} rows, one was expected: mend it in the profile.",
        )
        return

    if len(rows) > MOST_LABELS:
        yield check.finding(
            "",
            "unknown",
            f"The query gave {len(rows)} rows, at most {MOST_LABELS} are told: mend it.",
        )
        return

    for row in rows:
        label = str(row[0]) if options["labelled"] else ""
        numbers = [_number(value) for value in row[1 if options["labelled"] else 0 :]]
        yield _figure(check, label, numbers)


def _figure(check: Check, label: str, numbers: list[float | None]) -> Finding:
    unit, value = check.options["unit"], numbers[0]
    name = f"{check.name} {label}".strip()
    if value is None:
        message = f"{name} is not known: the query gave no number, so there are no data for it yet."
        return check.finding("", "unknown", message, of=label, unit=unit)

    if not check.options["baseline"]:
        found = check.judged(
            "value",
            value,
            f"{name} is {shown(value)}.",
            f"{name} is {shown(value)}: beyond its limit.",
            of=label,
            unit=unit,
        )
        return {**found, "check": found["check"].removesuffix(".value")}

    usual = numbers[1]
    if not usual:
        message = (
            f"{name} is {shown(value)}; what is usual is not known yet, so it cannot be compared."
        )
        return check.finding("", "info", message, of=label, observed=shown(value), unit=unit)

    percent = 100 * abs(value - usual) / abs(usual)
    levels = check.limits.get("baseline", {})
    status = judge(percent, levels.get("warning"), levels.get("critical"))
    message = f"{name} is {shown(value)}, usual is {shown(usual)}: {percent:.0f} % away from it"
    advice = "; find out who or what causes that." if status != "ok" else "."
    expected = (
        f"{shown(usual)} +- {levels.get('warning', levels.get('critical', 0)):g} %"
        if levels
        else shown(usual)
    )

    return check.finding(
        "", status, message + advice, of=label, observed=shown(value), expected=expected, unit=unit
    )


def _number(value: t.Any) -> float | None:
    """Return a driver's value as a number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        return None
    number = float(value)
    return number if math.isfinite(number) else None
