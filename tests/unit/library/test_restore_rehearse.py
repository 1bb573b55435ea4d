# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module restore_rehearse, called as Ansible calls it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from library import backup, restore_rehearse
from tests.unit.library.module_calls import Call, by_check, caller


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Return a function that rehearses; two files were backed up."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "main.py").write_text("print('shop')\n")
    shop = {"system": "shop", "root": str(tmp_path / "sets"), "free_percent": 0}
    files = {"name": "files", "files": {"paths": [str(app)]}}
    caller(backup, capsys)(**shop, artefacts=[files])
    run = caller(restore_rehearse, capsys)
    state = str(tmp_path / "rehearsals.json")

    return lambda **options: run(**{**shop, "state_file": state, **options})


def test_a_set_is_rehearsed_once_a_period(call: Call) -> None:
    first, second = call(requirements=["R-trailblaze-12"]), call()

    assert first["changed"]
    assert by_check(first)["rehearsal:files"]["status"] == "ok"
    assert by_check(first)["rehearsal:age"]["requirements"] == ["R-trailblaze-12"]
    assert not second["changed"]
    assert set(by_check(second)) == {"rehearsal:age"}


def test_check_mode_only_reports(call: Call) -> None:
    answer = call(_ansible_check_mode=True)

    assert answer["due"]
    assert by_check(answer)["rehearsal:age"]["status"] == "info"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"due_days": 9}, "due_days is 9; at most promised_days (8)"),
        ({"run_as": "No Account"}, "run_as is 'No Account'; it must match"),
        ({"queries": [{"name": "x"}]}, "query found in queries"),
        ({"set": "20200101T000000Z"}, "there is no set 20200101T000000Z"),
    ],
)
def test_what_cannot_be_done_is_named(call: Call, options: dict[str, t.Any], message: str) -> None:
    answer = call(**options)

    assert answer["failed"]
    assert message in answer["msg"]
