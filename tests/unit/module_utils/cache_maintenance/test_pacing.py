# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Portions shrink when another client waits, grow when it does not, and stop above the limit."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.cache_maintenance.pacing import (
    FIRST,
    LEAST,
    MOST,
    SHARE,
    TARGET,
    Pace,
    TooSlowError,
)


def test_portions_follow_the_wait() -> None:
    pace = Pace(limit=1)
    pace.adapt(2 * TARGET)
    assert pace.size == FIRST // 2

    for _ in range(100):
        pace.adapt(2 * TARGET)
    assert pace.size == LEAST

    for _ in range(100):
        pace.adapt(0)
    assert pace.size == MOST
    assert pace.longest == 2 * TARGET


def test_a_pause_follows_each_portion_and_is_never_long() -> None:
    pace = Pace(limit=1)

    assert pace.pause(0.002) == pytest.approx(0.002 * SHARE)
    assert 0.01 < pace.pause(10) < 1


def test_one_long_wait_is_chance_and_three_in_a_row_are_not() -> None:
    pace = Pace(limit=0.05)
    for wait in (0.06, 0.06, 0.001, 0.06, 0.06):
        pace.adapt(wait)

    with pytest.raises(TooSlowError, match="60 ms, more than 50 ms, 3 times"):
        pace.adapt(0.06)
