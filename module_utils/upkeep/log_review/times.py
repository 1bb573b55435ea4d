# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Times: reading stamps, of a line's head or a field of JSON, and the windows of reviews.

Times are Unix seconds. A stamp without a zone is read in the zone of the log; in the hour that
clocks repeat in autumn the previous line decides which of the two times is meant.
"""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import math
import re
import time
import typing as t
import zoneinfo
from dataclasses import dataclass, field

_MONTHS: t.Final = tuple(
    b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
)
_MONTH: t.Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
#: Abbreviations of zones that loggers print. Only UTC has one meaning everywhere; another one is
#: understood where the zone of the log uses it.
_ABBREVIATIONS: t.Final = (
    "UTC|GMT|UT|WET|WEST|CET|CEST|EET|EEST|MSK|BST|IST|PST|PDT|MST|MDT|CST|CDT|EST|EDT|AKST|AKDT"
    "|HST|JST|KST|SGT|HKT|AEST|AEDT|ACST|ACDT|AWST|NZST|NZDT|SAST|BRT|ART"
)
#: At most 14:59 ahead or behind, and not followed by another digit: a telephone number is no zone.
_OFFSET: t.Final = r"[+-](?:0\d|1[0-4])(?::?[0-5]\d)?(?!\w)"
#: An offset behind a blank is one only where something follows that is not the text of a message:
#: "+1200 rows" is a message.
_ZONE: t.Final = (
    rf"(?:Z(?!\w)|{_OFFSET}| ?(?:{_ABBREVIATIONS})(?!\w)"
    rf"| {_OFFSET}(?=[\])|,:]| [\[(|-]|$))"
)
_CLOCK: t.Final = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"

#: What a stamp looks like, by name, for the lines of a format.
SHAPES: t.Final[dict[str, str]] = {
    "iso": rf"\d{{4}}[-/]\d\d[-/]\d\d[T ]{_CLOCK}{_ZONE}?",
    "day_first": rf"\d\d?[ /-]{_MONTH}[ /-]\d{{4}}[: ]{_CLOCK}(?: ?{_OFFSET})?",
    "asctime": rf"(?:[A-Z][a-z]{{2}} )?{_MONTH} [ \d]\d {_CLOCK} \d{{4}}",
    "no_year": rf"{_MONTH} [ \d]\d {_CLOCK}(?! \d{{4}}\b)",
    "unix": r"\d{10}(?:\d{3}|\d{6}|\d{9})?(?:\.\d{1,9})?(?!\w)",
}
_ISO: t.Final = re.compile(
    rb"(?P<minute>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d):(?P<second>\d\d)(?:[.,](?P<part>\d+))?"
    rb" ?(?P<zone>[A-Z]+|[+-]\d\d(?::?\d\d)?)?"
)
_DAY_FIRST: t.Final = re.compile(
    rb"(?P<day>\d\d?)[ /-](?P<month>[A-Z][a-z]{2})[ /-](?P<year>\d{4})[: ](?P<hour>\d\d):"
    rb"(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<part>\d+))? ?(?P<zone>[+-]\d\d(?::?\d\d)?)?"
)
_MONTH_FIRST: t.Final = re.compile(
    rb"(?:[A-Z][a-z]{2} (?=[A-Z]))?(?P<month>[A-Z][a-z]{2}) (?P<day>[ \d]\d) (?P<hour>\d\d):"
    rb"(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<part>\d+))?(?: (?P<year>\d{4}))?"
)
_UNIX: t.Final = re.compile(rb"\d{10,19}(?:\.\d{1,9})?")
#: Larger numbers are milli-, micro- or nanoseconds.
_UNITS: t.Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_DAY: t.Final = 86400.0
_HOUR: t.Final = 3600.0
_CACHED: t.Final = 4096
#: 29 February may lie this many years back.
_YEARS: t.Final = 9
#: Windows besides a length such as 24h.
NAMED: t.Final = ("today", "month", "last_month", "since_last_run", "since_start", "all")

_LENGTH: t.Final = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_LENGTH_SECONDS: t.Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LENGTH_WORDS: t.Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


class ZoneError(ValueError):
    """A zone that is not known here; the message names it."""


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


def format_time(moment: float) -> str:
    """Return a time for people, in UTC."""
    try:
        return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{moment:.0f} s since 1970"


class StampReader:
    """Reads the time stamps of one log.

    ``now`` bounds stamps that have no year: none of them lies more than a day after it. ``pattern``
    is a form of strptime(3) for stamps of a form that is not known here. ``unknown_zones`` collects
    the abbreviations that could not be understood.
    """

    def __init__(self, zone: dt.tzinfo | None, now: float, pattern: str = "") -> None:
        self.zone, self.now, self.pattern = zone, now, pattern
        self.unknown_zones: set[str] = set()
        self._minutes: dict[tuple[bytes, bytes | None], float] = {}
        #: Whether clocks of this zone may be set back, so that a stamp can mean two times.
        self.folds = not (
            zone is dt.UTC or (zone is None and not time.daylight and time.timezone == 0)
        )

    def until(self, now: float) -> StampReader:
        """Return a reader like this for text that was written up to another moment."""
        reader = StampReader(self.zone, now, self.pattern)
        reader.unknown_zones = self.unknown_zones

        return reader

    def read(self, text: bytes, previous: float | None = None) -> float | None:
        """Return the time of a stamp, None for one that cannot be read or cannot be.

        ``previous`` is the time of the previous line.
        """
        try:
            if self.pattern:
                return self._by_pattern(text, previous)
            if text[4:5] in b"-/" and len(text) > 15 and (match := _ISO.match(text)):
                return self._iso(match, previous)
            if match := _DAY_FIRST.match(text) or _MONTH_FIRST.match(text):
                return self._named_month(match.groupdict(), previous)
        except (ValueError, OverflowError, OSError):
            return None

        return _scaled(float(text)) if _UNIX.fullmatch(text) else None

    def of_value(self, value: t.Any, previous: float | None = None) -> float | None:
        """Return the time in a field of JSON: text, or a number since 1970 in s, ms, µs or ns."""
        if isinstance(value, str):
            return self.read(value.strip().encode("utf-8", "replace"), previous)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None

        return _scaled(float(value)) if 0 < value < 1e20 else None

    def _iso(self, match: re.Match[bytes], previous: float | None) -> float | None:
        minute, second, part, zone = match.groups()
        if second > b"60":
            return None

        base = self._minutes.get((minute, zone))
        if base is None:
            base = self._minute(minute, zone, previous)
            if zone or not self.folds:
                self._remember(minute, zone, base)

        return base + int(second) + (_fraction(part) if part else 0.0)

    def _remember(self, minute: bytes, zone: bytes | None, base: float) -> None:
        """Keep when a minute began, which most lines share with others."""
        if len(self._minutes) >= _CACHED:
            self._minutes.clear()
        self._minutes[minute, zone] = base

    def _minute(self, minute: bytes, zone: bytes | None, previous: float | None) -> float:
        """Return when a minute began; raises ValueError when it cannot be."""
        hours, minutes = int(minute[11:13]), int(minute[14:16])
        if hours > 23 or minutes > 59:
            raise ValueError("there is no such time of the day")

        offset = _offset(zone) if zone else None
        if offset is None and (zone or self.folds):
            day = dt.datetime(int(minute[0:4]), int(minute[5:7]), int(minute[8:10]), hours, minutes)
            return self._named(day, zone.decode()) if zone else self.place(day, previous)

        return _day(minute[:10]) + hours * 3600 + minutes * 60 - (offset or 0)

    def _named_month(self, parts: dict[str, t.Any], previous: float | None) -> float | None:
        month = _MONTHS.index(parts["month"]) + 1
        day, hour, minute, second = (
            int(parts[name]) for name in ("day", "hour", "minute", "second")
        )
        rest = second + _fraction(parts["part"])
        if second > 60:
            return None
        if parts["year"] is None:
            found = self._without_year(month, day, hour, minute, previous)
            return None if found is None else found + rest

        naive = dt.datetime(int(parts["year"]), month, day, hour, minute)
        zone = parts.get("zone")
        offset = _offset(zone) if zone else None
        if offset is None:
            return self.place(naive, previous) + rest

        return calendar.timegm(naive.timetuple()) - offset + rest

    def _without_year(
        self, month: int, day: int, hour: int, minute: int, previous: float | None
    ) -> float | None:
        """Return the time in the year that fits best.

        Without a previous line the latest that does not lie after ``now``, else the one nearest to
        that line.
        """
        latest = dt.datetime.fromtimestamp(self.now + _DAY, dt.UTC).year
        candidates = []

        for year in range(latest, latest - _YEARS, -1):
            try:
                placed = self.place(dt.datetime(year, month, day, hour, minute), previous)
            except (ValueError, OverflowError, OSError):
                continue
            if placed <= self.now + _DAY:
                candidates.append(placed)
                if previous is None:
                    break

        if not candidates:
            return None

        return min(candidates, key=lambda placed: abs(placed - (previous or placed)))

    def place(self, naive: dt.datetime, previous: float | None = None) -> float:
        """Return the Unix time of a reading of this log's clock.

        Raises ValueError, OverflowError or OSError.
        """
        if not self.folds:
            return float(calendar.timegm(naive.timetuple()))

        first, second = self._aware(naive, 0), self._aware(naive, 1)
        # The later one only where time would else run backwards by about an hour, as it does when
        # clocks are set back.
        if second > first and previous is not None and previous - first > _HOUR / 2:
            return second

        return first

    def _aware(self, naive: dt.datetime, fold: t.Literal[0, 1]) -> float:
        return self._local(naive, fold).timestamp()

    def _local(self, naive: dt.datetime, fold: t.Literal[0, 1]) -> dt.datetime:
        placed = naive.replace(fold=fold)
        return placed.astimezone() if self.zone is None else placed.replace(tzinfo=self.zone)

    def _named(self, naive: dt.datetime, name: str) -> float:
        """Return the time in a zone of some name, where the log's zone uses it.

        Raises ValueError.
        """
        folds: tuple[t.Literal[0, 1], ...] = (0, 1)
        for fold in folds:
            local = self._local(naive, fold)
            if local.tzname() == name:
                return local.timestamp()

        self.unknown_zones.add(name)
        raise ValueError(f"the zone {name} is not known")

    def _by_pattern(self, text: bytes, previous: float | None) -> float | None:
        read = dt.datetime.strptime(text.decode("utf-8", "replace").strip(), self.pattern)
        if read.tzinfo is not None:
            return read.timestamp()

        seconds = read.second + read.microsecond / 1e6

        return self.place(read.replace(second=0, microsecond=0), previous) + seconds


def _scaled(number: float) -> float | None:
    if not math.isfinite(number):
        return None
    return next((number / unit for least, unit in _UNITS if number > least), number)


def _fraction(digits: bytes | None) -> float:
    return int(digits[:9]) / 10 ** len(digits[:9]) if digits else 0.0


@functools.lru_cache(_CACHED)
def _day(date: bytes) -> float:
    """Return when a day began in UTC; most lines share theirs. Raises ValueError."""
    day = dt.date(int(date[0:4]), int(date[5:7]), int(date[8:10]))
    return float(calendar.timegm(day.timetuple()))


@functools.lru_cache(_CACHED)
def _offset(zone: bytes) -> int | None:
    """Return by how many seconds a zone is ahead of UTC, None for letters with other meanings."""
    if zone in (b"Z", b"UTC", b"GMT", b"UT"):
        return 0
    if zone[:1] not in b"+-":
        return None

    digits = zone[1:].replace(b":", b"")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or b"0") * 60
    if seconds >= 15 * 3600:
        raise ValueError("there is no such zone")

    return -seconds if zone.startswith(b"-") else seconds


# --- windows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """From ``since`` up to but without ``until``, Unix seconds; ``words`` is its name for people.

    With ``by_place`` what counts is what was written behind the place that the previous run read up
    to, whatever time it bears; ``since`` is then where reading begins.
    """

    since: float
    until: float
    words: str = field(compare=False)
    by_place: bool = False

    @property
    def previous(self) -> Window:
        """Return the window of the same length that ends where this one begins."""
        length = self.until - self.since
        return Window(self.since - length, self.since, f"the period preceding {self.words}")

    @property
    def is_whole(self) -> bool:
        """Return whether an event belongs to it without having a time."""
        return self.since <= 0

    def __contains__(self, moment: object) -> bool:
        return isinstance(moment, float) and self.since <= moment < self.until


def length(text: str) -> float | None:
    """Return the seconds of a length such as 90s, 15m, 24h or 7d; None for other text."""
    match = _LENGTH.fullmatch(text)
    return float(int(match[1]) * _LENGTH_SECONDS[match[2]]) if match else None


def is_window(text: str) -> bool:
    """Return whether a text names a window."""
    return text in NAMED or length(text) is not None


def rolling_window(text: str, now: float) -> Window:
    """Return the window of a length, up to now; raises ValueError for other text."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a length such as 24h")

    count, unit = int(match[1]), match[2]
    words = (
        f"the last {count} {_LENGTH_WORDS[unit]}s"
        if count > 1
        else f"the last {_LENGTH_WORDS[unit]}"
    )

    return Window(now - count * _LENGTH_SECONDS[unit], end_of(now), words)


def calendar_window(text: str, now: float, zone: dt.tzinfo | None) -> Window:
    """Return today, this month or the last one in the calendar of a zone (None: the host's)."""
    here = dt.datetime.fromtimestamp(now, zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if text == "today":
        return Window(_placed(midnight, zone), end_of(now), "today")

    first = midnight.replace(day=1)
    if text == "month":
        return Window(_placed(first, zone), end_of(now), f"{first:%B %Y}")

    former = (first - dt.timedelta(days=1)).replace(day=1)

    return Window(_placed(former, zone), _placed(first, zone), f"{former:%B %Y}")


def whole_window(now: float) -> Window:
    """Return the window of all there is."""
    return Window(0.0, end_of(now), "the whole log")


def window_since_last_run(last: float | None, now: float) -> Window:
    """Return what was written since the last run, which ended at ``last``.

    Without one, or with one in the future, the last day.
    """
    day = rolling_window("24h", now)
    if last is None or last > now:
        return Window(day.since, day.until, f"{day.words} (first run)", by_place=True)

    return Window(last, day.until, "the time since the last run", by_place=True)


def end_of(now: float) -> float:
    """Return the end of a window up to now, to which a line of this very moment belongs."""
    return now + 0.001


def _placed(naive: dt.datetime, zone: dt.tzinfo | None) -> float:
    return (naive.astimezone() if zone is None else naive.replace(tzinfo=zone)).timestamp()
