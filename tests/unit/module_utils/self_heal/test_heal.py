# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Healing: every decision, the count that limits it, and a systemd that lies, fails or hangs."""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.health_check.check import CheckError
from ansible.module_utils.upkeep.self_heal import history, systemd
from ansible.module_utils.upkeep.self_heal import run as healing
from ansible.module_utils.upkeep.self_heal.decision import Unit, decide
from ansible.module_utils.upkeep.self_heal.history import HistoryError
from ansible.module_utils.upkeep.self_heal.rechecking import Asker
from ansible.module_utils.upkeep.self_heal.run import Healer, Healing
from ansible.module_utils.upkeep.self_heal.systemd import State
from hypothesis import given
from hypothesis import strategies as st

UP = State("loaded", "active", "running", "success", "a1")
DEAD = replace(UP, active="inactive", sub="dead", invocation="")
FAILED = replace(UP, active="failed", sub="failed", result="exit-code")
LOOPING = replace(UP, active="activating", sub="auto-restart", result="exit-code")
STARTING = replace(UP, active="activating", sub="start")
MASKED = replace(DEAD, load="masked")
API = Unit(
    "api",
    "shop-api.service",
    at_most=2,
    window=3600,
    settle=0.4,
    stable=0.1,
    requirements=("R-racing-59",),
)


@pytest.mark.parametrize(
    ("state", "checks", "needs", "made", "action", "status", "words"),
    [
        (UP, [], [], 0, "nothing", "ok", "nothing to do"),
        (UP, [], [], 9, "nothing", "ok", "nothing to do"),
        (UP, ["http:api"], [], 0, "restart", "critical", "runs but does not answer (http:api)"),
        (DEAD, [], [], 0, "restart", "critical", "is inactive (dead)"),
        (FAILED, [], [], 1, "restart", "critical", "is failed (failed, last result exit-code)"),
        (LOOPING, [], [], 1, "restart", "critical", "is activating (auto-restart"),
        (FAILED, [], [], 2, "leave", "critical", "was restarted 2 times in 60 minutes already"),
        (FAILED, [], ["tcp:db"], 0, "leave", "warning", "so is what it needs: tcp:db"),
        (UP, ["http:api"], ["tcp:db"], 0, "leave", "warning", "so is what it needs: tcp:db"),
        (STARTING, [], [], 0, "leave", "warning", "left alone"),
        (MASKED, [], [], 0, "leave", "critical", "is masked"),
        (replace(DEAD, load="not-found"), [], [], 0, "leave", "critical", "does not exist"),
    ],
)
def test_decisions(
    state: State,
    checks: list[str],
    needs: list[str],
    made: int,
    action: str,
    status: str,
    words: str,
) -> None:
    decision = decide(API, state, checks, needs, made)
    assert (decision.action, decision.status, words in decision.reason) == (action, status, True), (
        decision
    )


STATES = st.builds(
    State,
    st.sampled_from(["loaded", "masked", "not-found", "error"]),
    st.sampled_from(["active", "inactive", "failed", "activating", "deactivating", "reloading"]),
    st.sampled_from(["running", "dead", "auto-restart"]),
    st.just("success"),
    st.just("a"),
)
NAMES = st.lists(st.sampled_from(["http:a", "tcp:b"]), unique=True)


@given(STATES, NAMES, NAMES, st.integers(0, 5))
def test_nothing_is_restarted_against_the_rules(
    state: State, checks: list[str], needs: list[str], made: int
) -> None:
    decision = decide(API, state, checks, needs, made)
    if decision.action == "restart":
        assert state.load not in ("masked", "not-found")
        assert not needs
        assert made < API.at_most
        assert checks or not state.is_up


@given(
    st.lists(st.integers(0, 2_000_000_000)), st.integers(1, 604_800), st.integers(0, 2_000_000_000)
)
def test_restarts_within_a_window(moments: list[int], window: int, now: int) -> None:
    counted = history.within(moments, window, now)
    assert counted == len([moment for moment in moments if now - moment < window])


def test_the_count_survives_and_forgets_the_old(tmp_path: Path) -> None:
    path, now = tmp_path / "upkeep" / "heal.json", 1e9
    assert history.load(path) == {}
    history.save(path, {"a": [now - 10, now], "b": [now - history.LONGEST - 1]}, now)
    assert history.load(path) == {"a": [now - 10, now]}
    assert [entry.name for entry in path.parent.iterdir()] == ["heal.json"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": 1}', '{"version": 2, "restarts": {}}', "[" * 100_000]
)
def test_a_damaged_count_is_no_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "h").write_text(content)
    with pytest.raises(HistoryError):
        history.load(tmp_path / "h")


class World:
    """A systemd whose units go through the given states, one at each look, and what was asked of it."""

    def __init__(self, *states: State, refusal: str = "") -> None:
        self.states, self.refusal = list(states), refusal
        self.started: list[str] = []
        self.failing: dict[str, list[bool]] = {}

    def state(self, _unit: str) -> State:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def restart(self, unit: str, _seconds: float) -> str:
        self.started.append(unit)
        return self.refusal

    def fails(self, ids: Sequence[str]) -> list[str]:
        return [
            one
            for one in ids
            if (turns := self.failing.get(one)) and (turns.pop(0) if len(turns) > 1 else turns[0])
        ]


@pytest.fixture
def heal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Healing]:
    """Return a function that heals units in a world."""

    def run(world: World, *units: Unit, **options: t.Any) -> Healing:
        monkeypatch.setattr(systemd, "state", world.state)
        monkeypatch.setattr(systemd, "restart", world.restart)
        monkeypatch.setattr(healing, "PAUSE", 0.02)
        return Healer(world.fails, tmp_path / "heal.json", **options).heal(units or (API,))

    return run


def told(made: Healing) -> dict[str, str]:
    return {found["check"]: found["status"] for found in made.findings}


@pytest.mark.requirement("R-racing-59")
def test_a_dead_unit_comes_back_and_both_facts_are_told(
    heal: Callable[..., Healing], tmp_path: Path
) -> None:
    made = heal(world := World(DEAD, UP))

    assert told(made) == {"heal:api.was_down": "warning", "heal:api": "ok"}
    assert (world.started, made.restarted) == (["shop-api.service"], ["api"])
    assert made.findings[0]["observed"] == "inactive (dead)"
    assert made.findings[1]["requirements"] == ["R-racing-59"]
    assert len(history.load(tmp_path / "heal.json")["shop-api.service"]) == 1


def test_nothing_to_do_leaves_no_trace(heal: Callable[..., Healing], tmp_path: Path) -> None:
    made = heal(world := World(UP))

    assert (told(made), world.started, made.restarted, list(tmp_path.iterdir())) == (
        {"heal:api": "ok"},
        [],
        [],
        [],
    )


def test_never_more_often_than_the_limit(heal: Callable[..., Healing]) -> None:
    worlds = [World(FAILED) for _ in range(4)]
    last = [told(heal(world)).get("heal:api") for world in worlds]
    assert last == ["critical"] * 4
    assert [len(world.started) for world in worlds] == [1, 1, 0, 0]


def test_a_crash_loop_is_not_taken_for_up(heal: Callable[..., Healing]) -> None:
    starts = [replace(UP, invocation=str(number)) for number in range(500)]
    made = heal(World(FAILED, *starts))
    assert told(made)["heal:api"] == "critical"
    assert "does not stay up" in made.findings[1]["message"]


def test_a_unit_that_hangs_is_restarted_and_has_to_answer(heal: Callable[..., Healing]) -> None:
    unit = replace(API, checks=("http:api",))
    world = World(UP)
    world.failing = {"http:api": [True, True, False]}

    assert told(heal(world, unit)) == {"heal:api.was_down": "warning", "heal:api": "ok"}

    world = World(UP)
    world.failing = {"http:api": [True]}
    made = heal(world, unit)

    assert told(made)["heal:api"] == "critical"
    assert "does not answer (http:api) after the restart" in made.findings[1]["message"]


def test_a_unit_on_its_way_is_waited_for(heal: Callable[..., Healing]) -> None:
    assert told(heal(World(STARTING, STARTING, UP))) == {"heal:api": "ok"}
    assert told(heal(world := World(STARTING))) == {"heal:api": "warning"}
    assert world.started == []


def test_a_refused_start_is_critical_at_once(heal: Callable[..., Healing]) -> None:
    made = heal(World(FAILED, refusal="Unit is not loaded properly"))
    assert told(made)["heal:api"] == "critical"
    assert "after the restart: Unit is not loaded properly" in made.findings[1]["message"]


def test_check_mode_and_a_ban_restart_nothing(heal: Callable[..., Healing], tmp_path: Path) -> None:
    made = heal(world := World(DEAD), check_mode=True)

    assert (told(made), made.restarted, world.started) == ({"heal:api": "critical"}, ["api"], [])
    assert (
        "would be restarted (restart 1 of at most 2 in 60 minutes)" in made.findings[0]["message"]
    )

    made = heal(world, forbidden="another run holds the lock")

    assert (told(made), made.restarted, world.started) == ({"heal:api": "warning"}, [], [])
    assert list(tmp_path.iterdir()) == []


def test_without_a_count_nothing_is_restarted(
    heal: Callable[..., Healing], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heal.json").write_text("{")
    made = heal(world := World(DEAD))

    assert (told(made), world.started) == ({"heal:api": "unknown"}, [])

    (tmp_path / "heal.json").unlink()

    def full(*_: t.Any) -> None:
        raise HistoryError("cannot be written: No space left on device")

    monkeypatch.setattr(history, "save", full)
    made = heal(world)

    assert (told(made), world.started, made.restarted) == ({"heal:api": "unknown"}, [], [])


def test_one_unit_in_trouble_does_not_hide_the_next(heal: Callable[..., Healing]) -> None:
    other = replace(API, name="other", unit="other.service")
    made = heal(World(MASKED, UP), API, other)
    assert told(made) == {"heal:api": "critical", "heal:other": "ok"}


def test_checks_are_asked_here_and_known_from_elsewhere(closed_port: int) -> None:
    raw = [
        {"name": "here", "kind": "tcp", "port": closed_port},
        {"name": "there", "kind": "tcp", "port": 1, "component": "postgresql"},
        {"name": "well", "kind": "tcp", "port": 1, "component": "redis"},
    ]
    asker = Asker(
        raw, ["app"], {"tcp:there": "(critical on db)", "tcp:here": "(critical on db)"}, 30
    )

    assert asker.failing(["tcp:here", "tcp:there", "tcp:well"]) == [
        "tcp:here",
        "tcp:there (critical on db)",
    ]

    asker.validate([replace(API, needs=("tcp:well",))])

    with pytest.raises(CheckError, match="tcp:wall is no check of the profile"):
        asker.validate([replace(API, checks=("tcp:wall",))])


@pytest.fixture
def closed_port() -> int:
    """Return a port on which nothing listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that puts a systemctl with this body first on the path, and returns the file of its calls."""

    def install(body: str) -> Path:
        calls = tmp_path / "calls"
        program = tmp_path / "systemctl"
        program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{body}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

        return calls

    return install


def test_a_restart_forgets_earlier_failures(systemctl: Callable[[str], Path]) -> None:
    calls = systemctl("exit 0")
    assert systemd.restart("--help", 5) == ""
    wanted = ["--no-ask-password reset-failed -- --help", "--no-ask-password restart -- --help"]
    assert calls.read_text().splitlines() == wanted


def test_a_systemd_in_trouble_is_told_in_time(
    systemctl: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl("echo 'Job failed.  See logs' >&2; exit 1")

    assert systemd.restart("a.service", 5) == "Job failed. See logs"

    systemctl("exec sleep 20")
    began = time.monotonic()

    assert systemd.restart("a.service", 0.2) == "it did not start within 0.2 s"
    assert time.monotonic() - began < 5

    monkeypatch.setenv("PATH", "/nowhere")

    assert "systemctl cannot be run" in systemd.restart("a.service", 5)


def test_the_state_of_a_unit(systemctl: Callable[[str], Path]) -> None:
    shown = (
        "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nInvocationID=\n"
    )
    systemctl(f"printf '{json.dumps(shown)[1:-1]}'")
    assert systemd.state("a.service") == replace(FAILED, invocation="")
