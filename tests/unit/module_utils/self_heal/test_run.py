# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Healing: what is done to a unit that is down, and a systemd that lies, fails or hangs."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.self_heal import history, unit_state
from ansible.module_utils.upkeep.self_heal import run as healing
from ansible.module_utils.upkeep.self_heal.check_runner import CheckResults
from ansible.module_utils.upkeep.self_heal.history import HistoryError
from ansible.module_utils.upkeep.self_heal.run import Healer, Healing
from ansible.module_utils.upkeep.self_heal.settings import HealedUnit
from ansible.module_utils.upkeep.self_heal.unit_state import UnitState

from tests.unit.module_utils.self_heal.units import (
    API,
    DEAD,
    FAILED,
    MASKED,
    STARTING,
    UP,
    settings,
)

Heal = Callable[..., Healing]
ANSWERING: t.Final = replace(API, checks=("http:api",))


class World:
    """A systemd whose units go through the given states, one at each reading."""

    def __init__(self, *states: UnitState, refusal: str = "") -> None:
        self.states, self.refusal = list(states), refusal
        self.started: list[str] = []
        self.checks: dict[str, list[str]] = {}

    def state(self, _unit: str) -> UnitState:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def restart(self, unit: str, _deadline: Deadline) -> None:
        self.started.append(unit)
        healing.time.sleep(1.0)
        if self.refusal:
            raise SystemdError(self.refusal)

    def now(self, ids: Sequence[str]) -> CheckResults:
        turns = {one: self._turn(one) for one in ids}
        return CheckResults(
            tuple(one for one, status in turns.items() if status == "critical"),
            tuple(one for one, status in turns.items() if status == "unknown"),
        )

    counted = now

    def _turn(self, check: str) -> str:
        statuses = self.checks.get(check, ["ok"])
        return statuses.pop(0) if len(statuses) > 1 else statuses[0]


class Clock:
    """A time that only passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1e9

    def monotonic(self) -> float:
        return self.now

    time = monotonic

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def heal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Heal:
    """Return a function that heals units in a world."""

    def run(world: World, *units: HealedUnit, check_mode: bool = False, **values: t.Any) -> Healing:
        monkeypatch.setattr(unit_state, "read_state", world.state)
        monkeypatch.setattr(systemd, "restart", world.restart)
        clock = Clock()
        monkeypatch.setattr(healing, "time", clock)
        monkeypatch.setattr(healing, "Deadline", lambda seconds: Deadline(seconds, clock.monotonic))
        given = settings(*(units or (API,)), state_file=str(tmp_path / "heal.json"), **values)

        return Healer(given, world, check_mode).heal()

    return run


def statuses(made: Healing) -> dict[str, str]:
    return {found["check"]: found["status"] for found in made.findings}


@pytest.mark.requirement("R-racing-59")
def test_a_dead_unit_comes_back_and_both_facts_are_reported(heal: Heal, tmp_path: Path) -> None:
    made = heal(world := World(DEAD, UP))

    assert statuses(made) == {"heal:api.was_down": "warning", "heal:api": "ok"}
    assert world.started == ["shop-api.service"]
    assert made.restarted == ["api"]
    assert made.findings[0]["observed"] == "inactive (dead)"
    assert made.findings[1]["requirements"] == ["R-racing-59"]
    assert len(history.load(tmp_path / "heal.json")["shop-api.service"]) == 1


def test_nothing_to_do_leaves_no_trace(heal: Heal, tmp_path: Path) -> None:
    made = heal(world := World(UP))

    assert statuses(made) == {"heal:api": "ok"}
    assert world.started == []
    assert made.restarted == []
    assert list(tmp_path.iterdir()) == []


def test_never_more_often_than_the_limit(heal: Heal) -> None:
    worlds = [World(FAILED) for _ in range(4)]

    last = [statuses(heal(world)).get("heal:api") for world in worlds]

    assert last == ["critical"] * 4
    assert [len(world.started) for world in worlds] == [1, 1, 0, 0]


def test_a_crash_loop_is_not_taken_for_up(heal: Heal) -> None:
    starts = [replace(UP, invocation=str(number)) for number in range(500)]

    made = heal(World(FAILED, *starts))

    assert statuses(made)["heal:api"] == "critical"
    assert "does not stay up" in made.findings[1]["message"]


class TestChecks:
    def test_a_unit_that_hangs_is_restarted_and_has_to_answer(self, heal: Heal) -> None:
        world = World(UP)
        world.checks = {"http:api": ["critical", "critical", "ok"]}

        made = heal(world, ANSWERING)

        assert statuses(made) == {"heal:api.was_down": "warning", "heal:api": "ok"}

    def test_one_that_does_not_answer_after_the_restart_is_critical(self, heal: Heal) -> None:
        world = World(UP)
        world.checks = {"http:api": ["critical"]}

        made = heal(world, ANSWERING)

        assert statuses(made)["heal:api"] == "critical"
        assert "does not answer (http:api) after the restart" in made.findings[1]["message"]

    def test_a_check_that_cannot_be_made_restarts_nothing(self, heal: Heal) -> None:
        world = World(UP)
        world.checks = {"http:api": ["unknown"]}

        made = heal(world, ANSWERING)

        assert statuses(made) == {"heal:api": "unknown"}
        assert world.started == []
        assert made.restarted == []

    def test_a_check_that_cannot_be_made_after_the_restart_is_not_a_failure(
        self, heal: Heal
    ) -> None:
        world = World(DEAD, UP)
        world.checks = {"http:api": ["unknown"]}

        made = heal(world, ANSWERING)

        assert statuses(made) == {"heal:api.was_down": "warning", "heal:api": "unknown"}
        assert world.started == ["shop-api.service"]

    def test_what_a_unit_needs_holds_back_also_when_it_is_unknown(self, heal: Heal) -> None:
        world = World(DEAD)
        world.checks = {"postgresql:shop": ["unknown"]}

        made = heal(world, replace(API, needs=("postgresql:shop",)))

        assert statuses(made) == {"heal:api": "warning"}
        assert world.started == []


def test_a_unit_on_its_way_is_waited_for(heal: Heal) -> None:
    assert statuses(heal(World(STARTING, STARTING, UP))) == {"heal:api": "ok"}

    assert statuses(heal(world := World(STARTING))) == {"heal:api": "warning"}
    assert world.started == []


def test_a_refused_start_is_critical_at_once(heal: Heal) -> None:
    made = heal(World(FAILED, refusal="Unit is not loaded properly"))

    assert statuses(made)["heal:api"] == "critical"
    assert "after the restart: Unit is not loaded properly" in made.findings[1]["message"]


def test_check_mode_predicts_and_restarts_nothing(heal: Heal, tmp_path: Path) -> None:
    made = heal(world := World(DEAD), check_mode=True)

    assert statuses(made) == {"heal:api": "critical"}
    assert made.restarted == ["api"]
    assert world.started == []
    assert "would be restarted (restart 1 of at most 2 in 60" in made.findings[0]["message"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_forbidden_is_only_reported(heal: Heal, tmp_path: Path) -> None:
    made = heal(world := World(DEAD), forbidden="another run holds the lock")

    assert statuses(made) == {"heal:api": "warning"}
    assert "not restarted: another run holds the lock" in made.findings[0]["message"]
    assert made.restarted == []
    assert world.started == []
    assert list(tmp_path.iterdir()) == []


def test_with_a_damaged_count_nothing_is_restarted(heal: Heal, tmp_path: Path) -> None:
    (tmp_path / "heal.json").write_text("{")

    made = heal(world := World(DEAD))

    assert statuses(made) == {"heal:api": "unknown"}
    assert world.started == []


def test_a_count_that_cannot_be_written_restarts_nothing(
    heal: Heal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: t.Any) -> None:
        raise HistoryError("cannot be written: No space left on device")

    monkeypatch.setattr(history, "save", full)
    made = heal(world := World(DEAD))

    assert statuses(made) == {"heal:api": "unknown"}
    assert world.started == []
    assert made.restarted == []


def test_one_unit_in_trouble_does_not_hide_the_next(heal: Heal) -> None:
    other = replace(API, name="other", unit="other.service")

    made = heal(World(MASKED, UP), API, other)

    assert statuses(made) == {"heal:api": "critical", "heal:other": "ok"}


def test_a_systemd_that_does_not_answer_is_unknown(
    heal: Heal, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(UP)

    def refuse(_unit: str) -> UnitState:
        raise SystemdError("this host has no systemctl")

    monkeypatch.setattr(world, "state", refuse)

    assert statuses(heal(world)) == {"heal:api": "unknown"}


def test_without_time_for_a_unit_it_is_left_alone(heal: Heal) -> None:
    long = replace(API, name="long", unit="long.service")
    last = replace(API, name="last")

    made = heal(world := World(DEAD), long, last, max_seconds=60, timeout=1)

    assert statuses(made)["heal:last"] == "unknown"
    assert world.started == ["long.service"]
