# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Points become fewer: no mean leaves the range of its samples, and no sample is lost."""

from __future__ import annotations

import math
import sys
import typing as t
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upkeep.kpi.downsampling import Keep, Point, cut_off, merge, start_of
from upkeep.run import clean

BEGIN: t.Final = datetime(2026, 3, 1, tzinfo=UTC)


def point(minute: float, value: float, kpi: str = "uptime", host: str = "a") -> Point:
    start = clean.stamp(BEGIN + timedelta(minutes=minute)) or ""
    return Point("run", start, "shop", host, kpi, f"run-{minute}", 1, value, value, value)


POINTS: t.Final = st.lists(
    st.builds(
        point,
        st.integers(0, 60 * 24 * 3),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["uptime", "errors"]),
        st.sampled_from(["a", "b"]),
    )
)


@given(POINTS)
def test_counts_are_kept_and_no_value_leaves_what_was_seen(points: list[Point]):
    hours = merge(points)
    days = merge(hours)
    for level in (hours, days):
        assert sum(mean.samples for mean in level) == len(points)
        for mean in level:
            seen = [
                item.mean
                for item in points
                if (item.host, item.kpi) == (mean.host, mean.kpi)
                and start_of(item.start, mean.level) == mean.start
            ]

            assert (mean.low, mean.high) == (min(seen), max(seen))
            assert mean.low <= mean.mean <= mean.high
            assert mean.samples == len(seen)


@given(POINTS)
def test_a_mean_of_means_is_the_mean_of_all(points: list[Point]):
    for day in merge(merge(points)):
        seen = [
            item.mean
            for item in points
            if (item.host, item.kpi, item.start[:10]) == (day.host, day.kpi, day.start[:10])
        ]
        exact = float(sum(map(Fraction, seen)) / len(seen))
        # Below the smallest normal number nothing can be divided exactly.
        smallest = max(1e-6 * max(map(abs, seen)), sys.float_info.min)

        assert math.isclose(day.mean, exact, rel_tol=1e-6, abs_tol=smallest)


def test_the_greatest_number_is_its_own_mean():
    # The shares of these counts add up to a little more than one.
    great = point(0, sys.float_info.max)
    [day] = merge([great._replace(level="hour", samples=samples) for samples in (28, 2, 28)])
    assert (day.samples, day.mean) == (58, sys.float_info.max)


@given(POINTS, st.integers(1, 5))
def test_the_order_of_points_does_not_matter(points: list[Point], step: int):
    mixed = [points[i] for start in range(step) for i in range(start, len(points), step)]
    for one, other in zip(merge(points), merge(mixed), strict=True):
        assert one._replace(mean=0) == other._replace(mean=0)
        assert math.isclose(one.mean, other.mean, rel_tol=1e-9, abs_tol=1e-300)


def test_an_hour_begins_on_the_hour_and_a_day_at_midnight():
    [hour] = merge([point(61, 1), point(119, 3)])

    assert (hour.level, hour.start, hour.mean, hour.run_id) == (
        "hour",
        "2026-03-01T01:00:00.000Z",
        2,
        "",
    )

    [day] = merge([hour])

    assert (day.level, day.start) == ("day", "2026-03-01T00:00:00.000Z")


def test_limits_are_the_beginnings_of_days():
    assert cut_off("run", Keep(run=2), BEGIN + timedelta(hours=5)) == "2026-02-27T00:00:00.000Z"


@pytest.mark.parametrize("keep", [Keep(0), Keep(90, 30), Keep(90, 365, 100)])
def test_limits_that_make_no_sense_are_named(keep: Keep):
    assert len(keep.problems()) == 1
