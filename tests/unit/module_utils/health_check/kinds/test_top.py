# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind top, against a /proc of the test."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.clients import procfs
from ansible.module_utils.upkeep.health_check.kinds import top

from tests.unit.module_utils.health_check.kinds.conftest import Tree

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {}

Observed = Callable[..., dict[str, Finding]]


@pytest.mark.requirement("R-student_success-21", "R-student_success-101")
def test_the_biggest_processes_are_named_and_ours_are_not(tree: Tree, observed: Observed) -> None:
    tree.add(10, unit="shop.service", pages=5000)
    tree.add(11, pages=9000)
    tree.add(12, pages=99999, session=os.getsid(0))
    found = observed("top", seconds=0.01, count=1)

    assert found["top:x.memory"]["message"].startswith("n11 (pid 11) 36.9 MB")
    assert (found["top:x.cpu"]["message"], found["top:x.cpu"]["observed"]) == (
        "no process used any",
        0,
    )


def test_shares_of_a_processor() -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    old, new, idle = (
        procfs.Process(pid, "n", 1, ticks, 0)
        for pid, ticks in ((1, hertz), (2, hertz // 2), (3, 5))
    )

    assert top.cpu_shares([old, new, idle], {1: hertz // 2, 3: 5}, 2.0) == {old: 25.0, new: 25.0}
