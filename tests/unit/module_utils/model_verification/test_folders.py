# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lies in folders of models."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

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
