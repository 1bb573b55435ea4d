# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time stamps of all shapes and zones; windows where clocks change and between runs."""

from __future__ import annotations

import datetime as dt
import typing as t
import zoneinfo

import pytest
from ansible.module_utils.upkeep.log_review import times
from ansible.module_utils.upkeep.log_review.times import (
    StampReader,
    ZoneError,
    format_time,
    zone_of,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def utc(*numbers: int) -> float:
    return dt.datetime(*numbers, tzinfo=dt.UTC).timestamp()  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (b"2026-02-03T04:05:06.250Z", utc(2026, 2, 3, 4, 5, 6) + 0.25),
        (b"2026-02-03 04:05:06,250", utc(2026, 2, 3, 4, 5, 6) + 0.25),
        (b"2026-02-03 04:05:06 +0100", utc(2026, 2, 3, 3, 5, 6)),
        (b"2026-02-03 04:05:06+02", utc(2026, 2, 3, 2, 5, 6)),
        (b"2026-02-03 04:05:06.123 UTC", utc(2026, 2, 3, 4, 5, 6) + 0.123),
        (b"2026-02-03 04:05:06 GMT", utc(2026, 2, 3, 4, 5, 6)),
        (b"2026-02-03T04:05:06.123456789012-05:30", utc(2026, 2, 3, 9, 35, 6) + 0.123456789),
        (b"2026/02/03 04:05:06", utc(2026, 2, 3, 4, 5, 6)),
        (b"03/Feb/2026:04:05:06 +0200", utc(2026, 2, 3, 2, 5, 6)),
        (b"3 Feb 2026 04:05:06.500", utc(2026, 2, 3, 4, 5, 6) + 0.5),
        (b"Tue Feb 03 04:05:06.250000 2026", utc(2026, 2, 3, 4, 5, 6) + 0.25),
        (b"Feb  3 04:05:06", utc(2026, 2, 3, 4, 5, 6)),
        (b"Dec 31 04:05:06", utc(2025, 12, 31, 4, 5, 6)),
        (b"Feb 29 04:05:06", utc(2024, 2, 29, 4, 5, 6)),
        (b"1770091506", utc(2026, 2, 3, 4, 5, 6)),
        (b"1770091506250", utc(2026, 2, 3, 4, 5, 6) + 0.25),
    ],
)
def test_stamps_of_every_shape_are_read(text: bytes, moment: float) -> None:
    assert StampReader(dt.UTC, NOW).read(text) == pytest.approx(moment, abs=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Traceback (most recent call last):",
        b"2026-13-03T04:05:06Z",
        b"2026-02-30 04:05:06",
        b"2026-02-03",
        b"2026-02-03T04:05:99Z",
        b"2026-02-03T25:05:06Z",
        b"2026-02-03 04:05:06 +2500",
        b"Foo  3 04:05:06",
        b"99/Feb/2026:04:05:06 +0000",
        b"\x00\xff",
    ],
)
def test_what_is_not_a_time_has_none(text: bytes) -> None:
    assert StampReader(dt.UTC, NOW).read(text) is None


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        (b"2026-02-03 04:05:06 CET", 3),
        (b"2026-07-03 04:05:06 CEST", 2),
        (b"2026-02-03 04:05:06 UTC", 4),
    ],
)
def test_letters_of_a_zone_mean_what_the_zone_of_the_log_calls_so(text: bytes, hour: int) -> None:
    moment = StampReader(BERLIN, NOW).read(text)

    assert moment is not None
    assert dt.datetime.fromtimestamp(moment, dt.UTC).hour == hour


def test_letters_that_the_zone_of_the_log_does_not_use_are_named() -> None:
    reader = StampReader(dt.UTC, NOW)

    assert reader.read(b"2026-02-03 04:05:06 PDT") is None
    assert reader.unknown_zones == {"PDT"}


def test_a_stamp_without_a_year_is_near_the_previous_line_and_not_after_the_file() -> None:
    reader = StampReader(dt.UTC, utc(2025, 12, 1))

    assert reader.read(b"Nov 27 01:00:00") == utc(2025, 11, 27, 1)
    assert reader.read(b"Dec 31 01:00:00") == utc(2024, 12, 31, 1)
    assert reader.read(b"Feb  3 01:00:00", utc(2024, 12, 31)) == utc(2025, 2, 3, 1)
    assert reader.read(b"Dec 30 01:00:00", utc(2024, 1, 3)) == utc(2023, 12, 30, 1)


def test_a_stamp_of_another_form_is_read_by_its_pattern() -> None:
    reader = StampReader(dt.UTC, NOW, "%d.%m.%Y %H:%M:%S")

    assert reader.read(b"03.02.2026 04:05:06") == utc(2026, 2, 3, 4, 5, 6)
    assert reader.read(b"2026-02-03 04:05:06") is None


@given(
    st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60)
)
def test_a_stamp_with_an_offset_means_one_moment(naive: dt.datetime, offset: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=offset))
    aware = naive.replace(tzinfo=zone)
    for zone_of_log in (dt.UTC, BERLIN, None):
        read = StampReader(zone_of_log, NOW).read(aware.isoformat(timespec="microseconds").encode())
        assert read == pytest.approx(aware.timestamp(), abs=1e-5)


@given(st.binary(max_size=60))
def test_nothing_that_stands_in_a_log_raises(data: bytes) -> None:
    for zone in (dt.UTC, BERLIN):
        reader = StampReader(zone, NOW)
        reader.read(data, NOW)
        reader.of_value(data.decode("latin-1"), NOW)


@given(st.lists(st.integers(0, 4 * 3600 - 1), min_size=1, max_size=60).map(sorted))
def test_the_repeated_hour_is_decided_by_the_previous_line(seconds: list[int]) -> None:
    """Lines without a zone through the night in which the clocks of Berlin go back."""
    begin = utc(2026, 10, 24, 23)
    moments = sorted(
        {begin + 5 * 60 * number for number in range(48)} | {begin + second for second in seconds}
    )
    reader, previous = StampReader(BERLIN, NOW), None

    for moment in moments:
        text = dt.datetime.fromtimestamp(moment, BERLIN).strftime("%Y-%m-%d %H:%M:%S").encode()
        previous = reader.read(text, previous)
        assert previous == moment


def test_numbers_since_1970_in_any_unit() -> None:
    reader = StampReader(dt.UTC, NOW)
    for scale in (1, 1000, 10**6, 10**9):
        assert reader.of_value(int(NOW) * scale) == pytest.approx(NOW)

    assert [reader.of_value(value) for value in (True, None, -5, [], float("nan"), 1e30)] == [
        None
    ] * 6


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(ZoneError, match="Mars/Olympus"):
        zone_of("Mars/Olympus")


def test_any_time_can_be_format_time() -> None:
    assert (format_time(0.0), format_time(1e18)) == (
        "1970-01-01 00:00:00Z",
        "1000000000000000000 s since 1970",
    )


# --- windows -------------------------------------------------------------------------------------

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
    window = times.calendar_window("today", now, zone)
    begin = local(window.since, zone)

    assert begin.date() == local(now, zone).date()
    assert (begin.hour, begin.minute, begin.second) == (0, 0, 0)
    assert now in window
    assert local(window.since - 1, zone).date() < begin.date()


@given(MOMENT, ZONE)
def test_months_follow_each_other_without_gap_or_overlap(now: float, zone: dt.tzinfo) -> None:
    month, former = (
        times.calendar_window("month", now, zone),
        times.calendar_window("last_month", now, zone),
    )

    assert former.until == month.since

    first, end = local(former.since, zone), local(former.until, zone)

    assert (first.day, end.day, first.hour, end.hour) == (1, 1, 0, 0)
    assert (end.year * 12 + end.month) - (first.year * 12 + first.month) == 1
    assert 28 * 86400 - 3600 <= former.until - former.since <= 31 * 86400 + 3600


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (6, 1, 24)])
def test_a_day_on_which_clocks_change_has_another_length(month: int, day: int, hours: int) -> None:
    berlin = ZONES[1]
    evening = dt.datetime(2026, month, day, 23, 59, 59, tzinfo=berlin).timestamp()
    window = times.calendar_window("today", evening, berlin)
    assert round(window.until - window.since) == hours * 3600 - 1


@given(MOMENT, st.integers(1, 999_999), st.sampled_from("smhd"))
def test_a_length_reaches_back_from_now_and_its_former_window_touches_it(
    now: float, count: int, unit: str
) -> None:
    seconds = times.length(f"{count}{unit}")

    assert seconds == count * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]

    window = times.rolling_window(f"{count}{unit}", now)

    assert window.since == now - seconds
    assert now in window and now + 1 not in window

    former = window.previous

    assert former.until == window.since
    assert former.until - former.since == pytest.approx(window.until - window.since, abs=1e-3)


@given(st.text(max_size=8))
def test_what_is_no_window_is_refused(text: str) -> None:
    if times.is_window(text):
        assert text in times.NAMED or times.rolling_window(text, 0.0).since < 0
    else:
        assert times.length(text) is None
        with pytest.raises(ValueError, match="not a length such as 24h"):
            times.rolling_window(text, 0.0)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12), st.lists(MOMENT, max_size=20))
def test_each_moment_belongs_to_one_run(gaps: list[int], moments: list[float]) -> None:
    now, last, runs = 2e9, None, []
    for gap in gaps:
        now += gap
        runs.append(times.window_since_last_run(last, now))
        last = runs[-1].until

    for moment in (2e9 + moment % sum(gaps) for moment in moments):
        count = sum(moment in run for run in runs)
        assert count == (1 if runs[0].since <= moment < runs[-1].until else 0)


def test_a_clock_that_was_set_back_makes_the_next_run_a_first_one() -> None:
    now = 2e9
    window = times.window_since_last_run(now + 3600, now)
    assert (window.since, window.words) == (now - 86400, "the last 24 hours (first run)")
