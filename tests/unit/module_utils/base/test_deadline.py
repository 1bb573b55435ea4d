# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A deadline: what is left, its parts, and its end."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_runs_down_to_zero_and_stays_there() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)

    clock.now += 3
    assert deadline.left == 2
    assert deadline.remaining() == 2
    assert not deadline.is_over()

    clock.now += 9
    assert deadline.left == 0
    assert deadline.is_over()
    with pytest.raises(TimeoutError, match="it took longer than 5 s"):
        deadline.remaining()


def test_a_part_never_outlasts_the_whole() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)

    clock.now += 4

    assert deadline.part(10).left == 1
    assert deadline.part(0.5).left == 0.5
    clock.now += 1
    with pytest.raises(TimeoutError):
        deadline.part(1)
