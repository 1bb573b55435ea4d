# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a killed run is left by the next one, and by nobody else's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from upkeep.run import events, leftovers, process

HERE: t.Final = socket.gethostname()


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


@pytest.fixture
def booted(monkeypatch: pytest.MonkeyPatch) -> float:
    """Let this machine have booted a minute ago."""
    moment = time.time() - 60
    monkeypatch.setattr(process, "boot_time", lambda: moment)

    return moment


@pytest.mark.parametrize(
    ("written_before", "controller", "is_found"),
    [(30.0, "", True), (-30.0, "", False), (30.0, "elsewhere.example.org", False)],
    ids=["before the boot", "since the boot", "of another controller"],
)
def test_a_run_that_went_with_a_boot_of_its_controller_is_found(
    tmp_path: Path, booted: float, written_before: float, controller: str, is_found: bool
) -> None:
    """After a power cut its process is of another boot, which proves nothing by itself."""
    of_before = {**process.identity(), "machine": "f" * 32}
    cut_off = run(
        tmp_path, "20260101T000000Z-cut", **{**of_before, "controller": controller or HERE}
    )
    os.utime(cut_off / events.LOG_NAME, (booted - written_before,) * 2)

    assert leftovers.killed(tmp_path, "own") == ([cut_off] if is_found else [])


@pytest.mark.skipif(not process.machine(), reason="this machine has no identity")
def test_a_run_that_lives_has_not_gone_with_a_boot_when_the_clock_is_set(
    tmp_path: Path, booted: float
) -> None:
    """A host without a clock of its own begins in the past, and so do its logs."""
    lives = run(tmp_path, "20260101T000000Z-lives", **process.identity())
    os.utime(lives / events.LOG_NAME, (booted - 3600,) * 2)

    assert leftovers.killed(tmp_path, "own") == []


def test_the_time_of_the_boot_is_that_of_the_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1790000000\n")
    monkeypatch.setattr(process, "STAT", tmp_path / "stat")
    assert process.boot_time() == 1790000000.0

    (tmp_path / "stat").write_text("cpu 1 2 3\n")
    assert process.boot_time() is None
