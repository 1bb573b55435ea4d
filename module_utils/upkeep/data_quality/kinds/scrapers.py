# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``scrapers``: when did each job that collects data last succeed, and with how many rows?

The table has one row per run, with the columns that ``key``, ``status``, ``time`` (its end) and
``rows`` name.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ...base.options import Options, option
from ...findings import Finding
from .. import sql
from ..check import DataCheck, Kind
from ..findings import freshness
from ..options import SCHEMA, SQL
from ..sources import Row, Source

DESCRIPTION: t.Final = "reads a table with one row per run of jobs that collect data"
OPTIONS: t.Final[Options] = {
    **SQL,
    **SCHEMA,
    "table": option("str", "Table with one row per run.", required=True, min_length=1),
    "key": option("str", "Column with the name of the scraper.", required=True, min_length=1),
    "keys": option(
        "list",
        "Names of the scrapers that must be there.",
        elements="str",
        required=True,
        min_items=1,
    ),
    "time": option(
        "str",
        "Column with the end of a run. Without a time zone it is UTC.",
        required=True,
        min_length=1,
    ),
    "status": option("str", "Column with the result of a run.", required=True, min_length=1),
    "good": option("str", "Value of O(checks[].status) that means success.", required=True),
    "rows": option("str", "Column with the rows that a run brought.", required=True, min_length=1),
}

_QUERY: t.Final = (
    "SELECT CAST({key} AS text), CAST({status} AS text), CAST({time} AS text), {rows}, AGE FROM ("
    " SELECT *, row_number() OVER ("
    "PARTITION BY {key}, CAST({status} AS text) = %(good)s ORDER BY {time} DESC) AS nth"
    " FROM {table} WHERE {time} IS NOT NULL) AS runs WHERE nth = 1 ORDER BY {time} DESC"
)
_ADVICE: t.Final = "read its log and check whether its source can be reached and has changed"


def probe(check: DataCheck, source: Source) -> Iterator[Finding]:
    """Yield age and rows of the last success of each scraper, and how its last run ended.

    Raises SourceError.
    """
    options = check.options
    names: dict[str, t.Sequence[str]] = {"table": (options["schema"], options["table"])}
    names |= {column: (options[column],) for column in ("key", "status", "time", "rows")}
    query = _QUERY.replace("AGE", source.moment.format("{time}"))
    newest = [
        (*row[:4], source.age_of(row[4]))
        for row in source.rows(query, {"good": options["good"]}, names, check.timeout)
    ]

    for scraper in options["keys"]:
        yield from _scraper(check, scraper, [row for row in newest if row[0] == scraper])


def _scraper(check: DataCheck, scraper: str, newest: list[Row]) -> Iterator[Finding]:
    """Yield the findings on one scraper.

    ``newest`` are its last success and its last failure, the newer one first.
    """
    success = next((row for row in newest if row[1] == check.options["good"]), None)
    if success is None:
        message = f"{scraper} has no successful run in the table: {_ADVICE}."
        status = "critical" if newest else "unknown"
        yield check.finding(status, message, aspect="age", of=scraper, unit="s")
        return

    _, _, moment, rows, age = success

    yield freshness(check, age, f"{scraper}, whose last success was at {moment},", of=scraper)
    yield _rows(check, scraper, f"The last success of {scraper} at {moment}", rows)
    yield _last(check, scraper, newest[0])


def _rows(check: DataCheck, scraper: str, success: str, rows: int | None) -> Finding:
    if rows is None:
        message = f"{success} recorded no number of rows."
        return check.finding("unknown", message, aspect="rows", of=scraper, unit="rows")

    return check.measured(
        "rows", rows, f"{success} brought {rows} rows", _ADVICE, of=scraper, unit="rows"
    )


def _last(check: DataCheck, scraper: str, newest: Row) -> Finding:
    good, status = check.options["good"], newest[1]
    seen = {"aspect": "last", "of": scraper, "observed": status, "expected": good}
    if status == good:
        return check.finding("ok", f"The last run of {scraper} succeeded.", **seen)

    message = f"The last run of {scraper} at {newest[2]} did not succeed: {_ADVICE}."

    return check.finding("warning", message, **seen)


def _describe(entry: Mapping[str, t.Any]) -> str:
    names = ", ".join(f"`{name}`" for name in entry["keys"])

    return f"last success of {names} in `{entry['table']}` of {sql.place(entry)}"


KIND: t.Final = Kind(
    prefix="scraper",
    description=DESCRIPTION,
    options=OPTIONS,
    aspects={"age": "above", "rows": "below", "last": None},
    probe=probe,
    describe=_describe,
)
