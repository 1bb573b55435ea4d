# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The starts of a slot in time, and the times of a day that a clock change spoils."""

from __future__ import annotations

import functools
import itertools
import typing as t
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from upkeep.schedule.options import WEEKDAYS, WEEKS
from upkeep.schedule.settings import LOOKING, Slot

#: How far ahead a schedule is examined.
YEARS: t.Final = 10
DAY_MINUTES: t.Final = 24 * 60
#: Where a clock is changed at all, no slot lies in these minutes of the day (01:00 to 02:59), also
#: when the next government moves the change by an hour.
SPOILED: t.Final = range(60, 180)

_DAY: t.Final = timedelta(days=1)
_MINUTE: t.Final = timedelta(minutes=1)


def starts(slot: Slot, zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the starts from ``begin`` to before ``end``, in UTC; both bounds are aware.

    A local time that a clock change leaves out gives no start, one that comes twice gives the
    first.
    """
    found = _steps(slot, begin) if slot.cadence in LOOKING else _days(slot, zone, begin)

    return itertools.takewhile(lambda start: start < end, found)


def next_starts(slot: Slot, zone: ZoneInfo, now: datetime, count: int) -> list[datetime]:
    """Return the next starts, in UTC; fewer when there are not so many in the next ten years."""
    until = now + timedelta(days=366 * YEARS)

    return list(itertools.islice(starts(slot, zone, now, until), count))


def last_start(slot: Slot, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the last start that was due at ``now``, in UTC; None when there was none in a year."""
    spans = (timedelta(hours=2), timedelta(days=8), timedelta(days=100), timedelta(days=400))
    for span in spans:
        found = list(starts(slot, zone, now - span, now + timedelta(microseconds=1)))
        if found:
            return found[-1]

    return None


def is_due_on(slot: Slot, day: date) -> bool:
    """Return whether a slot of a day or longer starts on this day."""
    if slot.months and day.month not in slot.months:
        return False
    if slot.day is not None:
        return day.day == slot.day
    if slot.weekday is None:
        return True

    return day.weekday() == WEEKDAYS.index(slot.weekday) and _is_in_week(slot.week, day)


@functools.cache
def spoiled_minutes(zone: ZoneInfo, begin: datetime) -> frozenset[int]:
    """Return the minutes of a local day that the zone leaves out or doubles in the next ten years.

    Empty for a zone that does not change its clock.
    """
    windows = list(_changes(zone, begin))
    if not windows:
        return frozenset()

    minutes = ((first + step) % DAY_MINUTES for first, length in windows for step in range(length))

    return frozenset(minutes) | frozenset(SPOILED)


def nearest_safe(minute_of_day: int, spoiled: frozenset[int]) -> str:
    """Return the nearest time of a day that no clock change spoils, as ``HH:MM``."""
    steps = (sign * step for step in range(DAY_MINUTES) for sign in (1, -1))
    minutes = ((minute_of_day + step) % DAY_MINUTES for step in steps)
    hour, minute = divmod(next(found for found in minutes if found not in spoiled), 60)

    return f"{hour:02}:{minute:02}"


def _steps(slot: Slot, begin: datetime) -> Iterator[datetime]:
    """Yield the starts of a slot of an hour or less; it does not follow a local clock."""
    step = timedelta(minutes=15 if slot.cadence == "quarter_hourly" else 60)
    hour = begin.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = hour - step + timedelta(minutes=slot.minute)

    for number in itertools.count():
        start = first + number * step
        if start >= begin:
            yield start


def _days(slot: Slot, zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    at = time(slot.hour or 0, slot.minute)
    day = begin.astimezone(zone).date()

    while True:
        if is_due_on(slot, day):
            start = _instant(day, at, zone)
            if start is not None and start >= begin:
                yield start
        day += _DAY


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime | None:
    """Return a local time in UTC; None when the clock leaves it out."""
    local = datetime.combine(day, at, tzinfo=zone)
    instant = local.astimezone(UTC)

    return instant if instant.astimezone(zone).replace(tzinfo=None) == _naive(local) else None


def _is_in_week(week: str | None, day: date) -> bool:
    if week is None:
        return True
    if week == "last":
        return (day + 7 * _DAY).month != day.month

    return (day.day - 1) // 7 == WEEKS.index(week)


def _changes(zone: ZoneInfo, begin: datetime) -> Iterator[tuple[int, int]]:
    """Yield (first local minute of the day, length in minutes) of each change of the clock."""
    moment = begin.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(366 * YEARS):
        following = moment + _DAY
        if _offset(zone, moment) != _offset(zone, following):
            yield _window(zone, moment, following)
        moment = following


def _window(zone: ZoneInfo, before: datetime, after: datetime) -> tuple[int, int]:
    """Return the local minutes that are left out or doubled between two moments."""
    old, new = _offset(zone, before), _offset(zone, after)
    while after - before > _MINUTE:
        middle = before + ((after - before) // 2 // _MINUTE or 1) * _MINUTE
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)

    local = _naive(after) + min(old, new)

    return local.hour * 60 + local.minute, int(abs(new - old) / _MINUTE)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
