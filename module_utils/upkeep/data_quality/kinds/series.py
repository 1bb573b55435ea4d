# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``series``: points at a fixed interval for each of several keys, such as prices of pairs.

All figures of a table come from one query. Time is cut into slots of the interval; for a key whose
points come regularly so that they lie in the middle of their slots, since a point a little early or
late must not count as missing. A slot without a point is a missing one, several in a row are a gap.
Outliers are found by the median absolute deviation (MAD), which a few wrong points cannot move: a
value is an outlier when it is more than ``deviations`` * 1.4826 * MAD from the median (for a normal
distribution that factor makes the MAD a standard deviation) and also beyond a least distance, so
that a quiet key, whose MAD is almost nothing, raises no alarm.

- Prices: the step of the logarithm from one point to the next, divided by the square root of the
  slots between them, since a price wanders further over a gap.
- Volumes: the logarithm of the volume (plus one).
- A price that is not above zero, a negative volume and a number that is not finite are outliers.
"""

from __future__ import annotations

import math
import typing as t
from collections.abc import Iterator, Mapping

from ...base.options import Options, option
from ...findings import Finding
from .. import sql
from ..check import DataCheck, Kind
from ..findings import freshness
from ..options import DATABASE, SCHEMA
from ..sources import Source

#: Standard deviations of a normal distribution in one MAD.
SCALE: t.Final = 1.4826
#: How regular points must come for slots of their own phase, from 0 (anywhere in the interval) to 1
#: (always at the same second); less regular ones are put into slots of the clock.
REGULAR: t.Final = 0.6
#: Keys that one check may have; with more the finding says so.
MOST_KEYS: t.Final = 300

DESCRIPTION: t.Final = "checks points that come at a fixed interval for each of several keys"
OPTIONS: t.Final[Options] = {
    **DATABASE,
    **SCHEMA,
    "table": option("str", "Table with one row per point.", required=True, min_length=1),
    "key": option("str", "Column that names the series of a row.", required=True, min_length=1),
    "keys": option("list", "Keys that must be there.", elements="str", min_items=1),
    "keys_from": option(
        "dict",
        "Another table of the same database that names the keys, such as its active pairs.",
        options={
            **SCHEMA,
            "table": option("str", "The table.", required=True, min_length=1),
            "column": option("str", "Column with the keys.", required=True, min_length=1),
            "where": option("dict", "Columns to values, as text, that its rows must have."),
        },
    ),
    "time": option(
        "str",
        "Column with the time of a point. Without a time zone it is UTC.",
        required=True,
        min_length=1,
    ),
    "price": option("str", "Column whose steps are searched for outliers.", min_length=1),
    "volume": option("str", "Column whose size is searched for outliers.", min_length=1),
    "interval_seconds": option(
        "float", "Seconds from one point to the next.", required=True, above=0
    ),
    "window_hours": option(
        "float",
        "Hours that are checked. The slot that has not ended yet does not count.",
        default=24,
        above=0,
    ),
    "deviations": option(
        "float",
        "Robust standard deviations (1.4826 times the median absolute deviation) from which a "
        "point is an outlier.",
        default=8,
        above=0,
    ),
    "least_price_percent": option(
        "float", "Least step of a price that can be an outlier.", default=5, above=0
    ),
    "least_volume_factor": option(
        "float",
        "Least factor between a volume and the median that can be an outlier.",
        default=10,
        above=1,
    ),
}

_NOW: t.Final = "extract(epoch FROM now()) / %(interval)s"
_TURN: t.Final = "2 * pi() * (x - floor(x))"
_QUERY: t.Final = """
WITH wanted AS ({wanted}),
raw AS (
    SELECT CAST({{key}} AS text) AS k, {{time}} AS t,
           CAST(extract(epoch FROM {{time}}) / %(interval)s AS double precision) AS x,
           CAST({price} AS double precision) AS p, CAST({volume} AS double precision) AS v
      FROM {{table}}
     WHERE {{time}} >= to_timestamp((floor({now}) - %(slots)s - 2) * %(interval)s)
       AND CAST({{key}} AS text) IN (SELECT k FROM wanted)
),
turns AS (
    SELECT k, avg(sin({turn})) AS sine, avg(cos({turn})) AS cosine
      FROM raw WHERE x < 'Infinity' GROUP BY k
),
phases AS (
    SELECT k, CASE WHEN sqrt(sine * sine + cosine * cosine) >= {regular}
                   THEN atan2(sine, cosine) / (2 * pi()) END AS phase
      FROM turns
),
points AS (
    SELECT k, t, floor(x - coalesce(phase - 0.5, 0)) AS slot,
           floor({now} - coalesce(phase, 0)) AS slot_now, p, v
      FROM raw JOIN phases USING (k)
),
sound AS (
    SELECT k, t, slot, slot_now, slot < slot_now AND slot >= slot_now - %(slots)s AS inside, p, v,
           CASE WHEN p > 0 AND p < 'Infinity' THEN ln(p) END AS price,
           CASE WHEN v >= 0 AND v < 'Infinity' THEN ln(1 + v) END AS volume
      FROM points
),
steps AS (
    SELECT *, slot - lag(slot) OVER one - 1 AS hole,
           (price - lag(price) OVER one) / sqrt(greatest(slot - lag(slot) OVER one, 1)) AS step
      FROM sound WINDOW one AS (PARTITION BY k, inside ORDER BY t)
),
middles AS (
    SELECT k, percentile_cont(0.5) WITHIN GROUP (ORDER BY step) AS step,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY volume) AS volume
      FROM steps WHERE inside GROUP BY k
),
spreads AS (
    SELECT s.k, percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(s.step - m.step)) AS step,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(s.volume - m.volume)) AS volume
      FROM steps s JOIN middles m USING (k) WHERE s.inside GROUP BY s.k
),
marked AS (
    SELECT s.*,
           {has_price} AND (s.price IS NULL
               OR abs(s.step - m.step) > greatest(%(deviations)s * d.step, %(least_step)s)) IS TRUE
           AS odd_price,
           {has_volume} AND (s.volume IS NULL
               OR abs(s.volume - m.volume)
                  > greatest(%(deviations)s * d.volume, %(least_volume)s)) IS TRUE
           AS odd_volume
      FROM steps s LEFT JOIN middles m USING (k) LEFT JOIN spreads d USING (k)
)
SELECT w.k, count(s.k) FILTER (WHERE s.inside), count(DISTINCT s.slot) FILTER (WHERE s.inside),
       CAST(min(s.slot - (s.slot_now - %(slots)s)) FILTER (WHERE s.inside) AS bigint),
       CAST(min(s.slot_now - 1 - s.slot) FILTER (WHERE s.inside) AS bigint),
       count(*) FILTER (WHERE s.inside AND s.hole > 0),
       CAST(max(s.hole) FILTER (WHERE s.inside) AS bigint),
       count(*) FILTER (WHERE s.inside AND s.odd_price),
       CAST((array_agg(s.t ORDER BY abs(s.step) DESC NULLS FIRST)
             FILTER (WHERE s.inside AND s.odd_price))[1] AS text),
       count(*) FILTER (WHERE s.inside AND s.odd_volume),
       CAST((array_agg(s.t ORDER BY s.volume DESC NULLS FIRST)
             FILTER (WHERE s.inside AND s.odd_volume))[1] AS text),
       CAST(extract(epoch FROM clock_timestamp() - max(s.t)) AS double precision)
  FROM wanted w LEFT JOIN marked s ON s.k = w.k
 GROUP BY w.k ORDER BY w.k
 LIMIT %(limit)s
"""


class SeriesFigures(t.NamedTuple):
    """The figures of one key in the window.

    Holes are counted in slots, times are ISO text, the age is seconds.
    """

    key: str
    points: int
    filled: int
    before: int | None
    after: int | None
    holes: int
    longest: int | None
    prices: int
    worst_price: str | None
    volumes: int
    worst_volume: str | None
    age: float | None

    def gaps(self, slots: int) -> tuple[int, int]:
        """Return the number of gaps and the longest; both ends of the window count."""
        if self.before is None or self.after is None:
            return 1, slots

        ends = [hole for hole in (self.before, self.after) if hole > 0]

        return self.holes + len(ends), max([*ends, self.longest or 0, 0])


def slots_of(check: DataCheck) -> int:
    """Return the number of points in a complete window."""
    return int(check.options["window_hours"] * 3600 // check.options["interval_seconds"])


def probe(check: DataCheck, source: Source) -> Iterator[Finding]:
    """Yield the findings on every key; raises SourceError."""
    figures = measure(check, source)
    if not figures:
        message = "No key is active, so no data were checked: see keys_from."
        yield check.finding("unknown", message, aspect="points")

    for of_key in figures[:MOST_KEYS]:
        yield from _key(check, source, of_key)

    if len(figures) > MOST_KEYS:
        message = f"Only {MOST_KEYS} keys are judged in one check; split it."
        yield check.finding("unknown", message, aspect="points")


def measure(check: DataCheck, source: Source) -> list[SeriesFigures]:
    """Return the figures of every key, by name; raises SourceError."""
    options = check.options
    names: dict[str, t.Sequence[str]] = {
        "table": (options["schema"], options["table"]),
        "key": (options["key"],),
        "time": (options["time"],),
    }
    names |= {column: (options[column],) for column in ("price", "volume") if options[column]}
    values: dict[str, t.Any] = {
        "interval": options["interval_seconds"],
        "slots": slots_of(check),
        "deviations": options["deviations"] * SCALE,
        "least_step": math.log1p(options["least_price_percent"] / 100),
        "least_volume": math.log(options["least_volume_factor"]),
        "limit": MOST_KEYS + 1,
    }

    query = _QUERY.format(
        wanted=_keys(options, names, values),
        now=_NOW,
        turn=_TURN,
        regular=REGULAR,
        price="{price}" if options["price"] else "NULL",
        volume="{volume}" if options["volume"] else "NULL",
        has_price="true" if options["price"] else "false",
        has_volume="true" if options["volume"] else "false",
    )

    return [SeriesFigures(*row) for row in source.rows(query, values, names, check.timeout)]


def _keys(
    options: Mapping[str, t.Any], names: dict[str, t.Sequence[str]], values: dict[str, t.Any]
) -> str:
    """Return the SQL of the keys that must have data; adds its identifiers and values."""
    if options["keys"]:
        values["keys"] = list(options["keys"])
        return "SELECT DISTINCT unnest(CAST(%(keys)s AS text[])) AS k"

    origin = options["keys_from"]
    names["from_table"] = (origin["schema"], origin["table"])
    names["from_column"] = (origin["column"],)
    condition = sql.where(origin["where"] or {}, "from", names, values)
    query = "SELECT DISTINCT CAST({from_column} AS text) AS k FROM {from_table}"

    return query + condition


def _key(check: DataCheck, source: Source, seen: SeriesFigures) -> Iterator[Finding]:
    """Yield the findings on one key."""
    window = f"in the last {check.options['window_hours']:g} h"

    yield _points(check, seen, window)
    yield from _gaps(check, seen, window)
    yield from _outliers(check, seen, window)
    yield freshness(check, source.age_of(seen.age), f"{seen.key} in {_table(check)}", of=seen.key)


def _points(check: DataCheck, seen: SeriesFigures, window: str) -> Finding:
    if not seen.points:
        return check.finding(
            "critical",
            f"No point of {seen.key} {window} in {_table(check)}: see whether its collector runs.",
            aspect="points",
            of=seen.key,
            observed=0,
            expected=slots_of(check),
            unit="points",
        )

    return check.measured(
        "points",
        seen.points,
        f"{seen.points} points of {seen.key} {window}",
        "too few; check whether its collector fails at times",
        of=seen.key,
        unit="points",
    )


def _gaps(check: DataCheck, seen: SeriesFigures, window: str) -> Iterator[Finding]:
    slots, interval = slots_of(check), check.options["interval_seconds"]
    missing = max(slots - seen.filled, 0)
    count, longest = seen.gaps(slots)
    gaps = f"{count} {'gap' if count == 1 else 'gaps'} of {seen.key} {window}"

    yield check.measured(
        "missing",
        missing,
        f"{missing} of {slots} points of {seen.key} are missing {window}",
        "find out when its collector failed, and fetch them again",
        of=seen.key,
        unit="points",
    )
    yield check.measured(
        "gaps",
        longest * interval,
        f"{gaps}, the longest {longest * interval:g} s",
        "fetch that time again",
        of=seen.key,
        unit="s",
    )


def _outliers(check: DataCheck, seen: SeriesFigures, window: str) -> Iterator[Finding]:
    for aspect, number, worst in (
        ("prices", seen.prices, seen.worst_price),
        ("volumes", seen.volumes, seen.worst_volume),
    ):
        if check.options[aspect.removesuffix("s")]:
            yield check.measured(
                aspect,
                number,
                f"{number} outliers among the {aspect} of {seen.key} {window}",
                f"the worst at {worst} (UTC); compare with the source before anybody uses them",
                of=seen.key,
                unit="points",
            )


def _table(check: DataCheck) -> str:
    return f"{check.options['schema']}.{check.options['table']}"


def _validate(check: DataCheck) -> Iterator[str]:
    options = check.options
    if bool(options["keys"]) == bool(options["keys_from"]):
        yield "give either keys or keys_from: without them nobody would miss a key that stopped"
    if options["interval_seconds"] > options["window_hours"] * 3600:
        yield "interval_seconds is longer than the window"


def _describe(entry: Mapping[str, t.Any]) -> str:
    hours = entry.get("window_hours") or OPTIONS["window_hours"]["default"]
    each = f"for each {entry['key']}, every {entry['interval_seconds'] / 60:g} min"

    return f"points in `{entry['table']}` of {sql.place(entry)} {each}, over {hours:g} h"


KIND: t.Final = Kind(
    prefix="series",
    description=DESCRIPTION,
    options=OPTIONS,
    aspects={
        "points": "below",
        "missing": "above",
        "gaps": "above",
        "prices": "above",
        "volumes": "above",
        "age": "above",
    },
    probe=probe,
    describe=_describe,
    validate=_validate,
)
