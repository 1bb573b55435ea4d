# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time stamps: the forms that lines begin with, zones, the hour that clocks repeat, and stamps that cannot be."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest
from ansible.module_utils.upkeep.log_review.stamps import Clock, ZoneError, shown, zone_of
from hypothesis import given
from hypothesis import strategies as st

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def utc(*numbers: int) -> float:
    return dt.datetime(*numbers, tzinfo=dt.UTC).timestamp()  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        (b"2026-02-03T04:05:06.250Z INFO x", utc(2026, 2, 3, 4, 5, 6) + 0.25),
        (b"2026-02-03 04:05:06,250 - app - INFO", utc(2026, 2, 3, 4, 5, 6) + 0.25),
        (b"[2026-02-03 04:05:06 +0100] [7] [INFO]", utc(2026, 2, 3, 3, 5, 6)),
        (
            b"2026-02-03T04:05:06.123456789-05:30 stdout F x",
            utc(2026, 2, 3, 9, 35, 6) + 0.123456789,
        ),
        (b"2026/02/03 04:05:06 [error] 7#7: *1 x", utc(2026, 2, 3, 4, 5, 6)),
        (
            b'192.0.2.1 - - [03/Feb/2026:04:05:06 +0200] "GET / HTTP/1.1" 200',
            utc(2026, 2, 3, 2, 5, 6),
        ),
        (b"Feb  3 04:05:06 host sshd[7]: x", utc(2026, 2, 3, 4, 5, 6)),
        (b"Dec 31 04:05:06 host sshd[7]: last year's", utc(2025, 12, 31, 4, 5, 6)),
        (b"Feb 29 04:05:06 host sshd[7]: the last leap year's", utc(2024, 2, 29, 4, 5, 6)),
    ],
)
def test_forms_of_stamps(line: bytes, moment: float) -> None:
    assert Clock(dt.UTC, NOW).read(line) == pytest.approx(moment, abs=1e-6)


@pytest.mark.parametrize(
    "line",
    [b"", b"Traceback (most recent call last):", b"2026-13-03T04:05:06Z", b"2026-02-30 04:05:06", b"2026-02-03",
     b"2026-02-03T04:05:99Z x", b"Foo  3 04:05:06", b'192.0.2.4 - - [99/Feb/2026:04:05:06 +0000] "GET"', b"\x00\xff"],
)  # fmt: skip
def test_no_stamp_is_none(line: bytes) -> None:
    assert Clock(dt.UTC, NOW).read(line) is None


@given(
    st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60)
)
def test_a_stamp_with_an_offset_means_one_moment(naive: dt.datetime, offset: int) -> None:
    zone = dt.timezone(dt.timedelta(minutes=offset))
    aware = naive.replace(tzinfo=zone)
    for zone_of_log in (dt.UTC, BERLIN, None):
        read = Clock(zone_of_log, NOW).read(aware.isoformat(timespec="microseconds").encode())
        assert read == pytest.approx(aware.timestamp(), abs=1e-5)


@given(st.binary(max_size=60))
def test_nothing_that_stands_in_a_log_raises(data: bytes) -> None:
    for zone in (dt.UTC, BERLIN):
        clock = Clock(zone, NOW)
        clock.read(data, 0, NOW)
        clock.of_value(data.decode("latin-1"), NOW)


@given(st.lists(st.integers(0, 4 * 3600 - 1), min_size=1, max_size=60).map(sorted))
def test_the_repeated_hour_is_told_apart_by_the_line_before(seconds: list[int]) -> None:
    """Lines every few minutes through the night in which Berlin's clocks go back, written without a zone."""
    begin = utc(2026, 10, 24, 23)
    moments = sorted(
        {begin + 5 * 60 * number for number in range(48)} | {begin + second for second in seconds}
    )
    clock, previous = Clock(BERLIN, NOW), None

    for moment in moments:
        text = dt.datetime.fromtimestamp(moment, BERLIN).strftime("%Y-%m-%d %H:%M:%S").encode()
        previous = clock.read(text, 0, previous)
        assert previous == moment


def test_numbers_since_1970_in_any_unit() -> None:
    clock = Clock(dt.UTC, NOW)
    for scale in (1, 1000, 10**6, 10**9):
        assert clock.of_value(int(NOW) * scale) == pytest.approx(NOW)

    assert [clock.of_value(value) for value in (True, None, -5, [], float("nan"), 1e30)] == [
        None
    ] * 6


def test_an_unknown_zone_is_named() -> None:
    with pytest.raises(ZoneError, match="Mars/Olympus"):
        zone_of("Mars/Olympus")


def test_any_time_can_be_shown() -> None:
    assert (shown(0.0), shown(1e18)) == ("1970-01-01 00:00:00Z", "1000000000000000000 s since 1970")
