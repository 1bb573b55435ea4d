# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts in time: days, weeks of a month, changes of the clock."""

from __future__ import annotations

import itertools
import typing as t
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from upkeep.schedule.settings import Slot, parse_slots
from upkeep.schedule.starts import (
    SPOILED,
    last_start,
    nearest_safe,
    next_starts,
    spoiled_minutes,
    starts,
)

NOW = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
ZERO = ZoneInfo("UTC")


def slot(cadence: str, **times: t.Any) -> Slot:
    return parse_slots({cadence: times})[0]


def shown(moments: list[datetime]) -> list[str]:
    return [f"{moment:%m-%d %H:%M}" for moment in moments]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (slot("quarter_hourly", minute=3), ["11-27 07:03", "11-27 07:18", "11-27 07:33"]),
        (slot("hourly", minute=0), ["11-27 07:00", "11-27 08:00", "11-27 09:00"]),
        (slot("daily", hour=6), ["11-28 06:00", "11-29 06:00", "11-30 06:00"]),
        (slot("weekly", weekday="sunday", hour=2), ["11-29 02:00", "12-06 02:00", "12-13 02:00"]),
        (slot("monthly", day=1, hour=1), ["12-01 01:00", "01-01 01:00", "02-01 01:00"]),
        (
            slot("monthly", week="first", weekday="monday", hour=5),
            ["12-07 05:00", "01-04 05:00", "02-01 05:00"],
        ),
        (
            slot("monthly", week="last", weekday="friday", hour=8),
            ["11-27 08:00", "12-25 08:00", "01-29 08:00"],
        ),
        (
            slot("quarterly", months=[1, 4, 7, 10], day=1, hour=3),
            ["01-01 03:00", "04-01 03:00", "07-01 03:00"],
        ),
    ],
)
def test_next_starts(asked: Slot, expected: list[str]):
    assert shown(next_starts(asked, ZERO, NOW, 3)) == expected


def test_a_start_at_this_very_moment_counts():
    assert next_starts(slot("daily", hour=7), ZERO, NOW, 1) == [NOW]
    assert last_start(slot("daily", hour=7), ZERO, NOW) == NOW


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (slot("quarter_hourly", minute=3), "11-27 06:48"),
        (slot("weekly", weekday="sunday", hour=2), "11-22 02:00"),
        (slot("quarterly", months=[1, 4, 7, 10], day=1, hour=3), "10-01 03:00"),
    ],
)
def test_last_start(asked: Slot, expected: str):
    found = last_start(asked, ZERO, NOW)

    assert found is not None
    assert shown([found]) == [expected]


def test_local_time_stays_the_same_over_a_change_of_the_clock():
    begin = datetime(2027, 3, 27, tzinfo=UTC)
    found = next_starts(slot("daily", hour=3), BERLIN, begin, 3)

    assert shown(found) == ["03-27 02:00", "03-28 01:00", "03-29 01:00"]


def test_a_skipped_time_gives_no_start_and_a_doubled_one_gives_one():
    risky = slot("daily", hour=2, minute=30)
    spring = starts(
        risky, BERLIN, datetime(2027, 3, 27, tzinfo=UTC), datetime(2027, 3, 30, tzinfo=UTC)
    )
    autumn = starts(
        risky, BERLIN, datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC)
    )

    assert shown(list(spring)) == ["03-27 01:30", "03-29 00:30"]
    assert shown(list(autumn)) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize("cadence", ["quarter_hourly", "hourly"])
@pytest.mark.parametrize(
    "day", [datetime(2026, 10, 25, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC)]
)
def test_short_cadences_do_not_notice_a_change_of_the_clock(cadence: str, day: datetime):
    found = list(starts(slot(cadence), BERLIN, day, day + timedelta(days=1)))

    assert len(found) == (96 if cadence == "quarter_hourly" else 24)
    assert len({later - sooner for sooner, later in itertools.pairwise(found)}) == 1


@pytest.mark.parametrize("name", ["UTC", "Asia/Tokyo", "America/Bogota"])
def test_a_zone_that_keeps_its_clock_spoils_nothing(name: str):
    assert spoiled_minutes(ZoneInfo(name), NOW) == frozenset()


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("Europe/Berlin", {1, 2}),
        ("America/New_York", {1, 2}),
        ("Australia/Lord_Howe", {1, 2}),
        ("Africa/Cairo", {0, 1, 2, 23}),
        ("Atlantic/Azores", {0, 1, 2}),
    ],
)
def test_a_zone_spoils_what_it_skips_and_doubles(name: str, hours: set[int]):
    found = spoiled_minutes(ZoneInfo(name), NOW)

    assert {minute // 60 for minute in found} == hours
    assert frozenset(SPOILED) <= found


@pytest.mark.parametrize(
    ("minute", "expected"), [(60, "00:59"), (120, "03:00"), (150, "03:00"), (540, "09:00")]
)
def test_the_nearest_safe_time(minute: int, expected: str):
    assert nearest_safe(minute, spoiled_minutes(BERLIN, NOW)) == expected
