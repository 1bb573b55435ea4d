# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that is root of its own answer cannot have a model approved that nobody asked about."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.contract.runs import PROJECT, Controller, Run

WHO: t.Final = "A. Reviewer"
GOOD: t.Final = {"sha256": "0" * 64, "approved_by": WHO}
#: A module in the place of ours, as a host can have it answer.
MODULE: t.Final = """#!/usr/bin/python3
import json
found = [{"check": "model:risk", "status": "info", "message": "A record was made."}]
print(json.dumps({"changed": False, "findings": found, "models": [], "record": RECORD}))
"""
TEMPLATE: t.Final = {"vars": {"ansible_pipelining": "{{ lookup('pipe', 'touch /tmp/owned') }}"}}


def record(newest: Controller, answer: t.Any, manifest: Path) -> Run:
    """Play the recording of one model on hosts that answer this."""
    library = newest.scratch / "library"
    library.mkdir()
    (library / "model_verify.py").write_text(MODULE.replace("RECORD", repr(answer)))

    return newest.play(
        "records.yml",
        "--limit=alpha",
        env={"ANSIBLE_LIBRARY": f"{library}:{PROJECT / 'library'}"},
        model_verification_models=[{"name": "risk", "path": "/nonexistent/risk.pkl"}],
        model_verification_approved_by=WHO,
        model_verification_manifest_file=str(manifest),
    )


def test_an_answer_that_was_asked_for_is_written(newest: Controller) -> None:
    manifest = newest.scratch / "alpha.yml"

    run = record(newest, {"risk": GOOD}, manifest)

    assert run.code == 0, run.output
    assert "risk" in manifest.read_text()


@pytest.mark.parametrize(
    "answer",
    [
        {"risk": GOOD, "approved_model": GOOD},
        {"risk": {**GOOD, "all": TEMPLATE}},
        {"risk": {**GOOD, "approved_by": TEMPLATE["vars"]["ansible_pipelining"]}},
        {"all": TEMPLATE},
        [json.dumps(TEMPLATE)],
    ],
    ids=["another model", "an inventory", "a template", "a name", "no mapping"],
)
def test_any_other_answer_fails_the_run_and_writes_nothing(
    newest: Controller, answer: t.Any
) -> None:
    manifest = newest.scratch / "alpha.yml"

    run = record(newest, answer, manifest)

    [failed] = run.record["failed_tasks"]

    assert run.code == 2
    assert failed["task"].endswith("Add the records to the manifest")
    assert "host 'a1'" in failed["message"]
    assert not manifest.exists()
    assert not Path("/tmp/owned").exists()  # noqa: S108 - what the template would make
