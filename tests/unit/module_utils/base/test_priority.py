# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Long work goes last, and so does what it starts."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

STEP_BACK = """
import os, subprocess, sys
import upkeep
from ansible.module_utils.upkeep.base.priority import step_back
before = os.nice(0)
step_back(last=bool(sys.argv[1:]))
print(before, os.nice(0), os.sched_getscheduler(0), subprocess.check_output(["nice"], text=True))
"""
PROCESSORS = """
import os, subprocess, sys
import upkeep
from ansible.module_utils.upkeep.base.priority import step_back
os.sched_setaffinity(0, map(int, sys.argv[1:]))
step_back(last=True)
print(*sorted(os.sched_getaffinity(0)))
print(subprocess.check_output(["nproc"], text=True))
"""


def test_a_process_that_steps_back_and_what_it_starts_go_last() -> None:
    told = subprocess.check_output([sys.executable, "-c", STEP_BACK], text=True)
    before, after, scheduler, started = map(int, told.split())

    assert after == min(before + 10, 19)
    assert scheduler == os.SCHED_OTHER
    assert started == after


def test_work_of_minutes_comes_after_all_else() -> None:
    told = subprocess.check_output([sys.executable, "-c", STEP_BACK, "last"], text=True)
    _, after, scheduler, started = map(int, told.split())

    assert after == 19
    assert scheduler == os.SCHED_BATCH
    assert started == after


def processors_left(*allowed: int) -> tuple[list[int], int]:
    """Return the processors of a process that stepped back, and how many its children have."""
    argv = [sys.executable, "-c", PROCESSORS, *map(str, allowed)]
    own, started = subprocess.check_output(argv, text=True).splitlines()[:2]

    return [int(one) for one in own.split()], int(started)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor only")
def test_work_of_minutes_leaves_a_processor_to_the_application() -> None:
    first, *others = sorted(os.sched_getaffinity(0))

    assert processors_left(first, *others) == (others, len(others))


def test_the_only_processor_is_shared() -> None:
    only = min(os.sched_getaffinity(0))

    assert processors_left(only) == ([only], 1)
