# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``series``: points that come at a fixed interval for each of several keys, such as the prices of trading pairs.

All figures of a table come from one question. Time is cut into slots of the interval; a slot
without a point is a missing one, several in a row are a gap. What is out of line is found by the
median absolute deviation (MAD), which a few wrong points cannot move: a value counts when it lies
more than ``deviations`` * 1.4826 * MAD from the median (for a normal distribution that factor makes
the MAD a standard deviation) and beyond a least distance besides, so that a quiet pair, whose MAD
is almost nothing, raises no alarm.

- Prices: the step of the logarithm from one point to the next, divided by the square root of the slots between them,
  since a price wanders further over a gap.
- Volumes: the logarithm of the volume (plus one).
- A price that is not above zero, a negative volume, and what is no finite number always counts.

"""

from __future__ import annotations

import math
import typing as t
from collections.abc import Iterator

from ..findings import Finding
from .settings import Check
from .sources import Source

#: Standard deviations of a normal distribution in one MAD.
SCALE: t.Final = 1.4826
#: Keys that are judged; beyond that many the finding says so.
MOST_KEYS: t.Final = 500
#: Points may carry a time that lies this many seconds ahead of the server's clock.
CLOCK_SKEW: t.Final = 300.0

_NOW_SLOT: t.Final = "floor(extract(epoch FROM now()) / %(interval)s)"
_QUESTION: t.Final = """
WITH wanted AS ({wanted}),
points AS (
    SELECT CAST({{key}} AS text) AS k, {{time}} AS t, floor(extract(epoch FROM {{time}}) / %(interval)s) AS slot,
           CAST({price} AS double precision) AS p, CAST({volume} AS double precision) AS v
      FROM {{table}}
     WHERE {{time}} >= to_timestamp(({now} - %(slots)s) * %(interval)s)
       AND CAST({{key}} AS text) IN (SELECT k FROM wanted)
),
sound AS (
    SELECT k, t, slot, slot < {now} AS inside, p, v,
           CASE WHEN p > 0 AND p < 'Infinity' THEN ln(p) END AS price,
           CASE WHEN v >= 0 AND v < 'Infinity' THEN ln(1 + v) END AS volume
      FROM points
),
steps AS (
    SELECT *, slot - lag(slot) OVER one - 1 AS hole,
           (price - lag(price) OVER one) / sqrt(greatest(slot - lag(slot) OVER one, 1)) AS step
      FROM sound WINDOW one AS (PARTITION BY k ORDER BY t)
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
               OR abs(s.step - m.step) > greatest(%(deviations)s * d.step, %(least_step)s)) IS TRUE AS odd_price,
           {has_volume} AND (s.volume IS NULL
               OR abs(s.volume - m.volume) > greatest(%(deviations)s * d.volume, %(least_volume)s)) IS TRUE
           AS odd_volume
      FROM steps s LEFT JOIN middles m USING (k) LEFT JOIN spreads d USING (k)
)
SELECT w.k, count(s.k) FILTER (WHERE s.inside), count(DISTINCT s.slot) FILTER (WHERE s.inside),
       CAST(min(s.slot) FILTER (WHERE s.inside) - ({now} - %(slots)s) AS bigint),
       CAST({now} - 1 - max(s.slot) FILTER (WHERE s.inside) AS bigint),
       count(*) FILTER (WHERE s.inside AND s.hole > 0), CAST(max(s.hole) FILTER (WHERE s.inside) AS bigint),
       count(*) FILTER (WHERE s.inside AND s.odd_price),
       CAST((array_agg(s.t ORDER BY abs(s.step) DESC NULLS FIRST) FILTER (WHERE s.inside AND s.odd_price))[1] AS text),
       count(*) FILTER (WHERE s.inside AND s.odd_volume),
       CAST((array_agg(s.t ORDER BY s.volume DESC NULLS FIRST) FILTER (WHERE s.inside AND s.odd_volume))[1] AS text),
       CAST(extract(epoch FROM clock_timestamp() - max(s.t)) AS double precision)
  FROM wanted w LEFT JOIN marked s ON s.k = w.k
 GROUP BY w.k ORDER BY w.k
 LIMIT %(limit)s
"""


class Figures(t.NamedTuple):
    """What was seen of one key in the window.

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
        """Return the number of gaps and the length of the longest, those at both ends of the window included."""
        if self.before is None or self.after is None:
            return 1, slots
        ends = [hole for hole in (self.before, self.after) if hole > 0]
        return self.holes + len(ends), max([*ends, self.longest or 0, 0])


def slots_of(check: Check) -> int:
    """Return how many points a complete window has."""
    return int(check.options["window_hours"] * 3600 // check.options["interval_seconds"])


def look(check: Check, source: Source) -> Iterator[Finding]:
    """Yield the findings on every key; raises SourceError."""
    figures = measure(check, source)
    if not figures:
        yield check.finding(
            "points", "unknown", "No key is active, so no data were looked at: see keys_from."
        )

    for of_key in figures[:MOST_KEYS]:
        yield from judge_key(check, of_key)

    if len(figures) > MOST_KEYS:
        yield check.finding(
            "points", "unknown", f"Only {MOST_KEYS} keys are judged in one check; split it."
        )


def measure(check: Check, source: Source) -> list[Figures]:
    """Return the figures of every wanted key, by name; raises SourceError."""
    options = check.options
    names: dict[str, t.Sequence[str]] = {
        "table": (options["schema"], options["table"]),
        "key": (options["key"],),
        "time": (options["time"],),
    }
    values: dict[str, t.Any] = {
        "interval": options["interval_seconds"],
        "slots": slots_of(check),
        "deviations": options["deviations"] * SCALE,
        "least_step": math.log1p(options["least_price_percent"] / 100),
        "least_volume": math.log(options["least_volume_factor"]),
        "limit": MOST_KEYS + 1,
    }
    for column in ("price", "volume"):
        if options.get(column):
            names[column] = (options[column],)

    text = _QUESTION.format(
        wanted=_wanted(options, names, values),
        now=_NOW_SLOT,
        price="{price}" if options.get("price") else "NULL",
        volume="{volume}" if options.get("volume") else "NULL",
        has_price="true" if options.get("price") else "false",
        has_volume="true" if options.get("volume") else "false",
    )

    return [Figures(*row) for row in source.rows(text, values, names, check.timeout)]


def _wanted(
    options: t.Mapping[str, t.Any], names: dict[str, t.Sequence[str]], values: dict[str, t.Any]
) -> str:
    """Return the SQL of the keys that must have data; fills in its identifiers and values."""
    if options.get("keys"):
        values["keys"] = list(options["keys"])
        return "SELECT DISTINCT unnest(CAST(%(keys)s AS text[])) AS k"

    origin = options["keys_from"]
    names["from_table"] = (origin["schema"], origin["table"])
    names["from_column"] = (origin["column"],)
    condition = where(origin.get("where") or {}, "from", names, values)

    return "SELECT DISTINCT CAST({from_column} AS text) AS k FROM {from_table}" + condition  # noqa: S608 - placeholders


def where(
    conditions: t.Mapping[str, t.Any],
    prefix: str,
    names: dict[str, t.Sequence[str]],
    values: dict[str, t.Any],
) -> str:
    """Return `` WHERE ...`` for columns that must have given values, '' for none.

    Fills in identifiers and values.
    """
    parts = []
    for number, (column, value) in enumerate(conditions.items()):
        name = f"{prefix}_{number}"
        names[name] = (column,)
        values[name] = str(value).lower() if isinstance(value, bool) else str(value)
        parts.append(f"CAST({{{name}}} AS text) = %({name})s")

    return f" WHERE {' AND '.join(parts)}" if parts else ""


def judge_key(check: Check, seen: Figures) -> Iterator[Finding]:
    """Yield the findings on one key."""
    options, slots, key = check.options, slots_of(check), seen.key
    interval = options["interval_seconds"]
    missing = max(slots - seen.filled, 0)
    count, longest = seen.gaps(slots)
    table = f"{options['schema']}.{options['table']}"
    window = f"in the last {options['window_hours']:g} h"
    if not seen.points:
        message = f"No point of {key} {window} in {table}: see whether its collector runs."
        yield check.finding(
            "points", "critical", message, of=key, observed=0, expected=slots, unit="points"
        )
    else:
        message = f"{seen.points} points of {key} {window}."
        yield check.judged(
            "points", seen.points, message, f"{message} That is too few.", of=key, unit="points"
        )

    lost = f"{missing} of {slots} points of {key} are missing {window}"
    yield check.judged(
        "missing",
        missing,
        f"{lost}.",
        f"{lost}: see when its collector failed, and fetch them again.",
        of=key,
        unit="points",
    )
    holes = f"{count} {'gap' if count == 1 else 'gaps'} of {key} {window}, the longest {longest * interval:g} s"
    yield check.judged(
        "gaps",
        longest * interval,
        f"{holes}.",
        f"{holes}: fetch that time again.",
        of=key,
        unit="s",
    )

    for aspect, number, worst in (
        ("prices", seen.prices, seen.worst_price),
        ("volumes", seen.volumes, seen.worst_volume),
    ):
        if options.get(aspect.removesuffix("s")):
            told = f"{number} {aspect} of {key} out of line {window}"
            advice = f"{told}, the worst at {worst} (UTC): compare with the exchange before anything trades on them."
            yield check.judged(aspect, number, f"{told}.", advice, of=key, unit="points")

    yield freshness(check, seen.age, f"{key} in {table}", of=key)


def freshness(check: Check, age: float | None, what: str, *, of: str = "") -> Finding:
    """Return the finding on the age (s) of the newest row; None is no row."""
    if age is None:
        message = (
            f"There is no row of {what}, so its age is not known: see whether its writer runs."
        )
        return check.finding(
            "age", "unknown" if "age" not in check.limits else "critical", message, of=of, unit="s"
        )

    if age < -CLOCK_SKEW:
        message = f"The newest row of {what} lies {-age:.0f} s in the future: see the clock of its writer."
        return check.finding("age", "warning", message, of=of, observed=round(age), unit="s")

    told = f"The newest row of {what} is {max(age, 0):.0f} s old"

    return check.judged(
        "age",
        round(max(age, 0)),
        f"{told}.",
        f"{told}: see whether its writer still runs.",
        of=of,
        unit="s",
    )
