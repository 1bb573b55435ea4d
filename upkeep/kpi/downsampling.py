# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Points of key figures that become fewer with age: samples, means of an hour, of a day."""

from __future__ import annotations

import math
import typing as t
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

#: Levels from fine to coarse, with how many letters of an ISO time tell one point's time from
#: another's.
LEVELS: t.Final = {"run": 24, "hour": 13, "day": 10}
COARSER: t.Final = {"run": "hour", "hour": "day"}
_REST: t.Final = {"hour": ":00:00.000Z", "day": "T00:00:00.000Z"}


class Keep(t.NamedTuple):
    """For how many days points of each level are kept before they become one of the next.

    Days are the last level.
    """

    run: int = 90
    hour: int = 365
    day: int = 3650

    def problems(self) -> list[str]:
        """Return what is wrong with the figures."""
        if not 1 <= self.run <= self.hour <= self.day:
            given = f"{self.run}, {self.hour}, {self.day}"
            return [f"keep {given} days: at least 1, and each at least as long as the previous one"]

        return []


class Point(t.NamedTuple):
    """The number of ``samples`` from ``start`` on (ISO 8601 UTC), their mean, lowest and highest.

    One names its run.
    """

    level: str
    start: str
    system: str
    host: str
    kpi: str
    run_id: str
    samples: int
    mean: float
    low: float
    high: float


class PointKey(t.NamedTuple):
    """Which point of a level something belongs to."""

    level: str
    start: str
    system: str
    host: str
    kpi: str


def coarser(point: Point) -> PointKey:
    """Return the place at the next level that a point is part of."""
    level = COARSER[point.level]
    return PointKey(level, start_of(point.start, level), point.system, point.host, point.kpi)


def start_of(time: str, level: str) -> str:
    """Return the beginning of the hour or day of an ISO 8601 UTC time with milliseconds."""
    return time[: LEVELS[level]] + _REST[level]


def merge(points: Iterable[Point]) -> list[Point]:
    """Return points of the next level, one for each hour or day of each figure.

    Counts add up; the mean is that of all samples and never leaves what was seen.
    """
    groups: dict[PointKey, list[Point]] = defaultdict(list)
    for point in points:
        groups[coarser(point)].append(point)

    return [combined(place, members) for place, members in sorted(groups.items())]


def combined(place: PointKey, members: t.Sequence[Point]) -> Point:
    """Return the one point that stands for all samples of its members."""
    count = sum(point.samples for point in members)
    low, high = min(point.low for point in members), max(point.high for point in members)
    # Shares first, and of halves: a sum of great numbers, even of rounded shares, could overflow
    # where their mean does not. Twice the sum is infinite at worst, which is more than the greatest
    # that was seen.
    mean = 2 * math.fsum(point.mean / 2 * (point.samples / count) for point in members)

    return Point(*place, "", count, min(max(mean, low), high), low, high)


def cut_off(level: str, keep: Keep, now: datetime) -> str:
    """Return the time up to which points of a level have served.

    The beginning of a day, so that days stay whole.
    """
    day = (now.astimezone(UTC) - timedelta(days=getattr(keep, level))).strftime("%Y-%m-%d")
    return f"{day}{_REST['day']}"
