# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``figure``: what does a query of the profile return, and is that within its limits?"""

from __future__ import annotations

import decimal
import math
import typing as t
from collections.abc import Iterator, Mapping

from ...base.options import Options, option
from ...findings import Finding
from .. import sql
from ..check import DataCheck, Kind, rounded
from ..options import SCHEMA, SQL
from ..sources import Row, Source

#: Labels that one figure may have; a query with more rows is a mistake.
MOST_LABELS: t.Final = 50
#: Characters of a query that a description shows; the profile has all of it.
LONGEST_QUERY: t.Final = 120

DESCRIPTION: t.Final = "asks a query for one number, or for one number per label"
OPTIONS: t.Final[Options] = {
    **SQL,
    **SCHEMA,
    "query": option("str", "The query. Without one the figure is C(unknown).", min_length=1),
    "unit": option("str", "Unit of the figure.", default=""),
    "labelled": option(
        "bool", "Whether the query returns rows of a label and a number.", default=False
    ),
    "baseline": option(
        "bool",
        "Whether the query returns one more number, the usual value; the limit of C(baseline) is "
        "in percent of it.",
        default=False,
    ),
    "worse": option(
        "str",
        "Side of the limit of the aspect C(value) on which the figure is bad.",
        choices=("above", "below"),
        default="above",
    ),
}


def probe(check: DataCheck, source: Source) -> Iterator[Finding]:
    """Yield the figure, or one for each label; raises SourceError."""
    options = check.options
    rows = source.own_rows(options["query"], options["schema"], check.timeout)
    if problem := _problem(check, rows):
        yield check.finding("unknown", f"{problem}: correct the query in the profile.")
        return

    for row in rows:
        label = str(row[0]) if options["labelled"] else ""
        numbers = [_number(value) for value in row[1 if options["labelled"] else 0 :]]
        yield _figure(check, label, numbers)


def _problem(check: DataCheck, rows: list[Row]) -> str:
    """Return why the answer is not what the options say, '' when it is."""
    labelled = check.options["labelled"]
    width = 1 + labelled + check.options["baseline"]
    odd = next((len(row) for row in rows if len(row) != width), None)
    if odd is not None:
        return f"The query returned {odd} columns, expected {width}"
    if not rows or (len(rows) > 1 and not labelled):
        return f"The query returned {len(rows)} rows, expected one"
    if len(rows) > MOST_LABELS:
        return f"The query returned {len(rows)} rows, at most {MOST_LABELS} are reported"

    return ""


def _figure(check: DataCheck, label: str, numbers: list[float | None]) -> Finding:
    value, unit = numbers[0], check.options["unit"]
    name = f"{check.name} {label}".strip()
    if value is None:
        message = f"{name} is not known: the query returned no number, so there are no data yet."
        return check.finding("unknown", message, of=label, unit=unit)

    if check.options["baseline"]:
        return _against_baseline(check, label, name, value, numbers[1])

    limits = check.limits("value", check.options["worse"])

    return check.subject("value", label).measured(
        rounded(value),
        limits,
        f"{name} is {rounded(value)}",
        "beyond its limit",
        unit=unit,
        status=limits.judge(value),
    )


def _against_baseline(
    check: DataCheck, label: str, name: str, value: float, usual: float | None
) -> Finding:
    subject = check.subject("baseline", label)
    seen = {"observed": rounded(value), "unit": check.options["unit"]}
    if not usual:
        message = f"{name} is {rounded(value)}; its usual value is not known yet."
        return subject.finding("info", message, **seen)

    percent = 100 * abs(value - usual) / abs(usual)
    limits = check.limits("baseline")
    status = limits.judge(percent)
    allowed = limits.warning if limits.warning is not None else limits.critical
    expected: t.Any = rounded(usual) if allowed is None else f"{rounded(usual)} +- {allowed:g} %"
    message = f"{name} is {rounded(value)}, {percent:.0f} % away from the usual {rounded(usual)}"
    advice = "" if status == "ok" else ": find out who or what causes that"

    return subject.finding(status, message + advice, expected=expected, **seen)


def _number(value: t.Any) -> float | None:
    """Return a driver's value as a number, None when it is not a finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        return None

    number = float(value)

    return number if math.isfinite(number) else None


def _validate(check: DataCheck) -> Iterator[str]:
    if check.source and not check.options["query"]:
        yield "'query' is missing"
    if check.options["query"] and not check.source:
        yield f"give exactly one of {', '.join(check.kind.sources)} for the query"


def _describe(entry: Mapping[str, t.Any]) -> str:
    if not entry.get("query"):
        return "no source is named, so it is unknown"

    query = " ".join(entry["query"].split())
    shown = f"`{query}`" if len(query) <= LONGEST_QUERY else "its query"

    return f"{shown} in {sql.place(entry)}"


KIND: t.Final = Kind(
    prefix="figure",
    description=DESCRIPTION,
    options=OPTIONS,
    aspects={"value": "above", "baseline": "above"},
    probe=probe,
    describe=_describe,
    validate=_validate,
    may_lack_source=True,
)
