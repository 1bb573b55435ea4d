# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module model_update."""

from __future__ import annotations

import typing as t

import pytest

from library import model_update
from tests.unit.library.module_calls import Call, by_check, caller

MODEL: t.Final[dict[str, t.Any]] = {
    "name": "risk",
    "path": "models/risk.pkl",
    "user": "shop",
    "server": {
        "unit": "shop-api.service",
        "listen": ["127.0.0.1:8000"],
        "probes": [{"name": "health", "path": "/health"}],
    },
}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs the module."""
    return caller(model_update, capsys)


def test_a_model_that_is_not_there_is_unknown(call: Call, tmp_path: t.Any) -> None:
    answer = call(models=[{**MODEL, "root": str(tmp_path)}])

    assert answer["changed"] is False
    assert by_check(answer)["model:risk.way_back"]["status"] == "unknown"


def test_bad_input_is_named(call: Call) -> None:
    answer = call(models=[{**MODEL, "root": "/srv/shop", "user": "root"}])

    assert answer["failed"] is True
    assert ".user is 'root'" in answer["msg"]
