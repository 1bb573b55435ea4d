# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers have the settings that fit their purpose, also after a restart, and no key is lost."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

Finding = dict[str, t.Any]
FleetHost = Callable[[str], t.Any]
Runs = Callable[[str], list[Path]]
CHECK, FIRST, SECOND = 0, 1, 2
CACHE, MIXED = "hyperopt-db", "fairedge-1"
SAVE = "900 1 300 10 60 10000"


def found(run: Path, host: str) -> dict[str, Finding]:
    """Return the findings of a host by check."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    findings = [event["finding"] for event in events if event["event"] == "finding"]

    return {item["check"]: item for item in findings if item["host"] == host}


def setting(host: t.Any, name: str) -> str:
    """Return a setting of the running server."""
    lines: list[str] = host.check_output("redis-cli CONFIG GET %s", name).splitlines()

    return lines[1]


@pytest.mark.requirement("R-hyperopt-26", "R-hyperopt-27")
def test_the_cache_has_its_settings_also_after_a_restart(
    runs: Runs, fleet_host: FleetHost, play: t.Any, records: t.Any
) -> None:
    host = fleet_host(CACHE)
    first = found(runs("converge")[FIRST], CACHE)
    assert first["redis_tune:main.persistence"]["status"] == "ok", first

    host.check_output("systemctl restart redis-server.service")
    host.run("timeout 20 sh -c 'until redis-cli PING | grep -q PONG; do sleep 0.2; done'")
    done = play("converge")

    assert done.returncode == 0, done.stdout
    assert records("converge")[-1]["changes"] == []
    assert setting(host, "maxmemory") == str(96 << 20)
    assert setting(host, "maxmemory-policy") == "allkeys-lru"
    assert setting(host, "save") == SAVE


def test_the_broker_keeps_its_policy_and_its_tasks(runs: Runs, fleet_host: FleetHost) -> None:
    host = fleet_host(MIXED)
    first = found(runs("converge")[FIRST], MIXED)

    assert setting(host, "maxmemory-policy") == "noeviction"
    assert "it would evict tasks" in first["redis_tune:main.maxmemory_policy"]["message"]
    assert first["redis_tune:main.eviction"]["status"] == "ok"
    assert "of several 'save' lines" in first["redis_tune:main.persistence"]["message"]
    assert host.check_output("redis-cli -n 5 LLEN planted") == "3"


def test_check_mode_foretold_the_run_and_the_next_run_changed_nothing(records: t.Any) -> None:
    check, first, second = records("converge")[: SECOND + 1]

    assert sorted(change["host"] for change in first["changes"]) == [MIXED, CACHE]
    assert sorted(change["host"] for change in check["changes"]) == [MIXED, CACHE]
    assert second["changes"] == []


@pytest.mark.requirement(
    "R-fairedge-56", "R-fairedge-57", "R-fairedge-60", "R-hyperopt-23", "R-hyperopt-25"
)
@pytest.mark.parametrize("host", [CACHE, MIXED])
@pytest.mark.parametrize(
    ("aspect", "words"),
    [
        ("memory", "MiB are in use"),
        ("slow_log", "slow commands"),
        ("clients", "connections are in use"),
        ("keys_without_expiry", "0:forgotten"),
        ("fragmentation", "the ratio is"),
        ("snapshots", "the last snapshot succeeded"),
    ],
)
def test_figures_are_reported(runs: Runs, host: str, aspect: str, words: str) -> None:
    finding = found(runs("converge")[FIRST], host)[f"redis_tune:main.{aspect}"]

    assert words in finding["message"]
