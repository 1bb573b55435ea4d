# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``table``: how many rows are there, and how old is the newest?"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ...base.options import Options, option
from ...findings import Finding
from .. import sql
from ..check import DataCheck, Kind
from ..findings import freshness
from ..options import SCHEMA, SQL
from ..sources import Source

DESCRIPTION: t.Final = "counts the rows of a table and measures the age of the newest"
OPTIONS: t.Final[Options] = {
    **SQL,
    **SCHEMA,
    "table": option("str", "The table.", required=True, min_length=1),
    "where": option("dict", "Columns to values, as text, that rows must have to count."),
    "time": option(
        "str", "Column with the time of a row. Without a time zone it is UTC.", min_length=1
    ),
}


def probe(check: DataCheck, source: Source) -> Iterator[Finding]:
    """Yield the number of rows and the age of the newest; raises SourceError."""
    options = check.options
    names: dict[str, t.Sequence[str]] = {"table": (options["schema"], options["table"])}
    values: dict[str, t.Any] = {}
    age = "NULL"
    if options["time"]:
        names["time"] = (options["time"],)
        age = source.moment.format("max({time})")

    condition = sql.where(options["where"] or {}, "only", names, values)
    query = " ".join(("SELECT count(*),", age, "FROM {table}", condition))
    [(rows, newest)] = source.rows(query, values, names, check.timeout)
    table = f"{options['schema']}.{options['table']}"

    yield check.measured(
        "rows", rows, f"{table} has {rows} rows", "check whether its writer runs", unit="rows"
    )
    if options["time"] and rows and newest is None:
        message = f"No row of {table} has a time: see who writes the column {options['time']}."
        yield check.finding("unknown", message, aspect="age", unit="s")
    elif options["time"]:
        yield freshness(check, source.age_of(newest), table)


def _describe(entry: Mapping[str, t.Any]) -> str:
    conditions = [f"{column} = {value}" for column, value in (entry.get("where") or {}).items()]
    only = f" with `{' and '.join(conditions)}`" if conditions else ""

    return f"rows of `{entry['table']}` in {sql.place(entry)}{only}"


KIND: t.Final = Kind(
    prefix="table",
    description=DESCRIPTION,
    options=OPTIONS,
    aspects={"rows": "below", "age": "above"},
    probe=probe,
    describe=_describe,
)
