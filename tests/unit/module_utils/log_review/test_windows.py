# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Windows of time: days and months where clocks change, and runs without a gap between them."""

from __future__ import annotations

import datetime as dt
import typing as t
import zoneinfo

import pytest
from ansible.module_utils.upkeep.log_review import windows
from hypothesis import given
from hypothesis import strategies as st

ZONES: t.Final = [
    dt.UTC,
    *map(
        zoneinfo.ZoneInfo,
        ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"),
    ),
]
ZONE: t.Final = st.sampled_from(ZONES)
MOMENT: t.Final = st.floats(0, 4e9).map(lambda moment: round(moment, 3))


def local(moment: float, zone: dt.tzinfo) -> dt.datetime:
    return dt.datetime.fromtimestamp(moment, zone)


@given(MOMENT, ZONE)
def test_today_begins_at_midnight_and_holds_now(now: float, zone: dt.tzinfo) -> None:
    window = windows.calendar("today", now, zone)
    begin = local(window.since, zone)

    assert begin.date() == local(now, zone).date()
    assert (begin.hour, begin.minute, begin.second) == (0, 0, 0)
    assert now in window
    assert local(window.since - 1, zone).date() < begin.date()


@given(MOMENT, ZONE)
def test_months_follow_each_other_without_gap_or_overlap(now: float, zone: dt.tzinfo) -> None:
    month, former = windows.calendar("month", now, zone), windows.calendar("last_month", now, zone)

    assert former.until == month.since

    first, end = local(former.since, zone), local(former.until, zone)

    assert (first.day, end.day, first.hour, end.hour) == (1, 1, 0, 0)
    assert (end.year * 12 + end.month) - (first.year * 12 + first.month) == 1
    assert 28 * 86400 - 3600 <= former.until - former.since <= 31 * 86400 + 3600


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (6, 1, 24)])
def test_a_day_on_which_clocks_change_has_another_length(month: int, day: int, hours: int) -> None:
    berlin = ZONES[1]
    evening = dt.datetime(2026, month, day, 23, 59, 59, tzinfo=berlin).timestamp()
    window = windows.calendar("today", evening, berlin)
    assert round(window.until - window.since) == hours * 3600 - 1


@given(MOMENT, st.integers(1, 999_999), st.sampled_from("smhd"))
def test_a_length_reaches_back_from_now_and_its_former_window_touches_it(
    now: float, count: int, unit: str
) -> None:
    seconds = windows.length(f"{count}{unit}")

    assert seconds == count * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]

    window = windows.rolling(f"{count}{unit}", now)

    assert window.since == now - seconds
    assert now in window and now + 1 not in window

    former = window.previous

    assert former.until == window.since
    assert former.until - former.since == pytest.approx(window.until - window.since, abs=1e-3)


@given(st.text(max_size=8))
def test_what_is_no_window_is_refused(text: str) -> None:
    if windows.is_window(text):
        assert text in windows.NAMED or windows.rolling(text, 0.0).since < 0
    else:
        assert windows.length(text) is None
        with pytest.raises(ValueError, match="not a length such as 24h"):
            windows.rolling(text, 0.0)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12), st.lists(MOMENT, max_size=20))
def test_each_moment_belongs_to_one_run(gaps: list[int], moments: list[float]) -> None:
    now, last, runs = 2e9, None, []
    for gap in gaps:
        now += gap
        runs.append(windows.since_last_run(last, now))
        last = runs[-1].until

    for moment in (2e9 + moment % sum(gaps) for moment in moments):
        count = sum(moment in run for run in runs)
        assert count == (1 if runs[0].since <= moment < runs[-1].until else 0)


def test_a_clock_that_was_set_back_makes_the_next_run_a_first_one() -> None:
    now = 2e9
    window = windows.since_last_run(now + 3600, now)
    assert (window.since, window.words) == (now - 86400, "the last 24 hours (first run)")
