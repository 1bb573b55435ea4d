# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a line was written: the time stamps that begin lines of text, and those in fields of JSON.

Times are Unix seconds. Stamps without a zone are read in that of the log; in the hour that clocks
repeat in autumn the line before decides which of the two is meant.
"""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import re
import time
import typing as t
import zoneinfo

_MONTHS: t.Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_MONTH: t.Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

#: The head of a line that begins an event: ISO 8601 and its relatives, web servers' access logs,
#: syslog without a year.
HEAD: t.Final = re.compile(
    rb"\[?(?P<minute>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d):(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?"
    rb" ?(?P<zone>Z|[+-]\d\d:?\d\d)?"
    rb"|(?:\S{1,255} \S{1,64} \S{1,255} )\[(?P<access>\d\d/"
    + _MONTH
    + rb"/\d{4}:\d\d:\d\d:\d\d) (?P<offset>[+-]\d{4})\]"
    rb"|(?P<syslog>" + _MONTH + rb" [ \d]\d \d\d:\d\d:\d\d)"
)
#: Larger numbers in a JSON field are milli-, micro- or nanoseconds.
_UNITS: t.Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_DAY: t.Final = 86400.0
_HOUR: t.Final = 3600.0
_CACHED: t.Final = 4096


class ZoneError(ValueError):
    """A zone that this host does not know; the message names it."""


def zone_of(name: str) -> dt.tzinfo | None:
    """Return the zone of a name, None for the host's own ("local"); raises ZoneError."""
    if name == "local":
        return None
    if name == "UTC":
        return dt.UTC

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ZoneError(
            f"time zone {name!r} is not known here; install tzdata or use UTC"
        ) from error


class Clock:
    """Reads time stamps of one log. ``now`` tells the year of stamps that have none."""

    def __init__(self, zone: dt.tzinfo | None, now: float) -> None:
        self.zone, self.now = zone, now
        #: Whether clocks of this zone may be set back, so that a stamp without zone can mean two
        #: times.
        self.folds = not (
            zone is dt.UTC or (zone is None and not time.daylight and time.timezone == 0)
        )

    def read(self, data: bytes, at: int = 0, previous: float | None = None) -> float | None:
        """Return the time of the line that begins at ``at``.

        None when it has no stamp, or one that cannot be.
        """
        match = HEAD.match(data, at)
        if match is None:
            return None

        minute, second, part, zone, access, offset, syslog = match.groups()
        if minute is not None:
            base = self._minute(minute, zone, previous)
            if base is None or second > b"60":
                return None

            return base + int(second) + (int(part) / 10 ** len(part) if part else 0.0)

        if access is not None:
            return _access_time(access.decode(), offset)

        return self._syslog_time(syslog.decode(), previous)

    def of_value(self, value: t.Any, previous: float | None = None) -> float | None:
        """Return the time that a field of a JSON record means: text, or a number since 1970 in s, ms, µs or ns."""
        if isinstance(value, str):
            return self.read(value.encode("utf-8", "replace"), 0, previous)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e20:
            return None

        return next((value / unit for least, unit in _UNITS if value > least), float(value))

    def _minute(self, minute: bytes, zone: bytes | None, previous: float | None) -> float | None:
        """Return when a minute began; None when it cannot be."""
        hours, minutes = int(minute[11:13]), int(minute[14:16])
        if hours > 23 or minutes > 59:
            return None

        try:
            if zone is None and self.folds:
                day = dt.datetime(
                    int(minute[0:4]), int(minute[5:7]), int(minute[8:10]), hours, minutes
                )
                return self.place(day, previous)
            return _day(minute[:10]) + hours * 3600 + minutes * 60 - (_offset(zone) if zone else 0)
        except (ValueError, OverflowError, OSError):
            return None

    def place(self, naive: dt.datetime, previous: float | None = None) -> float:
        """Return the Unix time of a reading of this log's clock.

        Raises ValueError, OverflowError or OSError.
        """
        if not self.folds:
            return float(calendar.timegm(naive.timetuple()))

        first = self._aware(naive, 0)
        second = self._aware(naive, 1)
        # The later one only where time would else run backwards by about an hour, as it does when
        # clocks are set back.
        if second > first and previous is not None and previous - first > _HOUR / 2:
            return second

        return first

    def _aware(self, naive: dt.datetime, fold: t.Literal[0, 1]) -> float:
        placed = naive.replace(fold=fold)
        return (
            placed.timestamp()
            if self.zone is None
            else placed.replace(tzinfo=self.zone).timestamp()
        )

    def _syslog_time(self, text: str, previous: float | None) -> float | None:
        """Return a stamp without a year: the latest that does not lie more than a day ahead."""
        year = dt.datetime.fromtimestamp(self.now + _DAY, dt.UTC).year
        month = _MONTHS.index(text[:3]) + 1
        day, hour, minute, second = (
            int(text[4:6]),
            int(text[7:9]),
            int(text[10:12]),
            int(text[13:15]),
        )

        # 29 February may lie up to eight years back.
        for candidate in range(year, year - 9, -1):
            try:
                placed = (
                    self.place(dt.datetime(candidate, month, day, hour, minute), previous) + second
                )
            except (ValueError, OverflowError, OSError):
                continue
            if placed <= self.now + _DAY:
                return placed

        return None


@functools.lru_cache(_CACHED)
def _day(date: bytes) -> float:
    """Return when a day began in UTC; most lines share theirs with many others.

    Raises ValueError.
    """
    return float(
        calendar.timegm(dt.date(int(date[0:4]), int(date[5:7]), int(date[8:10])).timetuple())
    )


@functools.lru_cache(_CACHED)
def _offset(zone: bytes) -> int:
    """Return by how many seconds a zone is ahead of UTC: ``Z``, ``+02:00``, ``-0330``."""
    if zone == b"Z":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return -seconds if zone.startswith(b"-") else seconds


def _access_time(text: str, offset: bytes) -> float | None:
    day, month, year = int(text[0:2]), _MONTHS.index(text[3:6]) + 1, int(text[7:11])
    try:
        naive = dt.datetime(year, month, day, int(text[12:14]), int(text[15:17]))
    except ValueError:
        return None

    return float(calendar.timegm(naive.timetuple())) - _offset(offset) + int(text[18:20])


def shown(moment: float) -> str:
    """Return a time for people, in UTC."""
    try:
        return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{moment:.0f} s since 1970"
