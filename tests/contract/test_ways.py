# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run promises whoever starts it.

That is ansible-playbook, ansible-runner (as AWX and Semaphore do) or Molecule.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from tests.contract.runs import HOSTS, PROJECT, Controller, Run, newest_folder

pytestmark = pytest.mark.slow

#: Seconds that a run keeps its locks while something else happens to it; it is ended before, its
#: `sleep` is not.
LONG_ENOUGH = 120


class Case(t.NamedTuple):
    """What a run is started with, and what must come of it."""

    extra: dict[str, t.Any]
    code: int
    outcome: str
    changed: set[str]
    options: tuple[str, ...] = ()


CASES = {
    "a critical finding": Case({"seen": {"a2": "critical"}}, 2, "findings", {"b1"}),
    "a failed task": Case({"broken_hosts": ["a1"]}, 2, "failed", {"b1"}),
    "an unreachable host": Case(
        {"reach": True, "unreachable_hosts": ["a2"]}, 4, "unreachable", {"b1"}
    ),
    "all unreachable": Case(
        {"reach": True, "unreachable_hosts": sorted(HOSTS)}, 4, "unreachable", set()
    ),
    "an empty group": Case({"contract_hosts": "nobody"}, 2, "findings", set()),
    "check, limit, tags": Case(
        {}, 0, "ok", {"b1"}, ("--check", "--limit", "beta", "--tags", "write")
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_changes_and_tells_what_it_should(anywhere: Controller, name: str) -> None:
    case = CASES[name]
    run = anywhere.play("maintain.yml", *case.options, **case.extra)

    assert (run.code, run.record["outcome"]) == (case.code, case.outcome), run.output
    assert {host for host, _ in run.changed} == case.changed, (
        "a system is held back on all its hosts, the other not"
    )
    assert run.record["check_mode"] == ("--check" in case.options)
    assert anywhere.written() == (set() if "--check" in case.options else case.changed)
    assert {task["host"] for task in run.record["failed_tasks"]} >= set(
        case.extra.get("broken_hosts", ())
    )


@pytest.mark.parametrize("mode", ["loop", "run_once"])
def test_repetition_that_would_lose_findings_is_refused(anywhere: Controller, mode: str) -> None:
    run = anywhere.play("record.yml", mode=mode)
    assert run.code == 2
    assert "remove" in run.output


def test_a_fact_cache_cannot_replay_an_older_run(anywhere: Controller) -> None:
    facts = anywhere.scratch / "facts"
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(facts)}
    first = anywhere.play("record.yml", env=cache, mode="replay")

    assert first.code == 2, first.output

    kept = [file.read_text() for file in facts.iterdir()]

    assert len(kept) == len(HOSTS) and all("unit:old" in text for text in kept), (
        "there is something to replay"
    )

    good = anywhere.play("maintain.yml", env=cache)

    assert good.code == 0, good.output
    assert "unit:old" not in {f["check"] for f in good.record["findings"]}


def test_of_two_runs_at_once_only_one_changes_and_a_third_goes_on_after_a_kill(
    anywhere: Controller,
) -> None:
    first = anywhere.start("maintain.yml", wait_seconds=LONG_ENOUGH)
    try:
        anywhere.wait_for_change()
        folder = newest_folder(anywhere.store)
        second = anywhere.play("maintain.yml", content="second")
    finally:
        first.kill()

    assert second.code == 2
    assert "Another run changes" in second.output
    assert (anywhere.scratch / "out" / "b1").read_text() == "written\n"
    assert outcome(folder) == "interrupted"

    third = anywhere.play("maintain.yml", content="third")

    assert third.code == 0, third.output
    assert set(third.findings("lock:system").values()) == {"info"}, (
        "the dead run's lock is taken over, and reported"
    )
    assert (anywhere.scratch / "out" / "b1").read_text() == "third\n"


def test_a_run_that_is_told_to_end_is_marked(anywhere: Controller) -> None:
    process = anywhere.start("maintain.yml", wait_seconds=LONG_ENOUGH)
    anywhere.wait_for_change()
    assert outcome(process.cancel().folder) == "interrupted"


def outcome(folder: Path) -> str:
    """Return the outcome of a run once its report is asked for.

    One that was killed has no record until then.
    """
    report = [
        sys.executable,
        "-m",
        "upkeep",
        "report",
        folder.name,
        "--store",
        str(folder.parents[1]),
    ]
    done = subprocess.run(report, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr

    return str(json.loads((folder / "record.json").read_text())["outcome"])


def test_a_lock_of_another_controller_needs_a_person(anywhere: Controller) -> None:
    held = leased(anywhere, seconds=600)
    assert held.code == 2
    assert anywhere.written() == {"a1", "a2"}
    stolen = anywhere.play("maintain.yml", "-e", "lock_steal=true")
    assert stolen.code == 0, stolen.output


def test_a_lock_of_another_controller_that_is_stale_is_taken_over(newest: Controller) -> None:
    assert leased(newest, seconds=-1).code == 0


def leased(controller: Controller, seconds: float) -> Run:
    """Return a run before which somebody else took the lock of beta, for some seconds from now."""
    locks = controller.scratch / "locks"
    locks.mkdir(exist_ok=True)
    now = time.time()
    whose = {"run_id": "x", "owner": "somebody", "controller": "elsewhere", "process": "1:1"}
    (locks / "beta.json").write_text(
        json.dumps({**whose, "taken_at": now, "expires_at": now + seconds})
    )

    return controller.play("maintain.yml")
