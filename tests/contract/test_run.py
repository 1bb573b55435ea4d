# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run promises: findings kept, exit code right, changes held back.

What depends on the way: test_ways.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.runs import INVENTORY, PROJECT, Controller

pytestmark = pytest.mark.slow


@pytest.mark.requirement("R-racing-04", "R-racing-10", "R-student_success-02")
def test_a_good_run_changes_every_host_and_leaves_a_report(newest: Controller) -> None:
    run = newest.play("maintain.yml")

    assert run.code == 0, run.output
    assert newest.written() == {"a1", "a2", "b1"}
    assert run.record["outcome"] == "ok"
    assert run.findings("unit:app") == {"a1": "ok", "a2": "ok", "b1": "ok"}
    assert "<html" in (run.folder / "report.html").read_text()

    report = (run.folder / "report.txt").read_text()

    assert report.startswith("Upkeep report of 20") and report.endswith(
        f"End of the report on {run.folder.name}.\n"
    )
    assert run.output.rstrip().endswith(
        f"\n\n{report}Upkeep report: {run.folder / 'report.html'}"
    ), "shown at its end"
    assert not list((newest.scratch / "locks").glob("*.json")), "a lock was not given back"


def test_unknown_holds_a_change_back_but_is_not_a_failure_by_default(newest: Controller) -> None:
    run = newest.play("maintain.yml", seen={"b1": "unknown"})
    assert newest.written() == {"a1", "a2"}
    assert run.findings("gate:change") == {"a1": "ok", "a2": "ok", "b1": "critical"}
    assert run.code == 2


def test_a_host_that_failed_after_its_look_closes_the_gate(newest: Controller) -> None:
    newest.play("maintain.yml", late_broken_hosts=["a2"])
    assert newest.written() == {"b1"}


def test_a_host_is_touched_when_something_changed_or_failed_there(newest: Controller) -> None:
    def touched(**extra: object) -> set[str]:
        record = newest.play("maintain.yml", ask_touched=True, **extra).record
        return {f["observed"] for f in record["findings"] if f["check"] == "unit:touched"}

    assert touched(broken_hosts=["a1"]) == {"a1 b1"}
    assert touched() == {"a1 a2"}, "the file of b1 was there"
    assert touched() == {""}


def test_a_host_without_python_fails_by_name_and_closes_the_gate(newest: Controller) -> None:
    inventory = newest.scratch / "hosts.yml"
    lacking = json.dumps({"ansible_python_interpreter": "/nowhere/python3"})
    inventory.write_text(
        INVENTORY.read_text().replace("a2: {}}\n          vars", f"a2: {lacking}}}\n          vars")
    )
    run = newest.play("maintain.yml", "-i", str(inventory), reach=True)

    assert run.code == 2
    assert newest.written() == {"b1"}

    [failed] = run.record["failed_tasks"]

    assert failed["host"] == "a2"
    assert "'/nowhere/python3' was not found" in failed["message"]
    assert "install python3 on the host" in failed["message"]


def test_hosts_that_explain_their_silence_do_it_once(newest: Controller) -> None:
    run = newest.play("maintain.yml", reach=True, unreachable_hint="Start it first.")
    assert run.code == 2
    assert run.output.count("fatal:") == 1
    assert "Start it first." in run.output


def test_a_component_without_host_is_a_finding(newest: Controller) -> None:
    run = newest.play("maintain.yml", system_components=["app", "redis"])
    assert run.code == 2
    assert set(run.findings("component:redis").values()) == {"critical"}


def test_tags_keep_look_gate_and_verdict(newest: Controller) -> None:
    run = newest.play("maintain.yml", "--tags", "write", seen={"b1": "critical"})
    assert run.code == 2
    assert newest.written() == {"a1", "a2"}


def test_skipping_the_gate_changes_nothing(newest: Controller) -> None:
    run = newest.play("maintain.yml", "--skip-tags", "always")
    assert newest.written() == set()
    assert run.record["outcome"] == "incomplete"


def test_a_limited_run_is_judged_too(newest: Controller) -> None:
    hidden = ("-e", '{"verdict_report": {"shown": false}}')
    run = newest.play("maintain.yml", "--limit", "beta", *hidden, seen={"b1": "critical"})

    assert run.code == 2, run.output
    assert run.record["outcome"] == "findings"
    assert "End of the report" in (run.folder / "report.txt").read_text()
    assert "End of the report" not in run.output, "its systems want only its place"


def test_limit_to_part_of_a_system_holds_back_until_allowed(newest: Controller) -> None:
    held = newest.play("maintain.yml", "--limit", "a1")

    assert held.code == 2
    assert newest.written() == set()

    allowed = newest.play("maintain.yml", "--limit", "a1", gate_allow_unseen=True)

    assert allowed.code == 0, allowed.output
    assert newest.written() == {"a1"}


def test_check_mode_predicts_what_the_run_changes_and_writes_nothing(newest: Controller) -> None:
    predicted = newest.play("maintain.yml", "--check")

    assert newest.written() == set()
    assert not (newest.scratch / "locks").exists()

    done = newest.play("maintain.yml")
    again = newest.play("maintain.yml")

    assert predicted.changed == done.changed != set()
    assert again.changed == set()


@pytest.mark.parametrize(
    ("given", "named"),
    [  # one that does not fit by itself, and two that do not fit together
        ([{"check": "unit:a", "status": "green", "message": "x"}], "green"),
        ([{"check": "unit:a", "status": "ok", "message": "x"}] * 2, "unit:a"),
    ],
)
def test_a_finding_that_does_not_fit_is_refused_by_name(
    newest: Controller, given: list[object], named: str
) -> None:
    run = newest.play("record.yml", mode="given", given=given)
    assert run.code == 2
    assert named in run.output


def test_a_store_that_cannot_be_written_fails_the_run(newest: Controller) -> None:
    blocked = newest.scratch / "file"
    blocked.write_text("not a folder")
    run = newest.play("maintain.yml", env={"UPKEEP_STORE": str(blocked)})

    assert run.code == 2
    assert newest.written() == set()
    assert "upkeep_store" in run.output


def test_a_run_is_kept_in_a_database_and_can_be_read_without_its_folder(newest: Controller) -> None:
    """As from an execution environment that is thrown away after the run."""
    address = f"sqlite:///{newest.scratch}/runs.sqlite"
    run = newest.play("maintain.yml", env={"UPKEEP_STORE": address}, seen={"a2": "critical"})

    assert run.code == 2, run.output

    page = Path(run.output.rpartition("Upkeep report: ")[2].split()[0])

    assert page.parent.parent == PROJECT / "store" / "runs"

    shutil.rmtree(page.parent)
    upkeep = [str(newest.bin / "python"), "-m", "upkeep"]
    again = ["report", "latest", "--store", address, "--output", str(newest.scratch / "page")]

    for command, words in ((["list", "--store", address], "findings"), (again, "report.html")):
        done = subprocess.run(
            [*upkeep, *command], cwd=PROJECT, capture_output=True, text=True, check=True
        )
        assert words in done.stdout

    record = json.loads((newest.scratch / "page" / "record.json").read_text())

    assert (record["run_id"], record["outcome"]) == (page.parent.name, "findings")
    assert {f["host"] for f in record["findings"] if f["status"] == "critical"} >= {"a2"}


def test_a_database_that_cannot_keep_the_run_fails_it_before_anything_changes(
    newest: Controller,
) -> None:
    run = newest.play(
        "maintain.yml", env={"UPKEEP_STORE": "postgresql+psycopg2://upkeep:geheim@127.0.0.1:1/runs"}
    )

    assert run.code == 2
    assert newest.written() == set()
    assert "refused" in run.output
    assert "upkeep_store" in run.output
    assert "geheim" not in run.output
