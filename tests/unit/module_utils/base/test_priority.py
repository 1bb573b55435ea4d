# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Long work goes last, and so does what it starts."""

from __future__ import annotations

import os
import subprocess
import sys

STEP_BACK = """
import os, subprocess, sys
import upkeep
from ansible.module_utils.upkeep.base.priority import step_back
before = os.nice(0)
step_back(last=bool(sys.argv[1:]))
print(before, os.nice(0), os.sched_getscheduler(0), subprocess.check_output(["nice"], text=True))
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
