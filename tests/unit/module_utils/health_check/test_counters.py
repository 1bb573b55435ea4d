# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counters that are compared with the previous run."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.health_check import counters
from hypothesis import given
from hypothesis import strategies as st

BOOT = counters.BOOT_ID.read_text().strip()


COUNTERS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2**63), min_size=1)


def memory(at: float, **counters: int) -> dict[str, t.Any]:
    return {"boot": BOOT, "at": at, "counters": counters}


@given(COUNTERS, COUNTERS, st.floats(0, 1e9))
def test_a_span_never_goes_backwards(
    old: dict[str, int], new: dict[str, int], seconds: float
) -> None:
    passed = counters.delta(memory(0, **old), memory(seconds, **new))
    if passed is not None:
        assert all(count >= 0 for count in passed.counts.values())
        assert passed.counts == {name: new[name] - old[name] for name in new if name in old}


@pytest.mark.parametrize(
    "before",
    [
        None,
        {},
        {"boot": "other", "at": 0, "counters": {"a": 0}},
        {"boot": BOOT, "at": "x", "counters": {"a": 1}},
        {"boot": BOOT, "at": 0, "counters": [1]},
        memory(0, a=9),
        memory(0, b=1),
        memory(99, a=1),
    ],
)
def test_what_cannot_be_compared_is_no_span(before: t.Any) -> None:
    assert counters.delta(before, memory(10, a=5)) is None
