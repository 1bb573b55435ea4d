# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A slot as schedulers write it: OnCalendar of systemd, RRULE of AWX, and words for people."""

from __future__ import annotations

import calendar
import typing as t
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from upkeep.schedule.options import WEEKDAYS, WEEKS
from upkeep.schedule.settings import HOURLY, LOOKING, Slot
from upkeep.schedule.starts import next_starts

#: Where rules begin. A fixed day: a rule that is written again is the same text, so that a server
#: has nothing to change.
ANCHOR: t.Final = datetime(2026, 1, 1, tzinfo=UTC)
_QUARTER: t.Final = 15


def on_calendar(slot: Slot, zone: ZoneInfo) -> str:
    """Return the slot for ``OnCalendar=`` of a systemd timer."""
    if slot.cadence == "quarter_hourly":
        minutes = ",".join(f"{slot.minute + quarter:02}" for quarter in range(0, 60, _QUARTER))
        return f"*-*-* *:{minutes}:00 UTC"
    if slot.cadence in HOURLY:
        return f"*-*-* *:{slot.minute:02}:00 UTC"

    weekday = f"{slot.weekday[:3].capitalize()} " if slot.weekday else ""
    months = ",".join(f"{month:02}" for month in slot.months) or "*"

    return f"{weekday}*-{months}{_day_of_month(slot)} {_clock(slot)}:00 {zone.key}"


def rrule(slot: Slot, zone: ZoneInfo) -> str:
    """Return the slot as AWX takes it: one DTSTART, one RRULE, a space between.

    Its rules: an INTERVAL always, no number before a weekday, and a zone or Z.
    """
    return f"{_dtstart(slot, zone)} RRULE:{_rule(slot)}"


def cron(slot: Slot) -> str:
    """Return the slot as the five fields of cron, for a server whose cron has the slots' zone.

    Cron joins a day of the month and a weekday by *or*, so a weekday of a month becomes the day on
    which that week begins: one start a month all the same.
    """
    if slot.cadence == "quarter_hourly":
        minutes = ",".join(str(slot.minute + quarter) for quarter in range(0, 60, _QUARTER))
        return f"{minutes} * * * *"
    if slot.cadence in HOURLY:
        return f"{slot.minute} * * * *"

    months = ",".join(map(str, slot.months)) or "*"
    day = cron_day(slot)
    weekday = (WEEKDAYS.index(slot.weekday) + 1) % 7 if slot.weekday and not slot.week else "*"

    return f"{slot.minute} {slot.hour or 0} {day} {months} {weekday}"


def cron_day(slot: Slot) -> str:
    """Return the day of the month on which cron starts a slot; ``*`` for any."""
    if slot.week == "last":
        return "22"  # the first day that can begin the last week of any month
    if slot.week:
        return str(WEEKS.index(slot.week) * 7 + 1)

    return str(slot.day) if slot.day else "*"


def words(slot: Slot) -> str:
    """Return the slot for people: ``first Monday 07:00``, ``day 1 of January, April 03:00``."""
    if slot.cadence == "quarter_hourly":
        return f"every 15 min from minute {slot.minute}"
    if slot.cadence in HOURLY:
        return f"every hour at minute {slot.minute}"

    parts = [slot.week or "", (slot.weekday or "").capitalize()]
    parts += [f"day {slot.day}"] if slot.day else []
    parts += ["of " + ", ".join(calendar.month_name[month] for month in slot.months)] * bool(
        slot.months
    )

    return " ".join(filter(None, [*parts, _clock(slot)]))


def _clock(slot: Slot) -> str:
    return f"{slot.hour or 0:02}:{slot.minute:02}"


def _day_of_month(slot: Slot) -> str:
    if slot.day is not None:
        return f"-{slot.day:02}"
    if slot.week is None:
        return "-*"
    if slot.week == "last":
        return "~07/1"

    first = WEEKS.index(slot.week) * 7 + 1

    return f"-{first:02}..{first + 6:02}"


def _dtstart(slot: Slot, zone: ZoneInfo) -> str:
    start = next_starts(slot, zone, ANCHOR, 1)[0]
    if slot.cadence in LOOKING or zone.key == "UTC":
        return f"DTSTART:{start:%Y%m%dT%H%M%SZ}"

    return f"DTSTART;TZID={zone.key}:{start.astimezone(zone):%Y%m%dT%H%M%S}"


def _rule(slot: Slot) -> str:
    if slot.cadence == "quarter_hourly":
        return f"FREQ=MINUTELY;INTERVAL={_QUARTER}"
    if slot.cadence in HOURLY:
        return "FREQ=HOURLY;INTERVAL=1"
    if slot.cadence == "daily":
        return "FREQ=DAILY;INTERVAL=1"

    weekday = f"BYDAY={slot.weekday[:2].upper()}" if slot.weekday else ""
    if slot.cadence == "weekly":
        return f"FREQ=WEEKLY;INTERVAL=1;{weekday}"

    months = ",".join(map(str, slot.months))
    position = {"last": -1}.get(slot.week, WEEKS.index(slot.week) + 1) if slot.week else 0
    parts = (
        "FREQ=MONTHLY;INTERVAL=1",
        f"BYMONTH={months}" if months else "",
        f"BYMONTHDAY={slot.day}" if slot.day else "",
        weekday,
        f"BYSETPOS={position}" if position else "",
    )

    return ";".join(filter(None, parts))
