# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All hosts of a system have one model, and the trusted record names it."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
import yaml

from tests.contract.runs import Controller

pytestmark = pytest.mark.slow

#: LightGBM text, which the check of the controller takes.
NEW: t.Final = "tree\nnew\nend of trees"
FAULTS: t.Final = ["is lost", *(["refuses"] if os.environ.get("UPKEEP_CONTRACT") == "full" else [])]


@pytest.fixture
def hosts(newest: Controller) -> dict[str, Path]:
    """Return the folder of each host with the model that serves there."""
    place = newest.scratch / "out"
    (place / "candidate").write_text(NEW)
    folders = {name: place / name for name in ("a1", "a2")}
    for folder in folders.values():
        folder.mkdir()
        (folder / "model").write_text("old")

    return folders


def served(hosts: dict[str, Path]) -> dict[str, str]:
    return {name: (folder / "model").read_text() for name, folder in hosts.items()}


def test_both_hosts_get_the_model_and_then_it_is_recorded(
    newest: Controller, hosts: dict[str, Path]
) -> None:
    run = newest.play("models.yml")

    assert run.code == 0, run.output
    assert served(hosts) == {"a1": NEW, "a2": NEW}
    manifest = yaml.safe_load((newest.scratch / "out" / "manifest.yml").read_text())
    assert list(manifest["models"]) == ["shop"]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_first_host_goes_back_when_the_second_one_fails(
    newest: Controller, hosts: dict[str, Path], fault: str
) -> None:
    lost = ["a2"] if fault == "is lost" else []
    if not lost:
        (hosts["a2"] / "refuses").touch()

    run = newest.play("models.yml", unreachable_hosts=lost)

    assert run.code == 2, run.output
    assert (hosts["a1"] / "old").exists(), "it had the new model"
    assert served(hosts) == {"a1": "old", "a2": "old"}
    messages = {failed["host"]: failed["message"] for failed in run.record["failed_tasks"]}
    assert messages["a1"] == "a1 serves the model before, since a2 could not be updated."
    assert ("refused here" if not lost else "Connection refused") in messages["a2"]
    assert not (newest.scratch / "out" / "manifest.yml").exists()
