# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Items of cached entries: types of fields, and that no content ends a check."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.base import json_items as items
from hypothesis import given
from hypothesis import strategies as st

JSON: t.Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON, st.dictionaries(st.text(min_size=1), st.sampled_from(sorted(items.TYPES))))
def test_no_item_can_break_the_reader(item: t.Any, fields: dict[str, str]) -> None:
    faults = items.faults_of(item, fields)
    lacking = (
        fields if not isinstance(item, dict) else {name for name in fields if name not in item}
    )
    assert bool(faults) >= bool(lacking)


@given(st.text())
def test_no_text_can_break_the_reader(text: str) -> None:
    found = items.of(text, "events")

    assert found is None or isinstance(found, list)


@given(st.dates(), st.integers())
def test_what_json_holds_of_dates_and_numbers_is_known(day: t.Any, number: int) -> None:
    item = {"day": day.isoformat(), "number": number, "text": str(number)}
    assert items.faults_of(item, {"day": "date", "number": "whole", "text": "number"}) == []


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        (10**400, "whole", True),
        (-(10**400), "number", True),
        ("9" * 400, "whole", False),
        (1.5, "whole", False),
        (True, "whole", False),
        ("1e400", "number", False),
    ],
)
def test_numbers_of_any_size_are_judged(value: t.Any, kind: str, fits: bool) -> None:
    assert (items.faults_of({"n": value}, {"n": kind}) == []) is fits
