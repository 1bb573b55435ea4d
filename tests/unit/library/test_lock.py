# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module lock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from action_plugins.lock import _dead_holder, _lasts
from library import lock

WHO = {"run_id": "r1", "owner": "o", "controller": "c", "process": "1:1"}


def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, **args: Any) -> dict[str, Any]:
    given = {"system": "alpha", "directory": str(tmp_path / "locks"), **WHO, **args}
    with patch_module_args(given), pytest.raises(SystemExit):
        lock.main()
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_take_and_give_back_never_report_a_change(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    taken = call(capsys, tmp_path)
    held = call(capsys, tmp_path, run_id="r2")
    renewed = call(capsys, tmp_path, state="renewed")
    lost = call(capsys, tmp_path, state="renewed", run_id="r2")
    released = call(capsys, tmp_path, state="released")

    answers = [taken, held, renewed, lost, released]
    assert [answer["lock_state"] for answer in answers] == [
        "taken",
        "held",
        "renewed",
        "lost",
        "released",
    ]
    assert not any(answer["changed"] for answer in answers)
    assert held["holder"]["run_id"] == "r1"
    assert held["findings"][0]["status"] == "critical"
    assert lost["findings"][0]["status"] == "critical"


def test_an_optional_run_that_meets_a_held_lock_notes_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    call(capsys, tmp_path)
    held = call(capsys, tmp_path, run_id="r2", optional=True)

    assert held["lock_state"] == "held"
    assert held["findings"][0]["status"] == "info"
    assert "failed" not in held


def test_check_mode_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call(capsys, tmp_path, _ansible_check_mode=True)["lock_state"] == "free"
    assert not (tmp_path / "locks").exists()


def test_a_lease_outlives_the_stage_that_it_is_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    call(capsys, tmp_path)
    call(capsys, tmp_path, state="renewed", stage_seconds=14400)

    lease = json.loads((tmp_path / "locks" / "alpha.json").read_text())

    assert lease["expires_at"] - lease["taken_at"] >= 14400 + 1800


@pytest.mark.parametrize(
    ("args", "named"),
    [
        ({"system": "../etc"}, "../etc"),
        ({"system": "A b"}, "A b"),
        ({"minutes": 0}, "minutes"),
        ({"state": "taken"}, "taken"),
        ({"minutes": 2000}, "from 1 to 1440"),
        ({"run_id": ""}, "needs run_id"),
    ],
)
def test_bad_input_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, args: dict[str, Any], named: str
) -> None:
    answer = call(capsys, tmp_path, **args)
    assert answer["failed"]
    assert named in answer["msg"]


def test_a_damaged_lease_fails_with_its_path(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "alpha.json").write_text("{")
    assert "alpha.json" in call(capsys, tmp_path)["msg"]


@pytest.mark.parametrize(
    ("args", "lasts"),
    [
        ({}, True),
        ({"stage_seconds": 3600}, True),
        ({"stage_seconds": "3600", "minutes": "120"}, True),
        ({"stage_seconds": 7200}, False),
        ({"minutes": 30}, False),
    ],
)
def test_a_lease_that_is_too_short_for_the_stage_is_renewed_even_when_fresh(
    args: dict[str, Any], lasts: bool
) -> None:
    assert _lasts(args) is lasts


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"lock_state": "held"},
        {"lock_state": "held", "holder": "me"},
        {"lock_state": "held", "holder": {"machine": ["x"], "process": {}}},
        {"lock_state": "taken", "holder": {"run_id": "r"}},
    ],
)
def test_an_odd_answer_of_a_host_makes_no_holder_dead(answer: dict[str, Any]) -> None:
    assert _dead_holder(answer) == ""
