# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module predictor_deploy."""

from __future__ import annotations

import typing as t

import pytest

from library import predictor_deploy
from tests.unit.library.module_calls import Call, caller

APP: t.Final = {
    "root": "/srv/releases/shop",
    "user": "shop",
    "command": ["{release}/venv/bin/python", "-m", "shop"],
    "server": {
        "unit": "shop-api.service",
        "listen": ["127.0.0.1:8000"],
        "probes": [{"name": "health", "path": "/health"}],
    },
}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs the module."""
    return caller(predictor_deploy, capsys)


def test_a_host_without_releases_is_looked_at(call: Call, tmp_path: t.Any) -> None:
    app = {**APP, "root": str(tmp_path / "shop")}

    answer = call(app=app, state_file=str(tmp_path / "state.json"))

    assert answer["changed"] is False
    assert {item["check"] for item in answer["findings"]} >= {"release:app", "release:app.way_back"}


def test_check_mode_shows_the_steps(call: Call, tmp_path: t.Any) -> None:
    app = {**APP, "root": str(tmp_path / "shop")}

    answer = call(app=app, state="live", release="1", _ansible_check_mode=True)

    assert answer["changed"] is True
    assert "keep what runs now as release 0" in answer["steps"]
    assert not (tmp_path / "shop").exists()


def test_bad_input_is_named(call: Call) -> None:
    answer = call(app={**APP, "keep": 0}, state="live")

    assert answer["failed"] is True
    assert "app.keep is 0; at least 2" in answer["msg"]


def test_a_release_that_is_not_there_is_a_finding(call: Call, tmp_path: t.Any) -> None:
    answer = call(app={**APP, "root": str(tmp_path / "shop")}, state="live", release="1")

    assert answer["done"] is False
    assert "there is no complete release '1'" in answer["findings"][0]["message"]
