# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""JSON paths and conditions."""

from __future__ import annotations

import json
import re
import typing as t

import pytest
from ansible.module_utils.upkeep.base import text
from ansible.module_utils.upkeep.health_check import conditions
from hypothesis import given
from hypothesis import strategies as st

SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    st.none() | SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


def leaves(value: t.Any, path: tuple[str, ...] = ()) -> t.Iterator[tuple[tuple[str, ...], t.Any]]:
    yield path, value
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        yield from leaves(inner, (*path, str(key)))


@given(VALUES)
def test_every_value_of_a_document_can_be_reached(document: t.Any) -> None:
    for steps, value in leaves(document):
        path = ".".join(re.sub(r"([.\\])", r"\\\1", step) for step in steps)
        assert conditions.split_path(path) == list(steps)
        assert conditions.lookup(document, path) is value


@given(VALUES, st.text())
def test_any_path_gives_a_value_of_the_document_or_missing(document: t.Any, path: str) -> None:
    found = conditions.lookup(document, path)
    assert found is conditions.MISSING or any(found is value for _, value in leaves(document))


@given(SCALARS, SCALARS)
def test_equals_agrees_with_json(value: t.Any, wanted: t.Any) -> None:
    same = type(value) is type(wanted) or not {bool, str} & {type(value), type(wanted)}
    assert conditions.holds({"equals": wanted}, value) == (same and value == wanted)


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ({"equals": True}, 1, False),
        ({"equals": 1}, True, False),
        ({"equals": 1}, 1.0, True),
        ({"at_least": 10}, 10, True),
        ({"at_least": 10}, 9.9, False),
        ({"at_least": 10}, "11", False),
        ({"at_least": 0}, True, False),
        ({"at_most": 5, "at_least": 1}, 6, False),
        ({"at_most": 5}, conditions.MISSING, False),
        ({"at_most": 5}, None, False),
        ({"exists": True}, None, True),
        ({"exists": True}, conditions.MISSING, False),
        ({"exists": False}, conditions.MISSING, True),
        ({"exists": False}, 0, False),
        ({"matches": "^1\\."}, "1.2", True),
        ({"matches": "^1\\."}, 1.2, False),
    ],
)
def test_holds(condition: dict[str, t.Any], value: t.Any, expected: bool) -> None:
    assert conditions.holds(condition, value) is expected


@given(VALUES)
def test_what_is_shown_is_short_and_plain(value: t.Any) -> None:
    shown = conditions.as_scalar(value)
    assert shown is None or isinstance(shown, bool | int | float) or len(shown) <= 203
    json.dumps(shown)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_a_percentile_is_a_sample_and_enough_samples_lie_below(
    samples: list[float], percent: float
) -> None:
    found = text.percentile(samples, percent)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= percent / 100 * len(samples)


def test_percentiles_of_twenty() -> None:
    samples = [float(n) for n in range(1, 21)]
    assert (text.percentile(samples, 50), text.percentile(samples, 95)) == (10, 19)
