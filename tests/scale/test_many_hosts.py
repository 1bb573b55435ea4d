# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two database hosts and three application hosts per system, over ssh.

Needs a running fleet (``python -m demo up``); ``UPKEEP_FLEET`` names another one than the default.
Several aliases share a machine, so what would change it is only predicted; locks are really taken.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from demo import engine
from demo.scale_inventory import profiles, write
from tests.scale import runs
from tests.scale.runs import DATA, DATA_HOSTS, OTHER_HOSTS, Record

QUIET = ("ok", "info")
#: Several aliases of a machine would run its applications' own tests at once. One host or many is
#: all the same to them.
NO_SUITES = json.dumps({"app_tests_suites": []})

#: System -> host -> components.
Spread = dict[str, dict[str, frozenset[str]]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an inventory that spreads every system over five hosts."""
    engine.require()
    real = runs.running()
    spread = runs.spread(real.hosts)
    everyone = [pair for pairs in spread.values() for pair in pairs]

    return write(tmp_path_factory.mktemp("many"), real, everyone, profiles())


@pytest.fixture(scope="module")
def expected() -> Spread:
    """Return the hosts of the inventory."""
    spread = runs.spread(runs.running().hosts)
    return {
        system: {alias.name: frozenset(alias.components) for alias, _ in pairs}
        for system, pairs in spread.items()
    }


@pytest.fixture(scope="module")
def apart(expected: Spread) -> str:
    """Return the system that one test locks and of which one host is silent."""
    return next(
        system for system, hosts in expected.items() if len(hosts) == DATA_HOSTS + OTHER_HOSTS
    )


@pytest.fixture(scope="module")
def predicted(
    place: Path, apart: str, expected: Spread, tmp_path_factory: pytest.TempPathFactory
) -> Record:
    """Return the record of a weekly run in check mode; one host does not answer."""
    # In the order of the inventory, the first host would also have kept the lock.
    silent = next(iter(expected[apart]))
    text = place.read_text(encoding="utf-8")
    marked = text.replace(
        f"{silent}:\n          ansible_port:", f"{silent}:\n          ansible_port: 1 #"
    )

    assert marked != text

    broken = place.with_name("silent.yml")
    broken.write_text(marked, encoding="utf-8")
    done, record = runs.play(
        broken, tmp_path_factory.mktemp("store"), "playbooks/weekly.yml", "--check", "-e", NO_SUITES
    )

    assert record["outcome"] == "unreachable", done.stdout[-3000:]

    # Who asks the silent host for the lock does not reach it, either.
    unreachable = {name for name, host in record["hosts"].items() if host["unreachable"]}

    assert {silent} <= unreachable <= set(expected[apart])

    return record


def test_every_system_is_spread(expected: Spread) -> None:
    for hosts in expected.values():
        kept = [components for components in hosts.values() if components & DATA]
        assert len(kept) in (0, DATA_HOSTS)
        assert len(hosts) - len(kept) == OTHER_HOSTS


def test_all_hosts_are_looked_at_and_none_fails(
    predicted: Record, apart: str, expected: Spread
) -> None:
    failed = [task["host"] for task in predicted["failed_tasks"] if task["role"] != "verdict"]

    assert set(failed) <= set(expected[apart])
    assert set(predicted["hosts"]) - {"localhost"} == {
        host for hosts in expected.values() for host in hosts
    }

    alarms = [
        f"{f['host']} {f['check']}: {f['message']}"
        for f in predicted["findings"]
        if f["status"] not in QUIET and f["system"] != apart and f["area"] in ("preflight", "gate")
    ]

    assert alarms == []


def test_every_database_host_is_maintained(predicted: Record, apart: str, expected: Spread) -> None:
    [role] = [role for role in predicted["roles"] if role["role"] == "db_maintenance"]
    others = [hosts for system, hosts in expected.items() if system != apart]
    wanted = {
        host
        for hosts in others
        for host, components in hosts.items()
        if components & {"postgresql"}
    }
    worked = {host for host, tasks in role["remote_tasks_by_host"].items() if tasks}

    assert wanted <= worked


def test_one_host_of_each_system_holds_its_lock(
    predicted: Record, apart: str, expected: Spread
) -> None:
    holders = Counter(f["system"] for f in predicted["findings"] if f["check"] == "lock:system")
    # Where the host that keeps the lock is silent, nobody gets it.
    assert holders == dict.fromkeys(expected.keys() - {apart}, 1)


def test_the_gate_answers_for_every_host_and_holds_the_system_of_the_silent_one(
    predicted: Record, apart: str, expected: Spread
) -> None:
    gates = runs.statuses(predicted, "gate:change")
    answers = {
        system: [gates[host] for host in hosts if host in gates]
        for system, hosts in expected.items()
    }

    assert set(answers.pop(apart)) == {"critical"}
    assert answers == {system: ["ok"] * len(expected[system]) for system in answers}
    assert [change for change in predicted["changes"] if change["system"] == apart] == []


def test_a_lock_is_really_taken_once_and_given_back(
    place: Path, apart: str, tmp_path: Path
) -> None:
    for _ in range(2):
        done, record = runs.play(place, tmp_path, "tests/scale/lock.yml", "--limit", apart)
        assert record["changes"] == [], done.stdout[-3000:]
        assert list(runs.statuses(record, "lock:system").values()) == ["ok"], (
            "the previous run gave it back"
        )
