# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a killed run is left by the next one, and by nobody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from upkeep.run import events, leftovers, process


def run(runs: Path, name: str, **started: str) -> Path:
    """Return the folder of a run that has begun and not ended."""
    folder = runs / name
    folder.mkdir()
    events.append(folder / events.LOG_NAME, "run_started", run_id=name, **started)

    return folder


@pytest.fixture
def dead() -> dict[str, str]:
    """Return the identity of a process of this machine that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    return {"machine": process.machine(), "process": f"{ended.pid}:1"}


@pytest.mark.skipif(not process.machine(), reason="this machine has no identity")
def test_a_run_whose_process_has_ended_is_found(tmp_path: Path, dead: dict[str, str]) -> None:
    killed = run(tmp_path, "20260101T000000Z-a", **dead)
    run(tmp_path, "20260102T000000Z-own", **dead)

    assert leftovers.killed(tmp_path, "20260102T000000Z-own") == [killed]


def test_runs_that_live_or_ran_elsewhere_or_ended_are_left_alone(
    tmp_path: Path, dead: dict[str, str]
) -> None:
    run(tmp_path, "20260101T000000Z-lives", **process.identity())
    run(tmp_path, "20260101T000001Z-elsewhere", **{**dead, "machine": "f" * 32})
    run(tmp_path, "20260101T000002Z-unknown")
    ended = run(tmp_path, "20260101T000003Z-ended", **dead)
    (ended / "record.json").write_text("{}")
    (tmp_path / "20260101T000004Z-empty").mkdir()
    (tmp_path / "latest").symlink_to(ended.name)

    assert leftovers.killed(tmp_path, "own") == []
