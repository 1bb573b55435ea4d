# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module, called as Ansible does."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from library import redis_tune
from tests.unit.library.module_calls import Call, by_check, caller
from tests.unit.module_utils.redis_tune.server import running


@pytest.fixture
def tune(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Give the module with a state file of the test."""
    call = caller(redis_tune, capsys)
    state = {"state_file": str(tmp_path / "state.json")}

    return lambda **arguments: call(**state, **arguments)


def test_a_second_call_changes_nothing_and_check_mode_foretells_the_first(
    tune: Call, tmp_path: Path
) -> None:
    with running(tmp_path) as server:
        instances = [server.entry(maxmemory={"value": "64mb"})]
        foretold = tune(instances=instances, _ansible_check_mode=True)
        first = tune(instances=instances)
        again = tune(instances=instances)

    assert foretold["diff"] == first["diff"]
    assert first["changed"] is True
    assert again["changed"] is False
    assert by_check(again)["redis_tune:x.maxmemory"]["status"] == "ok"


def test_a_host_without_a_server_has_one_finding(tune: Call) -> None:
    answer = tune(instances=[])

    assert answer["changed"] is False
    assert by_check(answer)["redis_tune:none"]["status"] == "info"


def test_a_server_that_is_not_there_is_a_finding(tune: Call) -> None:
    answer = tune(instances=[{"name": "x", "purpose": "broker", "port": 1}])

    assert by_check(answer)["redis_tune:x"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"maxmemory": {"value": "lots"}}, "must match"),
        ({"purpose": "broker", "save": {"value": ""}}, "would lose tasks"),
        ({"fragmentation": {"min_mb": 0}}, "or every run would find work"),
    ],
)
def test_bad_input_fails_with_advice(tune: Call, entry: dict[str, t.Any], message: str) -> None:
    answer = tune(instances=[{"name": "x", "purpose": "cache", **entry}])

    assert answer["failed"] is True
    assert message in answer["msg"]
