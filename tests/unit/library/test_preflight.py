# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module and its action plugin as Ansible calls them."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from action_plugins.preflight import ActionModule
from library import preflight


def call(
    capsys: pytest.CaptureFixture[str], check_mode: bool = False, **arguments: t.Any
) -> dict[str, t.Any]:
    """Return what the module prints."""
    with (
        patch_module_args({"host": "app1", **arguments, "_ansible_check_mode": check_mode}),
        pytest.raises(SystemExit),
    ):
        preflight.main()

    result: dict[str, t.Any] = json.loads(capsys.readouterr().out)

    return result


def checks(result: dict[str, t.Any]) -> list[str]:
    return [finding["check"] for finding in result["findings"]]


def test_looking_changes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    marker = tmp_path / "accepted.json"
    result = call(
        capsys,
        marker=str(marker),
        disk=[{"path": "/", "min_free_percent": 1}],
        units=[{"name": "x.service"}],
    )

    assert not result["changed"]
    assert checks(result) == [
        "host:rights",
        "host:python",
        "disk:/",
        "unit:x.service",
        "legacy:scan",
        "host:accepted",
    ]
    assert not marker.exists()


def test_entries_of_other_components_are_left_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    modules = [
        {"module": "json", "package": "p"},
        {"module": "redis", "package": "python3-redis", "component": "redis"},
        {"module": "celery", "package": "python3-celery", "component": "celery"},
    ]
    result = call(
        capsys, marker=str(tmp_path / "m"), python_modules=modules, components=["app", "redis"]
    )

    assert [check for check in checks(result) if check.startswith("python_module")] == [
        "python_module:json",
        "python_module:redis",
    ]


def test_acceptance_is_predicted_written_once_and_then_left_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    marker = tmp_path / "upkeep" / "accepted.json"
    arguments = {"marker": str(marker), "accept_by": "ada", "run_id": "r1"}

    assert call(capsys, check_mode=True, **arguments)["changed"]
    assert not marker.exists()
    assert call(capsys, **arguments)["changed"]

    again = call(capsys, **{**arguments, "accept_by": "eve"})

    assert not again["changed"]
    assert json.loads(marker.read_text())["by"] == "ada"


def test_a_pattern_that_matches_everything_fails(capsys: pytest.CaptureFixture[str]) -> None:
    result = call(capsys, legacy_patterns=[".*"])
    assert result["failed"]
    assert "'.*'" in result["msg"]


class Answering(ActionModule):
    """The action plugin with a host whose clock is ahead by ``skew`` seconds."""

    def __init__(self, skew: float) -> None:
        self.skew = skew
        self._task = type(
            "Task",
            (),
            {"args": {"host": "app1"}, "_role": None},
        )()

    def _execute_module(self, *_args: t.Any, **_more: t.Any) -> dict[str, t.Any]:
        now = time.time() + self.skew
        return {"changed": False, "findings": [], "clock": {"started": now, "finished": now}}


@pytest.mark.parametrize(
    ("skew", "status"), [(0, "ok"), (-5, "warning"), (5, "warning"), (3600, "critical")]
)
def test_the_clock_is_judged_on_the_controller(
    skew: float, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_: {})
    [finding] = Answering(skew).run(task_vars={})["findings"]

    assert finding["check"] == "host:clock"
    assert finding["status"] == status
