# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module rollback."""

from __future__ import annotations

import typing as t

import pytest

from library import rollback
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
    return caller(rollback, capsys)


def test_without_a_deployment_a_person_must_step_in(call: Call, tmp_path: t.Any) -> None:
    answer = call(app={**APP, "root": str(tmp_path / "shop")})

    assert answer["done"] is False
    assert answer["changed"] is False
    assert answer["findings"][0]["status"] == "critical"


def test_bad_input_is_named(call: Call) -> None:
    answer = call(app=APP, dependants=["shop-*.service"])

    assert answer["failed"] is True
    assert "'shop-*.service' is not the name of one unit" in answer["msg"]
