# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every planted fault is reported by its finding, a clean fleet by none, and what a weekly run mends is mended.

Needs a running fleet (``python -m demo up``); ``UPKEEP_FLEET`` names another one than the default. Six weekly runs
serve all tests: one on the clean fleet, one per round of faults (the first once more with ``--check``), one after all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from demo import defects, engine, fleet

Record = dict[str, t.Any]
Key = tuple[str, str, str]

PROJECT = Path(__file__).resolve().parents[2]
FLEET = os.environ.get("UPKEEP_FLEET", fleet.DEFAULT)
HOSTS = fleet.load().hosts
CATALOGUE = defects.load(HOSTS)
#: The round in which maintenance goes ahead, so that faults are mended.
MENDING = "neglected"
QUIET = ("ok", "info")


@pytest.fixture(scope="module")
def running() -> t.Iterator[fleet.Fleet]:
    """Return the fleet, without faults; whatever a test leaves planted is taken back."""
    engine.require()
    started = fleet.select(fleet.load(), FLEET, [], PROJECT / ".demo")
    demo("status")
    demo("plant", "none")
    yield started
    demo("plant", "none")


def demo(*arguments: str) -> None:
    """Run ``python -m demo`` for the fleet; fails with its words."""
    command = [sys.executable, "-m", "demo", arguments[0], "--fleet", FLEET, *arguments[1:]]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def records(running: fleet.Fleet, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """Return the records of all runs: before, each round by its name, neglected-check, after."""
    made = {"before": weekly(running, tmp_path_factory.mktemp("before"))}
    for name in CATALOGUE.rounds:
        demo("plant", name)
        if name == MENDING:
            made[f"{name}-check"] = weekly(running, tmp_path_factory.mktemp("check"), "--check")
        made[name] = weekly(running, tmp_path_factory.mktemp(name))
        demo("plant", "none")
    return {**made, "after": weekly(running, tmp_path_factory.mktemp("after"))}


def weekly(running: fleet.Fleet, store: Path, *arguments: str) -> Record:
    """Run the shipped weekly playbook with a store of its own and return its record."""
    tool = str(Path(sys.executable).parent / "ansible-playbook")
    command = [tool, f"--inventory={running.inventory}", "playbooks/weekly.yml", *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "UPKEEP_"))}
    done = subprocess.run(
        command, cwd=PROJECT, env={**clean, "UPKEEP_STORE": str(store)}, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 2), done.stdout[-4000:] + done.stderr[-4000:]
    [path] = (store / "runs").glob("*-weekly-*/record.json")
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    assert [task for task in record["failed_tasks"] if task["role"] != "verdict"] == []
    return record


def key(finding: Record) -> Key:
    return finding["host"], finding["area"], finding["check"]


def alarms(record: Record) -> dict[Key, str]:
    """Return what is not quiet. How fast answers are says more about the machine that runs these tests."""
    return {
        key(finding): f"{finding['status']}: {finding['message']}"
        for finding in record["findings"]
        if finding["status"] not in QUIET and not finding["check"].endswith(".latency")
    }


def reported(record: Record, defect: defects.Defect) -> list[str]:
    """Return the statuses that the fault's finding had in this run."""
    wanted = (defect.finding.host, defect.finding.area, defect.finding.check)
    return [finding["status"] for finding in record["findings"] if key(finding) == wanted]


def test_a_clean_fleet_gives_no_false_alarm(records: dict[str, Record]) -> None:
    assert alarms(records["before"]) == {}


@pytest.mark.parametrize("defect", CATALOGUE.defects.values(), ids=list(CATALOGUE.defects))
def test_a_planted_fault_is_reported_by_its_finding(records: dict[str, Record], defect: defects.Defect) -> None:
    seen_in = records[f"{MENDING}-check" if defect.round == MENDING else defect.round]
    assert defect.finding.status in reported(seen_in, defect), alarms(seen_in)


@pytest.mark.parametrize(
    "defect", [pytest.param(d, id=name) for name, d in CATALOGUE.defects.items() if d.round == MENDING]
)
def test_a_weekly_run_mends_what_it_is_said_to_mend(records: dict[str, Record], defect: defects.Defect) -> None:
    last = reported(records[MENDING], defect)[-1]
    assert (last in QUIET) if defect.mended else (last == defect.finding.status), alarms(records[MENDING])


@pytest.mark.parametrize("defect", [pytest.param(d, id=name) for name, d in CATALOGUE.pending.items()])
def test_a_fault_to_come_waits_for_its_job(defect: defects.Defect) -> None:
    pytest.skip(f"no job reports {defect.finding.area} so far, so {defect.name} is not planted")


def test_neglect_is_reported_and_nothing_else(records: dict[str, Record]) -> None:
    planted = {
        (d.finding.host, d.finding.area, d.finding.check) for d in CATALOGUE.defects.values() if d.round == MENDING
    }
    found = alarms(records[f"{MENDING}-check"])
    assert {check: text for check, text in found.items() if check not in planted} == {}


@pytest.mark.parametrize("name", [name for name in CATALOGUE.rounds if name != MENDING])
def test_a_system_that_is_ill_is_not_changed(records: dict[str, Record], name: str) -> None:
    assert records[name]["changes"] == []
    held = {f["system"] for f in records[name]["findings"] if f["check"] == "gate:change" and f["status"] == "critical"}
    assert held == {d.system for d in CATALOGUE.defects.values() if d.round == name}


def test_nothing_is_left_after_taking_back(records: dict[str, Record]) -> None:
    assert alarms(records["after"]) == {}


def test_every_round_and_every_area_of_the_weekly_run_has_faults() -> None:
    assert {d.round for d in CATALOGUE.defects.values()} == set(CATALOGUE.rounds)
    areas = {d.finding.area for d in CATALOGUE.defects.values()}
    assert areas == {
        "preflight",
        "health_check",
        "model_verification",
        "log_review",
        "log_rotation",
        "db_maintenance",
        "data_quality",
        "app_tests",
    }
