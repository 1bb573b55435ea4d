# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The second instance takes over, and the first one is always started again."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest

HOST: t.Final = "hyperopt-api1"
UNIT: t.Final = "hyperopt-api"
TIMER: t.Final = "hyperopt-api-failover-end.timer"


@pytest.fixture
def primary(fleet_host: t.Callable[[str], t.Any]) -> t.Any:
    """Return the host that is stopped."""
    return fleet_host(HOST)


def told() -> list[list[str]]:
    """Return what the hooks were called with."""
    lines = (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "told").read_text().splitlines()

    return [line.split(maxsplit=4) for line in lines]


def started_at(host: t.Any) -> str:
    """Return when the service was started last."""
    return str(host.check_output("systemctl show -P ActiveEnterTimestampMonotonic %s", UNIT))


def last(runs: t.Any, check: str) -> dict[str, t.Any]:
    """Return a finding of the last run."""
    lines = (runs("converge")[-1] / "events.jsonl").read_text().splitlines()
    found = [event["finding"] for event in map(json.loads, lines) if event["event"] == "finding"]

    return next(one for one in found if one["check"] == check and one["host"] == HOST)


def test_a_look_stops_nothing(records: t.Any, findings: list[dict[str, t.Any]]) -> None:
    assert records("converge")[-1]["changes"] == []
    found = {(one["host"], one["check"]): one["status"] for one in findings}

    assert found[(HOST, "failover:api.age")] == "info"
    assert found[("hyperopt-api2", "failover:none")] == "info"


@pytest.mark.requirement("R-hyperopt-76", "R-hyperopt-77", "R-hyperopt-78")
def test_the_second_takes_over_and_the_first_serves_again(
    primary: t.Any, play: t.Any, runs: t.Any
) -> None:
    before = started_at(primary)

    done = play("converge", "-e", "entry=test")

    assert done.returncode == 0, done.stdout[-3000:]
    found = last(runs, "failover:api")
    print(found["message"])
    assert found["status"] == "ok"
    assert found["observed"] <= 4
    (announced, silenced) = told()[-2:]
    assert (announced[0], silenced[0]) == ("announce", "silence")
    assert announced[2] == "hyperopt"
    assert f"Alerts are silenced until {silenced[3]}" in found["message"]
    assert "hyperopt-api2:8001 took over" in found["message"]
    assert started_at(primary) != before
    assert primary.check_output("curl -sf http://127.0.0.1:8000/health")
    assert not primary.service(TIMER).is_running

    play("converge")
    assert last(runs, "failover:api.age")["status"] == "ok"


def test_without_a_second_one_nothing_is_stopped(primary: t.Any, play: t.Any, runs: t.Any) -> None:
    before = started_at(primary)

    done = play("converge", "-e", "entry=test", "-e", "second=hyperopt-api2:8002")

    assert done.returncode == 2
    assert "nothing was stopped" in last(runs, "failover:api")["message"]
    assert told()[-1][0] == "escalate"
    assert started_at(primary) == before


def test_the_host_starts_it_when_the_module_is_killed(primary: t.Any, play: t.Any) -> None:
    killer = (
        f"for n in $(seq 1200); do if systemctl is-active -q {TIMER} && ! systemctl is-active -q"
        f" {UNIT}; then pkill -KILL -f [A]nsiballZ_failover_test; exit; fi; sleep 0.1; done; exit 1"
    )
    watcher = subprocess.Popen(
        ["podman", "exec", f"upkeep-mol-failover_test-{HOST}", "sh", "-c", killer]
    )

    # Only without pipelining the module's process carries its name.
    done = play("converge", "-e", json.dumps({"entry": "test", "ansible_pipelining": False}))

    assert watcher.wait(timeout=60) == 0
    assert done.returncode == 4, done.stdout[-2000:]
    assert primary.service(TIMER).is_running
    assert not primary.service(UNIT).is_running
    # What the timer starts when its time has come.
    primary.check_output("systemctl start hyperopt-api-failover-end.service")
    assert primary.service(UNIT).is_running

    again = play("converge", "-e", "entry=test")
    assert again.returncode == 0, again.stdout[-2000:]
    assert not primary.service(TIMER).is_running
