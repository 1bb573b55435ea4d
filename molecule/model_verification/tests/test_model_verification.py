# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Models on a live host: good, swapped and missing ones, and records made on the controller."""

from __future__ import annotations

import json
import subprocess
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
        "model:good.drift": "warning",
        "model:swapped": "critical",
        "model:swapped.drift": "unknown",
        "model:missing": "critical",
        "model:new": "unknown",
        "model:fifo": "critical",
        "models:/opt/fairedge/models": "ok",
    }


@pytest.mark.requirement("R-racing-67")
def test_only_the_approved_model_was_loaded_and_by_its_user(
    findings: list[dict[str, t.Any]], host: t.Any
) -> None:
    drift = next(item for item in findings if item["check"] == "model:good.drift")
    assert drift["observed"] == pytest.approx(0.5873, abs=0.001)
    assert host.file("/opt/fairedge/models/loaded-good").content_string == "fairedge"
    assert not host.file("/opt/fairedge/models/loaded-swapped").exists


def test_one_call_and_no_change(records: t.Any, host: t.Any) -> None:
    for record in records("converge"):
        [role] = [role for role in record["roles"] if role["role"] == "model_verification"]
        assert list(role["remote_tasks_by_host"].values()) == [1]
        assert record["changes"] == []


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return a manifest on the controller that does not exist yet."""
    return tmp_path / "manifest.yml"


@pytest.fixture
def run(play: t.Any, manifest: Path, tmp_path: Path) -> t.Callable[..., str]:
    """Return a function that runs a playbook on the unrecorded model and returns its output."""
    inventory = tmp_path / "models.yml"
    inventory.write_text("models: {hosts: {fairedge-1: {}}}\n")
    variables = {
        "model_verification_models": MODELS,
        "model_verification_manifest_file": str(manifest),
        "model_verification_approved_by": "A. Reviewer",
        "model_verification_seen_file": str(tmp_path / "seen.json"),
    }

    def start(stem: str, *args: str, fails: bool = False, **more: str) -> str:
        given = json.dumps({**variables, **more})
        done = play(stem, f"--inventory={inventory}", "--extra-vars", given, "--diff", *args)
        assert (done.returncode != 0) is fails, done.stdout
        return str(done.stdout)

    return start


@pytest.mark.requirement("R-racing-30")
def test_records_are_made_once_on_the_controller(
    host: t.Any, run: t.Callable[..., str], records: t.Any, manifest: Path
) -> None:
    before = host.check_output(LISTING)
    foretold = run("record_models", "--check")

    assert not manifest.exists()

    made = run("record_models")
    written = manifest.read_text()
    entry = yaml.safe_load(written)["models"]["new"]

    assert yaml.safe_load(written)["serial"] == 1
    assert entry["bytes"] == 9
    assert entry["approved_by"] == "A. Reviewer"
    assert len(entry["sha256"]) == 64
    assert entry["sha256"] in foretold, "the diff shows what would be written"
    assert entry["sha256"] in made

    run("record_models")

    assert manifest.read_text() == written

    changes = [
        [change["task"] for change in made["changes"]] for made in records("record-models")[:3]
    ]

    assert [len(tasks) for tasks in changes] == [1, 1, 0]
    assert host.check_output(LISTING) == before


def test_a_manifest_that_is_damaged_or_not_signed_makes_nothing_ok(
    run: t.Callable[..., str], record: t.Any, manifest: Path, tmp_path: Path
) -> None:
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers.write_text(f"approver {key.with_suffix('.pub').read_text()}")
    signed = {
        "model_verification_signers_file": str(signers),
        "model_verification_signer": "approver",
    }

    def verified(**more: str) -> tuple[str, str]:
        run("verify_models", **more)
        [finding] = (
            item
            for item in record("verify-models")["findings"]
            if item["area"] == "model_verification"
        )
        return finding["status"], finding["message"]

    run("record_models")
    status, message = verified(**signed)

    assert status == "unknown"
    assert "only a signed manifest counts" in message

    sign = ["ssh-keygen", "-q", "-Y", "sign", "-n", "upkeep-models", "-f", str(key), str(manifest)]
    subprocess.run(sign, check=True, capture_output=True)

    assert verified(**signed)[0] == "ok"

    manifest.write_text("new: {md5: [")
    status, message = verified()

    assert status == "unknown"
    assert "is damaged" in message
    assert "nothing is recorded" in run("record_models", fails=True), (
        "nor does a new record hide what is broken"
    )
    assert manifest.read_text() == "new: {md5: ["
