# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for schedulers, held against our own starts over ten years.

OnCalendar is read by systemd itself, RRULE by a reader that knows the text alone.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import typing as t
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from dateutil.rrule import rrulestr

from upkeep.schedule.load import load
from upkeep.schedule.render import cron, on_calendar, rrule, words
from upkeep.schedule.settings import Slot, parse_slots
from upkeep.schedule.starts import next_starts, starts

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2036, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_STAMP = re.compile(r"(?:Next elapse|Iter\. #\d+): \w{3} (\S+ \S+) UTC")

QUARTERS: list[int] = [1, 4, 7, 10]
LONG: list[tuple[str, dict[str, t.Any]]] = [
    ("daily", {"hour": 9}),
    ("weekly", {"weekday": "sunday", "hour": 3}),
    ("weekly", {"weekday": "monday", "hour": 7, "minute": 30}),
    ("monthly", {"day": 1, "hour": 6}),
    ("monthly", {"day": 28, "hour": 23, "minute": 59}),
    ("monthly", {"week": "first", "weekday": "monday", "hour": 5}),
    ("monthly", {"week": "fourth", "weekday": "friday", "hour": 5}),
    ("monthly", {"week": "last", "weekday": "sunday", "hour": 3}),
    ("quarterly", {"months": QUARTERS, "day": 1, "hour": 3}),
    ("quarterly", {"months": QUARTERS, "week": "first", "weekday": "monday", "hour": 5}),
    ("quarterly", {"months": [2, 5, 8, 11], "week": "last", "weekday": "saturday", "hour": 22}),
]
#: Compared on the days around changes of the clock alone; the two of a day lie next to them.
SHORT: list[tuple[str, dict[str, t.Any]]] = [
    ("quarter_hourly", {"minute": 7}),
    ("hourly", {"minute": 14}),
    ("daily", {"hour": 0, "minute": 59}),
    ("daily", {"hour": 3}),
]
#: Days around both changes of the clock, in Europe and in America.
CHANGES = [
    datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 8), (3, 29), (10, 25), (11, 1))
]


def slot(cadence: str, times: dict[str, t.Any]) -> Slot:
    return parse_slots({cadence: times})[0]


def by_systemd(rule: str, begin: datetime, count: int) -> list[datetime]:
    """Return the first starts after a moment as systemd works them out."""
    base = begin - timedelta(seconds=1)
    argv = [
        "systemd-analyze",
        "calendar",
        f"--base-time={base:%Y-%m-%d %H:%M:%S} UTC",
        f"--iterations={count}",
        rule,
    ]
    done = subprocess.run(
        argv, env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, check=True
    )

    return [
        datetime.strptime(found, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        for found in _STAMP.findall(done.stdout)
    ]


def by_rrule(text: str, end: datetime) -> Iterator[datetime]:
    """Yield the starts of a rule of a day and longer, from nothing but its text (RFC 5545)."""
    head, _, tail = text.partition(" RRULE:")
    rule = dict(part.split("=") for part in tail.split(";"))
    match = re.fullmatch(r"DTSTART(?:;TZID=([^:]+))?:(\d{8}T\d{6})(Z?)", head)
    assert match is not None, head
    assert bool(match[1]) is not bool(match[3]), head
    zone = ZoneInfo(match[1] or "UTC")
    first = datetime.strptime(match[2], "%Y%m%dT%H%M%S")

    for day in candidates(first.date(), end.date(), rule):
        yield datetime.combine(day, first.time(), tzinfo=zone).astimezone(UTC)


def candidates(day: date, last: date, rule: dict[str, str]) -> Iterator[date]:
    """Yield the days of a rule: each month gives its set, of which BYSETPOS takes one."""
    assert rule["INTERVAL"] == "1"
    while day <= last:
        month_end = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        days = [day.replace(day=1) + timedelta(days=n) for n in range(31)]
        chosen = [d for d in days if d < month_end and fits(d, rule)]
        if "BYSETPOS" in rule:
            position = int(rule["BYSETPOS"])
            place = position - 1 if position > 0 else position
            chosen = [chosen[place]] if chosen else []

        yield from (d for d in chosen if day <= d <= last)
        day = month_end


def fits(day: date, rule: dict[str, str]) -> bool:
    return (
        str(day.month) in rule.get("BYMONTH", str(day.month)).split(",")
        and str(day.day) in rule.get("BYMONTHDAY", str(day.day)).split(",")
        and WEEKDAYS[day.weekday()] in rule.get("BYDAY", WEEKDAYS[day.weekday()]).split(",")
    )


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("cadence", "times"), LONG)
def test_systemd_starts_when_we_say_for_ten_years(cadence: str, times: dict[str, t.Any], zone: str):
    asked = slot(cadence, times)
    expected = list(starts(asked, ZoneInfo(zone), BEGIN, END))
    rule = on_calendar(asked, ZoneInfo(zone))

    assert len(expected) >= 39
    assert by_systemd(rule, BEGIN, len(expected)) == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("cadence", "times"), LONG)
def test_an_rrule_gives_the_starts_that_we_say_for_ten_years(
    cadence: str, times: dict[str, t.Any], zone: str
):
    asked = slot(cadence, times)
    text = rrule(asked, ZoneInfo(zone))
    found = [moment for moment in by_rrule(text, END) if moment < END]

    assert found == list(starts(asked, ZoneInfo(zone), BEGIN, END))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("day", CHANGES, ids=lambda day: f"{day:%m-%d}")
@pytest.mark.parametrize(("cadence", "times"), SHORT)
def test_slots_start_alike_when_the_clock_changes(
    cadence: str, times: dict[str, t.Any], day: datetime, zone: str
):
    asked, begin = slot(cadence, times), day - timedelta(days=1)
    count = len(list(starts(asked, ZoneInfo(zone), begin, begin + timedelta(days=3))))
    expected = next_starts(asked, ZoneInfo(zone), begin, count)

    assert count >= 3
    assert by_systemd(on_calendar(asked, ZoneInfo(zone)), begin, count) == expected


@pytest.mark.parametrize(
    ("cadence", "times", "expected"),
    [
        (
            "quarter_hourly",
            {"minute": 7},
            "DTSTART:20260101T000700Z RRULE:FREQ=MINUTELY;INTERVAL=15",
        ),
        ("hourly", {"minute": 5}, "DTSTART:20260101T000500Z RRULE:FREQ=HOURLY;INTERVAL=1"),
        (
            "weekly",
            {"weekday": "sunday", "hour": 3},
            "DTSTART;TZID=Europe/Berlin:20260104T030000 RRULE:FREQ=WEEKLY;INTERVAL=1;BYDAY=SU",
        ),
        (
            "monthly",
            {"week": "first", "weekday": "monday", "hour": 5},
            "DTSTART;TZID=Europe/Berlin:20260105T050000"
            " RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=MO;BYSETPOS=1",
        ),
    ],
)
def test_the_text_of_an_rrule(cadence: str, times: dict[str, t.Any], expected: str):
    assert rrule(slot(cadence, times), ZoneInfo("Europe/Berlin")) == expected


def test_rules_of_the_shipped_profiles_keep_what_awx_asks_for():
    schedule = load(datetime(2026, 11, 27, tzinfo=UTC))
    rules = [
        rrule(asked, zone)
        for zone in map(ZoneInfo, ZONES)
        for slots in schedule.systems.values()
        for asked in slots
    ]

    assert len(rules) == 3 * (6 * 6 + 2)
    for rule in rules:
        assert len(re.findall("DTSTART", rule)) == 1
        assert len(re.findall("RRULE:", rule)) == 1
        assert re.search(r";INTERVAL=[1-9]", rule)
        assert not re.search(r"SECONDLY|EXDATE|RDATE|COUNT|UNTIL|BYDAY=[-+\d]|\n", rule)


@pytest.mark.parametrize(
    ("cadence", "times", "expected"),
    [
        ("daily", {"hour": 9}, "09:00"),
        ("weekly", {"weekday": "sunday", "hour": 2}, "Sunday 02:00"),
        ("monthly", {"week": "first", "weekday": "monday", "hour": 5}, "first Monday 05:00"),
        (
            "quarterly",
            {"months": QUARTERS, "day": 1, "hour": 3},
            "day 1 of January, April, July, October 03:00",
        ),
        ("quarter_hourly", {"minute": 3}, "every 15 min from minute 3"),
    ],
)
def test_words_for_people(cadence: str, times: dict[str, t.Any], expected: str):
    assert words(slot(cadence, times)) == expected


def by_cron(text: str, zone: str, begin: datetime, end: datetime) -> list[datetime]:
    """Return the starts of a line of cron as a cron engine works them out, in UTC."""
    first = begin.astimezone(ZoneInfo(zone)) - timedelta(seconds=1)
    engine = croniter(text, first, ret_type=datetime)
    following = (engine.get_next().astimezone(UTC) for _ in itertools.count())

    return list(itertools.takewhile(lambda start: start < end, following))


def months(found: list[datetime], zone: str) -> list[str]:
    return [f"{start.astimezone(ZoneInfo(zone)):%Y-%m}" for start in found]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("cadence", "times"), LONG)
def test_cron_starts_when_we_say_for_ten_years(cadence: str, times: dict[str, t.Any], zone: str):
    asked = slot(cadence, times)
    expected = list(starts(asked, ZoneInfo(zone), BEGIN, END))
    found = by_cron(cron(asked), zone, BEGIN, END)

    if asked.week:  # what cron cannot say is another day, and one start a period all the same
        assert months(found, zone) == months(expected, zone)
    else:
        assert found == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("cadence", "times"), LONG)
def test_dateutil_starts_when_we_say_for_ten_years(
    cadence: str, times: dict[str, t.Any], zone: str
):
    """AWX reads its rules so; the slots lie where no clock is changed."""
    asked = slot(cadence, times)
    rule = rrulestr(rrule(asked, ZoneInfo(zone)).replace(" RRULE", "\nRRULE"))
    found = [moment.astimezone(UTC) for moment in rule.between(BEGIN, END, inc=True)]

    assert found == list(starts(asked, ZoneInfo(zone), BEGIN, END))


@pytest.mark.parametrize("day", CHANGES, ids=lambda day: f"{day:%m-%d}")
@pytest.mark.parametrize(("cadence", "times"), SHORT[:2])
def test_short_slots_go_on_in_all_engines_when_the_clock_changes(
    cadence: str, times: dict[str, t.Any], day: datetime
):
    """They are in UTC; a cron engine whose zone changes its clock would double or skip some."""
    asked, begin = slot(cadence, times), day - timedelta(days=1)
    end = begin + timedelta(days=3)
    expected = list(starts(asked, ZoneInfo("Europe/Berlin"), begin, end))
    rule = rrulestr(rrule(asked, ZoneInfo("Europe/Berlin")).replace(" RRULE", "\nRRULE"))

    assert by_cron(cron(asked), "UTC", begin, end) == expected
    assert list(rule.between(begin, end - timedelta(seconds=1), inc=True)) == expected
