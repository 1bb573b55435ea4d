# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run promises: findings kept, exit code right, changes held back, locks honoured."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.contract.runs import INVENTORY, PROJECT, SECONDS, Controller, Run

pytestmark = pytest.mark.slow

#: Seconds that a run keeps its locks while something else happens to it; it is ended before, its `sleep` is not.
LONG_ENOUGH = 120


@pytest.mark.requirement("R-racing-04", "R-racing-10", "R-student_success-02")
def test_a_good_run_changes_every_host_and_leaves_a_report(newest: Controller) -> None:
    run = newest.play("maintain.yml")
    assert run.code == 0, run.output
    assert newest.written() == {"a1", "a2", "b1"}
    assert run.record["outcome"] == "ok"
    assert run.findings("unit:app") == {"a1": "ok", "a2": "ok", "b1": "ok"}
    assert "<html" in (run.folder / "report.html").read_text()
    report = (run.folder / "report.txt").read_text()
    assert report.startswith("Upkeep report of 20") and report.endswith(f"End of the report on {run.folder.name}.\n")
    assert run.output.rstrip().endswith(f"\n\n{report}Upkeep report: {run.folder / 'report.html'}"), "shown at its end"
    assert not list((newest.scratch / "locks").glob("*.json")), "a lock was not given back"


def test_a_critical_finding_sets_the_exit_code_and_holds_its_whole_system_back(controller: Controller) -> None:
    run = controller.play("maintain.yml", seen={"a2": "critical"})
    assert run.code == 2, run.output
    assert run.record["outcome"] == "findings"
    assert run.record["failed_tasks"] == []
    assert controller.written() == {"b1"}, "alpha must be held back on both hosts, beta not"


def test_unknown_holds_a_change_back_but_is_not_a_failure_by_default(newest: Controller) -> None:
    run = newest.play("maintain.yml", seen={"b1": "unknown"})
    assert newest.written() == {"a1", "a2"}
    assert run.findings("gate:change") == {"a1": "ok", "a2": "ok", "b1": "critical"}
    assert run.code == 2


def test_a_failed_task_fails_the_run_and_closes_the_gate(controller: Controller) -> None:
    run = controller.play("maintain.yml", broken_hosts=["a1"])
    assert run.code == 2
    assert run.record["outcome"] == "failed"
    assert [task["host"] for task in run.record["failed_tasks"]] == ["a1"]
    assert controller.written() == {"b1"}


def test_a_host_that_failed_after_its_look_closes_the_gate(newest: Controller) -> None:
    newest.play("maintain.yml", late_broken_hosts=["a2"])
    assert newest.written() == {"b1"}


def test_an_unreachable_host_is_a_finding_and_closes_the_gate(controller: Controller) -> None:
    gone = json.dumps({"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1})
    inventory = controller.scratch / "hosts.yml"
    inventory.write_text(
        INVENTORY.read_text().replace("a1: {}, a2: {}}\n          vars", f"a1: {{}}, a2: {gone}}}\n          vars")
    )
    run = controller.play("maintain.yml", "-i", str(inventory), reach=True)
    assert run.code != 0
    assert run.record["outcome"] == "unreachable"
    assert controller.written() == {"b1"}


def test_a_host_without_python_fails_by_name_and_closes_the_gate(controller: Controller) -> None:
    inventory = controller.scratch / "hosts.yml"
    lacking = json.dumps({"ansible_python_interpreter": "/nowhere/python3"})
    inventory.write_text(INVENTORY.read_text().replace("a2: {}}\n          vars", f"a2: {lacking}}}\n          vars"))
    run = controller.play("maintain.yml", "-i", str(inventory), reach=True)
    assert run.code == 2
    assert controller.written() == {"b1"}
    [failed] = run.record["failed_tasks"]
    assert failed["host"] == "a2"
    assert "'/nowhere/python3' was not found" in failed["message"]
    assert "install python3 on the host" in failed["message"]


def test_hosts_that_explain_their_silence_do_it_once(controller: Controller) -> None:
    run = controller.play(
        "maintain.yml", reach=True, unreachable_hint="Start it first.", ansible_host="127.0.0.1", ansible_port=1
    )
    assert run.code == 2
    assert run.output.count("fatal:") == 1
    assert "Start it first." in run.output


def test_all_hosts_unreachable_still_leaves_a_record(controller: Controller) -> None:
    run = controller.play(
        "maintain.yml", reach=True, ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1
    )
    assert run.code == 4
    assert run.record["outcome"] == "unreachable"
    assert controller.written() == set()


def test_an_empty_group_is_a_finding(controller: Controller) -> None:
    run = controller.play("maintain.yml", contract_hosts="nobody")
    assert run.code == 2, run.output
    assert run.findings("host:seen") == {"a1": "critical", "a2": "critical", "b1": "critical"}


def test_a_component_without_host_is_a_finding(newest: Controller) -> None:
    run = newest.play("maintain.yml", system_components=["app", "redis"])
    assert run.code == 2
    assert set(run.findings("component:redis").values()) == {"critical"}


def test_tags_keep_look_gate_and_verdict(controller: Controller) -> None:
    run = controller.play("maintain.yml", "--tags", "write", seen={"b1": "critical"})
    assert run.code == 2
    assert controller.written() == {"a1", "a2"}


def test_skipping_the_gate_changes_nothing(controller: Controller) -> None:
    run = controller.play("maintain.yml", "--skip-tags", "always")
    assert controller.written() == set()
    assert run.record["outcome"] == "incomplete"


def test_a_limited_run_is_judged_too(newest: Controller) -> None:
    told = ("-e", '{"verdict_report": {"shown": false}}')
    run = newest.play("maintain.yml", "--limit", "beta", *told, seen={"b1": "critical"})
    assert run.code == 2, run.output
    assert run.record["outcome"] == "findings"
    assert "End of the report" in (run.folder / "report.txt").read_text()
    assert "End of the report" not in run.output, "its systems want only its place"


def test_limit_to_part_of_a_system_holds_back_until_allowed(controller: Controller) -> None:
    held = controller.play("maintain.yml", "--limit", "a1")
    assert held.code == 2
    assert controller.written() == set()
    allowed = controller.play("maintain.yml", "--limit", "a1", gate_allow_unseen=True)
    assert allowed.code == 0, allowed.output
    assert controller.written() == {"a1"}


def test_check_mode_predicts_what_the_run_changes_and_writes_nothing(controller: Controller) -> None:
    predicted = controller.play("maintain.yml", "--check")
    assert controller.written() == set()
    assert not (controller.scratch / "locks").exists()
    done = controller.play("maintain.yml")
    again = controller.play("maintain.yml")
    assert changed(predicted) == changed(done) != set()
    assert changed(again) == set()


def changed(run: Run) -> set[tuple[str, str]]:
    return {(c["host"], c["task"]) for c in run.record["changes"]}


@pytest.mark.parametrize("mode", ["loop", "run_once"])
def test_repetition_that_would_lose_findings_is_refused(controller: Controller, mode: str) -> None:
    run = controller.play("record.yml", mode=mode)
    assert run.code == 2
    assert "remove" in run.output


@pytest.mark.parametrize(
    ("given", "named"),
    [  # one that does not fit by itself, and two that do not fit together; unit tests have all other ways
        ([{"check": "unit:a", "status": "green", "message": "x"}], "green"),
        ([{"check": "unit:a", "status": "ok", "message": "x"}] * 2, "unit:a"),
    ],
)
def test_a_finding_that_does_not_fit_is_refused_by_name(newest: Controller, given: list[object], named: str) -> None:
    run = newest.play("record.yml", mode="given", given=given)
    assert run.code == 2
    assert named in run.output


def test_a_fact_cache_cannot_replay_an_older_run(controller: Controller) -> None:
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(controller.scratch / "facts")}
    first = controller.play("record.yml", env=cache, mode="replay")
    assert "no host was looked at" in first.output.lower() or first.code == 2
    good = controller.play("maintain.yml", env=cache)
    assert good.code == 0, good.output
    assert "unit:old" not in {f["check"] for f in good.record["findings"]}


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
        told = subprocess.run([*upkeep, *command], cwd=PROJECT, capture_output=True, text=True, check=True)
        assert words in told.stdout
    record = json.loads((newest.scratch / "page" / "record.json").read_text())
    assert (record["run_id"], record["outcome"]) == (page.parent.name, "findings")
    assert {f["host"] for f in record["findings"] if f["status"] == "critical"} >= {"a2"}


def test_a_database_that_cannot_keep_the_run_fails_it_before_anything_changes(newest: Controller) -> None:
    run = newest.play("maintain.yml", env={"UPKEEP_STORE": "postgresql+psycopg2://upkeep:geheim@127.0.0.1:1/runs"})
    assert run.code == 2
    assert newest.written() == set()
    assert "refused" in run.output
    assert "upkeep_store" in run.output
    assert "geheim" not in run.output


def test_two_runs_at_once_only_one_changes(controller: Controller) -> None:
    first = start(controller, wait_seconds=LONG_ENOUGH)
    try:
        wait_for_lock(controller)
        second = controller.play("maintain.yml", content="second")
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert second.code == 2
    assert "Another run changes" in second.output
    assert (controller.scratch / "out" / "b1").read_text() == "written\n"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_is_marked_and_the_next_one_goes_on(controller: Controller, how: signal.Signals) -> None:
    process = start(controller, wait_seconds=LONG_ENOUGH)
    wait_for_lock(controller)
    process.send_signal(how)
    process.wait(timeout=SECONDS)
    interrupted = Run(process.returncode, "", controller.scratch / "store")
    shown = subprocess.run(
        [
            controller.bin / "python",
            "-m",
            "upkeep",
            "report",
            interrupted.folder.name,
            "--store",
            str(interrupted.store),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert interrupted.record["outcome"] == "interrupted"
    after = controller.play("maintain.yml", content="after")
    assert after.code == 0, after.output
    assert set(after.findings("lock:system").values()) == {"info"}, "the dead run's lock is taken over, and said so"


def test_a_stale_lock_of_another_controller_needs_expiry_or_a_person(newest: Controller) -> None:
    locks = newest.scratch / "locks"
    locks.mkdir()
    now = time.time()
    lease = {
        "run_id": "x",
        "owner": "somebody",
        "controller": "elsewhere",
        "process": "1:1",
        "taken_at": now,
        "expires_at": now + 600,
    }
    (locks / "beta.json").write_text(json.dumps(lease))
    held = newest.play("maintain.yml")
    assert held.code == 2
    assert newest.written() == {"a1", "a2"}
    stolen = newest.play("maintain.yml", "-e", "lock_steal=true")
    assert stolen.code == 0, stolen.output
    (locks / "beta.json").write_text(json.dumps({**lease, "expires_at": now - 1}))
    assert newest.play("maintain.yml").code == 0


#: Under ansible-runner: what is asked, then exit code, outcome, and which hosts were changed.
RUNNER_CASES = {
    "critical": ({"seen": {"a1": "critical"}}, "", 2, "findings", {"b1"}),
    "failed task": ({"broken_hosts": ["a1"]}, "", 2, "failed", {"b1"}),
    "all unreachable": ({"reach": True, "ansible_connection": "ssh", "ansible_port": 1}, "", 4, "unreachable", set()),
    "empty group": ({"contract_hosts": "nobody"}, "", 2, "findings", set()),
    "check, limit and tags": ({}, "--check --limit beta --tags write", 0, "ok", set()),
}


@pytest.mark.parametrize("case", RUNNER_CASES)
def test_the_same_under_ansible_runner(controller: Controller, case: str) -> None:
    extra, options, code, outcome, written = RUNNER_CASES[case]
    run = controller.play_under_runner("maintain.yml", options, **extra)
    assert (run.code, run.record["outcome"]) == (code, outcome), run.output
    assert controller.written() == written
    assert run.record["check_mode"] == ("--check" in options)
    assert {change["host"] for change in run.record["changes"]} == ({"b1"} if "--limit beta" in options else written)


@pytest.mark.parametrize("mode", ["loop", "run_once"])
def test_repetition_is_refused_under_ansible_runner_too(controller: Controller, mode: str) -> None:
    run = controller.play_under_runner("record.yml", mode=mode)
    assert run.code == 2
    assert "remove" in run.output


def test_a_job_that_is_cancelled_under_ansible_runner_is_marked_and_the_next_one_goes_on(newest: Controller) -> None:
    process = subprocess.Popen(
        newest.runner_command("maintain.yml", wait_seconds=30),
        cwd=newest.scratch,
        env=newest.runner_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_for_lock(newest)
    (newest.scratch / "private" / "cancel").touch()
    output, _ = process.communicate(timeout=60)
    assert output.startswith("canceled")
    cancelled = Run(process.returncode, output, newest.scratch / "store")
    events = (cancelled.folder / "events.jsonl").read_text()
    assert "run_started" in events and "run_finished" not in events
    after = newest.play_under_runner("maintain.yml", content="after")
    assert (after.code, after.record["outcome"]) == (0, "ok"), after.output
    assert set(after.findings("lock:system").values()) == {"info"}, "the dead run's lock is taken over, and said so"
    assert (newest.scratch / "out" / "b1").read_text() == "after\n"


def start(controller: Controller, **extra: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        controller.command("maintain.yml", **extra),
        cwd=PROJECT,
        env=controller.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_lock(controller: Controller) -> None:
    """Wait until the run has changed its files, which it does while it holds its locks."""
    deadline = time.monotonic() + SECONDS
    while controller.written() != {"a1", "a2", "b1"}:
        assert time.monotonic() < deadline, "the run did not get to its change"
        time.sleep(0.1)
