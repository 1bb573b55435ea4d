# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether units that were started have ended since, by what systemd shows."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.switching.unit_state import ended_since, stop_limits

API: t.Final = "shop-api.service"
WORKER: t.Final = "shop-worker.service"
RUNS: t.Final = {"ActiveState": "active", "SubState": "running", "NRestarts": "0"}


def seen(monkeypatch: pytest.MonkeyPatch, worker: t.Mapping[str, str]) -> str:
    """Return the problem that is seen of an API that runs on and a worker that ran."""
    states = {API: RUNS, WORKER: RUNS}
    monkeypatch.setattr(systemd, "show", lambda units, *_: {unit: states[unit] for unit in units})
    ended = ended_since(API, WORKER)
    states[WORKER] = {**RUNS, **worker}

    return ended()


def test_units_that_run_on_are_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(monkeypatch, {}) == ""


@pytest.mark.parametrize(
    ("worker", "told"),
    [
        ({"ActiveState": "failed", "SubState": "failed"}, f"{WORKER} is failed (failed)"),
        ({"NRestarts": "1"}, f"{WORKER} ended and was started again"),
        (
            {"ActiveState": "activating", "SubState": "auto-restart"},
            f"{WORKER} is activating (auto-restart)",
        ),
    ],
)
def test_one_that_ended_is_named(
    monkeypatch: pytest.MonkeyPatch, worker: dict[str, str], told: str
) -> None:
    assert seen(monkeypatch, worker) == told


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        ("1min 30s", 90),
        ("10min", 600),
        ("2h 1s", 3600),
        ("500ms", 0.5),
        ("infinity", 3600),
        ("", 90),
    ],
)
def test_the_time_to_end_is_that_of_systemd(
    monkeypatch: pytest.MonkeyPatch, shown: str, seconds: float
) -> None:
    monkeypatch.setattr(systemd, "show", lambda *_: {"a.service": {"TimeoutStopUSec": shown}})

    assert stop_limits(["a.service"]) == {"a.service": seconds}


def test_a_systemd_that_shows_nothing_has_its_usual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TimeoutError("systemctl show took longer")

    monkeypatch.setattr(systemd, "show", refuse)

    assert stop_limits(["a.service", "b.service"]) == {"a.service": 90, "b.service": 90}
