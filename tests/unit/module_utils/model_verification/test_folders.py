# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lies in folders of models."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_verification import folders

from tests.unit.library.module_calls import Call, by_check


@pytest.mark.requirement("R-student_success-75", "R-student_success-99")
def test_folders_are_listed_and_strangers_seen(
    call: Call, model: dict[str, t.Any], tmp_path: Path
) -> None:
    arguments = {
        "models": [model],
        "folders": [{"path": str(tmp_path), "requirements": ["R-student_success-75"]}],
    }
    check = f"models:{tmp_path}"
    found = by_check(call(**arguments))[check]

    assert (found["status"], found["observed"]) == ("ok", 1)
    assert "'risk.pkl' (7 bytes)" in found["message"]

    (tmp_path / "new\x1b.pkl").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(b"")
    found = by_check(call(**arguments))[check]

    assert (found["status"], found["observed"]) == ("info", 2)
    assert "'new\\x1b.pkl'" in found["message"]

    missing = {"path": str(tmp_path / "none")}
    empty = {"path": str(tmp_path), "patterns": ["*.onnx"]}
    statuses = [item["status"] for item in call(models=[], folders=[missing, empty])["findings"]]

    assert statuses == ["critical", "warning"]


@pytest.mark.parametrize("trouble", ["endless", "slow"])
def test_a_folder_that_cannot_be_listed_costs_that_folder_only(
    call: Call,
    model: dict[str, t.Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for number in range(4):
        (other / f"m{number}.pkl").write_bytes(b"")

    if trouble == "endless":
        monkeypatch.setattr(folders, "MOST_FILES", 3)
    else:
        real = os.scandir
        monkeypatch.setattr(folders, "SECONDS", 0.2)
        monkeypatch.setattr(
            folders.os, "scandir", lambda path: time.sleep(60) if path == other else real(path)
        )

    found = by_check(call(models=[model], folders=[{"path": str(other)}, {"path": str(tmp_path)}]))

    assert found[f"models:{other}"]["status"] == "unknown"
    assert found[f"models:{tmp_path}"]["status"] == "ok"
