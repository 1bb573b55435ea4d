# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module failover_test."""

from __future__ import annotations

import typing as t

import pytest

from library import failover_test
from tests.unit.library.module_calls import Call, caller

SERVICE: t.Final = {
    "name": "api",
    "unit": "shop-api.service",
    "address": "127.0.0.1:1",
    "others": ["127.0.0.1:2"],
}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return a function that runs the module."""
    return caller(failover_test, capsys)


def test_a_look_says_that_none_has_passed(call: Call, tmp_path: t.Any) -> None:
    answer = call(services=[SERVICE], state_file=str(tmp_path / "state.json"))

    assert answer["changed"] is False
    assert answer["findings"][0]["status"] == "info"


def test_what_does_not_answer_is_not_stopped(call: Call, tmp_path: t.Any) -> None:
    answer = call(services=[SERVICE], state="tested", state_file=str(tmp_path / "state.json"))

    assert answer["done"] is False
    assert answer["changed"] is False
    assert "nothing was stopped" in answer["findings"][0]["message"]


def test_bad_input_is_named(call: Call) -> None:
    answer = call(services=[{**SERVICE, "unit": "shop-*.service"}])

    assert answer["failed"] is True
    assert "must be the name of one service" in answer["msg"]
