# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The action that writes a manifest: predicted, written, the same again, and refused as a whole."""

from __future__ import annotations

import types
import typing as t
from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail

from tests.unit.upkeep.actions.test_base import action
from upkeep import PROJECT
from upkeep.actions.model_manifest import load

WHO: t.Final = "A. Reviewer"
RECORD: t.Final = {"sha256": "0" * 64, "approved_by": WHO}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records" / "shop.yml"


def write(path: Path, answer: t.Any, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
    """Return the result of the action for one host that was asked about one model."""
    plugin = action(PROJECT / "action_plugins" / "model_manifest_write.py")
    made = plugin.__new__(plugin)
    made._task = types.SimpleNamespace(check_mode=check_mode)
    args = {
        "path": str(path),
        "system": "shop",
        "manifest": {},
        "answers": {"shop-1": answer},
        "models": {"shop-1": ["risk"]},
        "replace": [],
        "approved_by": WHO,
        **more,
    }
    result: dict[str, t.Any] = made.act(args, {})

    return result


def test_what_is_predicted_is_written_once(path: Path) -> None:
    predicted = write(path, {"risk": RECORD}, check_mode=True)

    assert predicted["changed"]
    assert not path.exists()

    written = write(path, {"risk": RECORD})

    assert written == predicted
    assert path.read_text() == written["diff"]["after"]
    assert load(path, "shop").models == {"risk": RECORD}

    again = write(path, {"risk": RECORD}, replace=["risk"])

    assert not again["changed"]
    assert again["serial"] == 1


def test_each_change_raises_the_serial(path: Path) -> None:
    write(path, {"risk": RECORD})

    changed = write(path, {"risk": {**RECORD, "sha256": "1" * 64}}, replace=["risk"])

    assert changed["serial"] == 2
    assert load(path, "shop").serial == 2


def test_an_answer_that_was_not_asked_for_writes_nothing(path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match="was not asked for"):
        write(path, {"risk": RECORD, "other": RECORD})

    assert not path.exists()


def test_a_damaged_manifest_is_not_written_over(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("risk: {sha256: [")

    with pytest.raises(AnsibleActionFail, match="is damaged"):
        write(path, {"risk": RECORD})

    assert path.read_text() == "risk: {sha256: ["


def test_records_of_the_inventory_are_kept_in_the_file(path: Path) -> None:
    write(path, {"risk": RECORD}, manifest={"other": {**RECORD, "sha256": "2" * 64}})

    assert set(load(path, "shop").models) == {"risk", "other"}
