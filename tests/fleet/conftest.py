# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of the running fleet share: the fleet, and runs of the shipped playbooks on it."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from demo import engine, fleet, lease
from tests.fleet.runs import Play, Record, read

PROJECT = Path(__file__).resolve().parents[2]
#: Another fleet than the default one; it must run (``python -m demo up``).
FLEET = os.environ.get("UPKEEP_FLEET", fleet.DEFAULT)
#: Folder of a weekly run that the fleet has just had, with nothing planted; without it the tests
#: make one themselves.
CLEAN_RUN = os.environ.get("UPKEEP_CLEAN_RUN", "")


@pytest.fixture(scope="session")
def demo() -> t.Callable[..., None]:
    """Return a function that runs ``python -m demo`` for the fleet and fails with its words."""

    def run(verb: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "demo", verb, "--fleet", FLEET, *arguments]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"

    return run


@pytest.fixture(scope="session")
def running(demo: t.Callable[..., None]) -> t.Iterator[fleet.Fleet]:
    """Return the fleet, without faults; whatever a test leaves planted is taken back."""
    engine.require()
    with lease.held(FLEET, "tests/fleet"):
        demo("status")
        demo("plant", "none")
        yield fleet.select(fleet.load(), FLEET, [], PROJECT / ".demo")
        demo("plant", "none")


@pytest.fixture(scope="session")
def play(running: fleet.Fleet, tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Return a function that runs a cadence on the fleet, with a store of its own."""
    tool = str(Path(sys.executable).parent / "ansible-playbook")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "UPKEEP_"))
    }

    def run(cadence: str, *arguments: str, failing: t.Collection[str] = ()) -> Record:
        store = tmp_path_factory.mktemp(cadence)
        command = [tool, f"--inventory={running.inventory}", f"playbooks/{cadence}.yml", *arguments]
        env = {**clean, "UPKEEP_STORE": str(store)}
        done = subprocess.run(
            command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False
        )

        assert done.returncode in (0, 2), done.stdout[-4000:] + done.stderr[-4000:]

        [folder] = (store / "runs").glob("*-*-*")
        record = read(folder)

        failed = [task for task in record["failed_tasks"] if task["role"] != "verdict"]
        if failing:
            assert {task["task"] for task in failed} == set(failing), failed
            assert (done.returncode, record["outcome"]) == (2, "failed")
        else:
            assert failed == []
            assert record["outcome"] == {0: "ok", 2: "findings"}[done.returncode]

        return record

    return run


@pytest.fixture(scope="session")
def clean_run(play: Play) -> Record:
    """Return the record of a weekly run on the fleet as it was started."""
    return read(Path(CLEAN_RUN)) if CLEAN_RUN else play("weekly")
