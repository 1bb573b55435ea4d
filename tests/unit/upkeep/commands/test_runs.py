# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verbs `runs` and `findings`: the same for people and for programs."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.unit.upkeep import run_log as log
from upkeep.__main__ import main
from upkeep.store import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with a weekly run and a killed one of the day after."""
    root = tmp_path / "store"
    DirectoryStore(root).save(log.write(root / "runs" / log.RUN_ID, log.weekly()))
    killed = [
        log.run_started(run_id="killed", playbook="playbooks/daily.yml", check=True),
        log.seen("unit:api", "warning", "The unit\nhas failed.", system="racing", host="racing-1"),
        log.seen("unit:db", "critical", "The unit is gone.", host="db", area="self_heal"),
        log.seen("unit:web", host="web"),
    ]
    log.write(
        root / "runs/killed", [event | {"time": "2026-03-02T04:00:00.000Z"} for event in killed]
    )

    return root


def printed(capsys: pytest.CaptureFixture[str], store: Path, *arguments: str) -> t.Any:
    assert main([*arguments, "--store", str(store), "--json"]) == 0

    return json.loads(capsys.readouterr().out)


def test_runs_are_listed_newest_first(store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["runs", "--store", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines] == ["killed", log.RUN_ID]
    assert lines[0].endswith("playbooks/daily.yml  (check mode)")


def test_runs_as_json_have_what_a_program_needs(store: Path, capsys: pytest.CaptureFixture[str]):
    newest, oldest = printed(capsys, store, "runs")

    assert oldest["run_id"] == log.RUN_ID
    assert oldest["outcome"] == "ok"
    assert oldest["systems"] == ["fairedge", "hyperopt"]
    assert newest["check_mode"] is True
    assert newest["findings"] == {"warning": 1, "critical": 1, "ok": 1}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["--system", "racing"], ["killed"]),
        (["--playbook", "weekly"], [log.RUN_ID]),
        (["--playbook", "playbooks/weekly.yml"], [log.RUN_ID]),
        (["--outcome", "interrupted"], ["killed"]),
        (["--system", "racing", "--playbook", "weekly"], []),
        (["--limit", "1"], ["killed"]),
    ],
)
def test_runs_can_be_chosen(
    store: Path, capsys: pytest.CaptureFixture[str], asked: list[str], found: list[str]
):
    assert [run["run_id"] for run in printed(capsys, store, "runs", *asked)] == found


def test_an_empty_store_has_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert printed(capsys, tmp_path, "runs") == []


def test_findings_of_the_latest_run_come_worst_first_on_a_line_each(
    store: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["findings", "--store", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[0] for line in lines] == ["critical", "warning"]
    assert lines[1].endswith("racing-1  health_check  unit:api  The unit has failed.")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["--status", "critical"], ["unit:db"]),
        (["--status", "ok", "--status", "warning"], ["unit:api", "unit:web"]),
        (["--system", "racing"], ["unit:api"]),
        (["--host", "db"], ["unit:db"]),
        (["--area", "self_heal"], ["unit:db"]),
        (["--host", "nobody"], []),
    ],
)
def test_findings_can_be_chosen(
    store: Path, capsys: pytest.CaptureFixture[str], asked: list[str], found: list[str]
):
    listed = printed(capsys, store, "findings", *asked)

    assert [finding["check"] for finding in listed] == found
    assert all(finding["run_id"] == "killed" for finding in listed)


def test_acknowledged_findings_are_listed_on_request(
    store: Path, capsys: pytest.CaptureFixture[str]
):
    usual = printed(capsys, store, "findings", log.RUN_ID)
    everything = printed(capsys, store, "findings", log.RUN_ID, "--acknowledged")

    assert len(everything) > len(usual)
    assert any(finding["acknowledged"] for finding in everything)


def test_an_unknown_run_is_one_line_and_code_2(store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["findings", "nothing", "--store", str(store)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("verb", ["list", "runs", "backups"])
def test_an_empty_list_is_noted_beside_it(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main([verb, "--store", str(tmp_path)]) == 0
    printed = capsys.readouterr()

    assert printed.out == ""
    assert printed.err.startswith("upkeep: no ")
