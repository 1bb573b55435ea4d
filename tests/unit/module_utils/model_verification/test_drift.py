# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""R2 as its definition has it, for whatever numbers."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.model_verification.drift import DriftError, r_squared
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.floats(min_value=-1e6, max_value=1e6)
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=50)


def spread(values: list[float]) -> float:
    return max(values) - min(values)


@given(PAIRS)
def test_perfect_is_one_the_mean_is_zero_and_nothing_is_better(
    pairs: list[tuple[float, float]],
) -> None:
    known, predicted = [known for known, _ in pairs], [guess for _, guess in pairs]
    if spread(known) < 1e-3:
        return

    assert r_squared(known, known) == 1
    assert r_squared(known, [sum(known) / len(known)] * len(known)) == pytest.approx(0, abs=1e-6)
    assert r_squared(known, predicted) <= 1


def test_a_known_value() -> None:
    assert r_squared([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]) == pytest.approx(0.9486081370449679)


@pytest.mark.parametrize(
    ("known", "predicted", "status"),
    [
        ([1, 2], [1], "critical"),
        ([1, 2], [1, float("inf")], "critical"),
        ([2, 2], [1, 2], "unknown"),
        ([1, 2], [1e200, 2], "critical"),
    ],
)
def test_where_it_is_not_defined(known: list[float], predicted: list[float], status: str) -> None:
    with pytest.raises(DriftError) as caught:
        r_squared(known, predicted)
    assert caught.value.status == status
