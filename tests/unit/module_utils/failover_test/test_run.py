# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a test and a look say."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.failover_test.run import run
from ansible.module_utils.upkeep.failover_test.settings import parse

from tests.unit.module_utils.failover_test.conftest import UNIT, Pair

DAY: t.Final = 86400.0


def call(
    pair: Pair, state: str, *, check: bool = False, now: float = 0.0, **more: t.Any
) -> dict[str, t.Any]:
    """Return the answer of the module."""
    file = str(pair.folder / "state.json")
    values = {"services": [pair.options(**more)], "state": state, "state_file": file}

    return run(parse(values), check, lambda: now)


def by_check(answer: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    return {one["check"]: one for one in answer["findings"]}


def test_a_test_that_passes_is_remembered(pair: Pair) -> None:
    answer = call(pair, "tested", take_over_seconds=5)

    found = by_check(answer)["failover:api"]
    assert answer["done"]
    assert answer["changed"]
    assert found["status"] == "ok"
    assert found["limits"] == {"warning": None, "critical": 5.0, "side": "above"}
    assert by_check(answer)["failover:api.lost"]["unit"] == "requests"

    for days, status in [(100, "ok"), (101, "warning")]:
        looked = call(pair, "looked", now=days * DAY)
        assert by_check(looked)["failover:api.age"]["status"] == status
        assert not looked["changed"]


def test_before_the_first_test_it_is_a_note(pair: Pair) -> None:
    found = by_check(call(pair, "looked"))["failover:api.age"]

    assert found["status"] == "info"
    assert "test_failover.yml" in found["message"]


def test_a_damaged_note_is_unknown(pair: Pair) -> None:
    (pair.folder / "state.json").write_text("x")

    assert by_check(call(pair, "looked"))["failover:api.age"]["status"] == "unknown"


def test_check_mode_names_the_steps_and_stops_nothing(pair: Pair) -> None:
    answer = call(pair, "tested", check=True)

    assert answer["changed"]
    assert any(f"stop {UNIT}" in step for step in answer["steps"])
    assert pair.calls == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"second": 500}, "it was not tested"),
        ({"comes_back": False}, "A person must step in"),
    ],
)
def test_what_did_not_pass_is_critical_and_not_remembered(
    pair: Pair, broken: dict[str, t.Any], message: str
) -> None:
    pair.second.status = broken.get("second", 200)
    pair.comes_back = broken.get("comes_back", True)

    answer = call(pair, "tested", start_seconds=0.3)

    found = by_check(answer)["failover:api"]
    assert not answer["done"]
    assert found["status"] == "critical"
    assert message in found["message"]
    assert not (pair.folder / "state.json").exists()
