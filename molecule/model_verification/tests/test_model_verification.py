# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Models on a live host: what is said of good, swapped and missing ones, and making records on the controller."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml

MODELS = [{"name": "new", "path": "/opt/fairedge/models/new.pkl"}]
LISTING = "find /opt/fairedge/models -printf '%p %T@ %C@ %m %U\\n' | sort"


@pytest.mark.requirement("R-racing-15", "R-racing-29", "R-racing-30", "R-student_success-34")
def test_each_model_gets_its_finding(findings: list[dict[str, t.Any]]) -> None:
    assert {item["check"]: item["status"] for item in findings} == {
        "model:good": "ok",
        "model:good.metadata": "ok",
        "model:good.limits": "warning",
        "model:swapped": "critical",
        "model:missing": "critical",
        "model:new": "unknown",
        "model:fifo": "critical",
        "models:/opt/fairedge/models": "ok",
    }


def test_one_call_and_no_change(records: t.Any, host: t.Any) -> None:
    for record in records("converge"):
        [role] = [role for role in record["roles"] if role["role"] == "model_verification"]
        assert list(role["remote_tasks_by_host"].values()) == [1]
        assert record["changes"] == []


@pytest.mark.requirement("R-racing-30")
def test_records_are_made_once_on_the_controller(host: t.Any, play: t.Any, records: t.Any, tmp_path: Path) -> None:
    inventory, manifest = tmp_path / "models.yml", tmp_path / "manifest.yml"
    inventory.write_text("models: {hosts: {fairedge-1: {}}}\n")
    variables = {
        "model_verification_models": MODELS,
        "model_verification_manifest_file": str(manifest),
        "model_verification_approved_by": "A. Reviewer",
    }
    before = host.check_output(LISTING)

    def record(*args: str) -> str:
        done = play("record_models", f"--inventory={inventory}", "--extra-vars", json.dumps(variables), "--diff", *args)
        assert done.returncode == 0, done.stdout
        return str(done.stdout)

    foretold = record("--check")
    assert not manifest.exists()
    made = record()
    written = manifest.read_text()
    entry = yaml.safe_load(written)["new"]
    assert (entry["bytes"], entry["approved_by"], len(entry["sha256"])) == (9, "A. Reviewer", 64)
    assert entry["sha256"] in foretold, "the diff shows what would be written"
    assert entry["sha256"] in made
    record()
    assert manifest.read_text() == written
    changes = [[change["task"] for change in made["changes"]] for made in records("record-models")]
    assert [len(tasks) for tasks in changes] == [1, 1, 0]
    assert host.check_output(LISTING) == before
