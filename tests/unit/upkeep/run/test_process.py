# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is the process that holds a lock still alive?"""

from __future__ import annotations

import os
import socket
import subprocess

from upkeep.run import process


def holder(pid: int, started: str | None, controller: str | None = None) -> dict[str, str]:
    return {"controller": controller or socket.gethostname(), "process": f"{pid}:{started or ''}"}


def test_this_process_lives() -> None:
    assert not process.is_dead(holder(os.getpid(), process.start_time(os.getpid())))


def test_a_process_that_ended_is_dead() -> None:
    child = subprocess.Popen(["sleep", "60"])
    started = process.start_time(child.pid)

    assert started

    child.kill()
    child.wait()

    assert process.is_dead(holder(child.pid, started))


def test_a_reused_pid_is_dead() -> None:
    assert process.is_dead(holder(os.getpid(), "1"))


def test_nothing_is_said_about_other_controllers_or_odd_values() -> None:
    assert not process.is_dead(holder(os.getpid(), "1", "elsewhere"))
    assert not process.is_dead({"controller": socket.gethostname(), "process": "x"})
    assert not process.is_dead({})
