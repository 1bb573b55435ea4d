# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The clock of a host against the controller's."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.findings import Limits
from ansible.module_utils.upkeep.preflight.clock import (
    clock_finding,
    finding_of_reading,
    skew_bounds,
)
from hypothesis import given
from hypothesis import strategies as st

SECONDS = st.floats(0, 60)


@given(skew=st.floats(-600, 600), there=SECONDS, work=SECONDS, back=SECONDS)
def test_the_true_skew_lies_between_the_bounds(
    skew: float, there: float, work: float, back: float
) -> None:
    sent = 1_800_000_000.0
    low, high = skew_bounds(
        sent, sent + there + skew, sent + there + work + skew, sent + there + work + back
    )
    assert low - 1e-5 <= skew <= high + 1e-5


@pytest.mark.parametrize(
    ("bounds", "status", "observed"),
    [
        ((-9.0, 1.0), "ok", 0.0),
        ((-0.1, 45.0), "ok", 0.0),
        ((1.9, 3.0), "ok", 1.9),
        ((2.5, 4.0), "warning", 2.5),
        ((-4.0, -2.5), "warning", -2.5),
        ((31.0, 32.0), "critical", 31.0),
        ((-40.0, -31.0), "critical", -31.0),
    ],
)
def test_the_smallest_skew_that_fits_is_judged(
    bounds: tuple[float, float], status: str, observed: float
) -> None:
    finding = clock_finding(bounds, Limits(2, 30))

    assert finding["status"] == status
    assert finding["observed"] == observed


@pytest.mark.parametrize(
    "clock",
    [
        None,
        [],
        "soon",
        {},
        {"started": 1.0},
        {"started": "1", "finished": 2.0},
        {"started": True, "finished": 2.0},
        {"started": float("nan"), "finished": 2.0},
        {"started": 1.0, "finished": float("inf")},
        {"started": -1.0, "finished": 1e300},
    ],
)
def test_what_is_not_a_time_is_unknown(clock: t.Any) -> None:
    assert finding_of_reading(1.0, clock, 2.0, Limits(2, 30))["status"] == "unknown"
