# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Times in the forms that SQLite files have."""

from __future__ import annotations

import math
import typing as t

import pytest
from ansible.module_utils.upkeep.data_quality.moments import age_of
from hypothesis import given
from hypothesis import strategies as st

#: 2026-01-31 12:00:00 UTC.
MOMENT: t.Final = 1769860800.0


@pytest.mark.parametrize(
    "value",
    [
        1769860800,
        1769860800.0,
        1769860800000,
        1769860800000000,
        "1769860800",
        "1769860800.0",
        2461072.0,
        "2026-01-31 12:00:00",
        "2026-01-31T12:00:00Z",
        "2026-01-31 12:00:00.000",
        "2026-01-31 12:00:00 UTC",
        "2026-01-31 12:00:00 GMT",
        "2026-01-31 13:00:00+01",
        "2026-01-31 13:00:00+01:00",
        "2026-01-31T13:00:00+0100",
        " 2026-01-31T12:00 ",
    ],
)
def test_a_time_of_any_usual_form_has_its_age(value: t.Any) -> None:
    assert age_of(value, MOMENT + 60) == pytest.approx(60, abs=0.1)


def test_a_day_alone_begins_at_midnight() -> None:
    assert age_of("2026-01-31", MOMENT) == 12 * 3600


@pytest.mark.parametrize(
    "value", ["now", "unknown", "", "31.01.2026", "31/01/2026", b"2026-01-31", -5, 1e30, "12:00"]
)
def test_another_form_is_unreadable_and_not_no_row(value: t.Any) -> None:
    age = age_of(value, MOMENT)

    assert age is not None
    assert math.isnan(age)


def test_no_value_is_no_row() -> None:
    assert age_of(None, MOMENT) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary()))
def test_no_value_breaks_it(value: t.Any) -> None:
    assert isinstance(age_of(value, MOMENT), float)
