# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs on a live host: good, rotated, broken and hostile ones, and watching one being written."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml

STATE = "/var/lib/upkeep/log_review.json"


@pytest.fixture
def seen(findings: list[dict[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    return {item["check"].removeprefix("log:"): item for item in findings}


@pytest.mark.requirement(
    "R-racing-07", "R-racing-12", "R-racing-60", "R-fairedge-29", "R-hyperopt-102"
)
def test_each_log_gets_its_finding(seen: dict[str, dict[str, t.Any]]) -> None:
    assert {check: item["status"] for check, item in seen.items()} == {
        "app": "ok",
        "app.errors": "warning",
        "app.errors-of-an-hour": "ok",
        "app.everything": "info",
        "app.secrets": "warning",
        "app.new": "ok",
        "api": "ok",
        "api.format": "warning",
        "api.failing": "warning",
        "api.latency": "warning",
        "api.endpoints": "info",
        "future": "warning",
        "future.lines": "info",
        "silent": "warning",
        "silent.lines": "ok",
        "hostile": "ok",
        "hostile.lines": "info",
        "fifo": "unknown",
        "loop": "unknown",
        "shadow": "unknown",
        "missing": "unknown",
        "writer": "ok",
        "writer.errors": "warning",
        "writer.says": "ok",
        "sign-ins": "ok",
        "sign-ins.failed": "warning",
        "nobody": "unknown",
        "container": "ok",
        "container.errors": "warning",
        "gone": "unknown",
    }


@pytest.mark.requirement("R-racing-07")
def test_counts_are_those_of_the_window_over_all_rotated_files(
    seen: dict[str, dict[str, t.Any]],
) -> None:
    counts = {
        check: item["observed"]
        for check, item in seen.items()
        if check.startswith(("app.", "writer.errors"))
    }

    assert counts == {
        "app.errors": 3,
        "app.errors-of-an-hour": 1,
        "app.everything": 5,
        "app.secrets": 1,
        "app.new": 0,
        "writer.errors": 1,
    }
    assert seen["sign-ins.failed"]["observed"] == 3
    assert seen["container.errors"]["observed"] == 1
    assert seen["api.latency"]["observed"] == pytest.approx(900, rel=0.01)


def test_nothing_secret_or_obeyed_by_a_terminal_is_shown(findings: list[dict[str, t.Any]]) -> None:
    text = json.dumps(findings, ensure_ascii=False)
    assert "hunter2" not in text
    assert "root:" not in text
    assert "\x1b" not in text


def test_one_call_and_no_change(records: t.Any) -> None:
    for record in records("converge"):
        [role] = [role for role in record["roles"] if role["role"] == "log_review"]
        assert list(role["remote_tasks_by_host"].values()) == [1]
        assert record["changes"] == []


def test_only_the_state_is_kept(host: t.Any) -> None:
    state = json.loads(host.file(STATE).content_string)
    assert list(state["until"]) == ["log:app.new"]
    assert host.file(STATE).mode == 0o600
    assert host.check_output("ls -A /var/lib/upkeep | grep -c log_review") == "1"


@pytest.mark.requirement("R-racing-39", "R-student_success-106")
def test_watching_sees_what_is_written_meanwhile(
    play: t.Any, record: t.Any, tmp_path: Path
) -> None:
    inventory = tmp_path / "watched.yml"
    inventory.write_text("systems: {hosts: {fairedge-1: {}}}\n")
    watched = yaml.safe_load(
        "[{name: live, paths: [/var/log/planted/live.log], reviews: [{name: lines, show: 20}]}]"
    )
    variables = {
        "log_review_sources": watched,
        "log_review_follow_seconds": 30,
        "log_review_follow_events": 2,
    }
    done = play(
        "follow_logs",
        f"--inventory={inventory}",
        "--limit=fairedge-1",
        "--extra-vars",
        json.dumps(variables),
    )

    assert done.returncode == 0, done.stdout
    assert "for <mail>" in done.stdout

    [lines] = [
        item for item in record("follow-logs")["findings"] if item["check"] == "log:live.lines"
    ]

    assert 2 <= lines["observed"] <= 10
