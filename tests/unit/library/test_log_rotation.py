# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module as Ansible calls it."""

from __future__ import annotations

import getpass
import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from library import log_rotation


def call(
    capsys: pytest.CaptureFixture[str], check_mode: bool = False, **arguments: t.Any
) -> dict[str, t.Any]:
    """Return what the module prints."""
    with (
        patch_module_args({**arguments, "_ansible_check_mode": check_mode}),
        pytest.raises(SystemExit),
    ):
        log_rotation.main()

    result: dict[str, t.Any] = json.loads(capsys.readouterr().out)

    return result


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, t.Any]:
    (tmp_path / "a.log").write_bytes(b"x" * 2000)
    user = getpass.getuser()
    log = {
        "name": "a",
        "paths": [f"{tmp_path}/a.log"],
        "cadence": "daily",
        "keep_days": 30,
        "max_size": "1k",
    }

    return {
        "logs": [{**log, "owner": user, "group": user}],
        "config_path": str(tmp_path / "upkeep-demo"),
        "state_path": str(tmp_path / "status"),
    }


def test_predict_then_do_then_nothing(
    capsys: pytest.CaptureFixture[str], arguments: dict[str, t.Any]
) -> None:
    predicted = call(capsys, check_mode=True, **arguments)

    assert not Path(arguments["config_path"]).exists()

    done = call(capsys, **arguments)
    for key in ("changed", "rotated", "started", "removed", "diff"):
        assert predicted[key] == done[key]

    assert done["changed"]

    again = call(capsys, **arguments)

    assert not again["changed"]
    assert {finding["check"] for finding in again["findings"]} >= {
        "log:a",
        "log:a.retention",
        "logrotate:timer",
    }


def test_a_value_that_does_not_fit_fails_and_is_named(
    capsys: pytest.CaptureFixture[str], arguments: dict[str, t.Any]
) -> None:
    arguments["logs"][0]["paths"] = ['/var/log/"quoted".log']
    result = call(capsys, **arguments)
    assert result["failed"]
    assert "quoted" in result["msg"]


def test_a_misspelled_key_fails(
    capsys: pytest.CaptureFixture[str], arguments: dict[str, t.Any]
) -> None:
    arguments["logs"][0]["keep_dais"] = 3
    result = call(capsys, **arguments)
    assert result["failed"]
    assert "keep_dais" in result["msg"]
