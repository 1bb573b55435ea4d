# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The servers of the shipped profiles, tuned as the profiles say on a real Redis."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.redis_tune import findings as report
from ansible.module_utils.upkeep.redis_tune.facts import RedisFacts, parse_info
from ansible.module_utils.upkeep.redis_tune.planning import MIB
from ansible.module_utils.upkeep.redis_tune.run import run
from ansible.module_utils.upkeep.redis_tune.settings import parse

from tests import evidence
from tests.unit.module_utils.redis_tune.server import RedisServer, running
from tests.unit.profiles.limits import Entry, profile

SYSTEMS: t.Final = ("fairedge", "hyperopt")
FILL: t.Final = "for i = 1, 250000 do redis.call('set', 'k' .. i, string.rep('x', 150)) end"
DELETE: t.Final = "for i = 1, 250000 do redis.call('del', 'k' .. i) end"


def entry(system: str) -> Entry:
    """Return the one server of a shipped profile."""
    (only,) = profile(system)["system_redis"]

    return t.cast(Entry, only)


def tuned(server: RedisServer, system: str) -> dict[str, Finding]:
    """Return what a run over this server as that of the system finds, by its aspect."""
    values = {
        "instances": [{**entry(system), "port": server.port}],
        "state_file": str(server.folder / "state.json"),
    }

    return {
        item["check"].rpartition(".")[2]: item for item in run(parse(values), False)["findings"]
    }


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_fresh_server_gets_what_the_profile_says_and_nothing_is_wrong(
    tmp_path: Path, system: str
) -> None:
    with running(tmp_path) as server:
        found = tuned(server, system)
        for item in ("maxmemory", "maxmemory_policy", "save"):
            if item in entry(system):
                assert found[item]["expected"] == server.setting(item.replace("_", "-"))

    assert {item["status"] for item in found.values()} <= {"ok", "info"}, found
    evidence.add(system, found.values(), "tuned")


@pytest.mark.requirement("R-hyperopt-26", "R-hyperopt-27")
def test_settings_of_the_guide_are_set_where_they_differ(tmp_path: Path) -> None:
    with running(tmp_path, "maxmemory 1gb", "maxmemory-policy noeviction", "save 60 1") as server:
        found = tuned(server, "hyperopt")
        server.restart()
        kept = {name: server.setting(name) for name in ("maxmemory-policy", "save")}

    assert "was set from noeviction to allkeys-lru" in found["maxmemory_policy"]["message"]
    assert "was set from '60 1' to '900 1 300 10 60 10000'" in found["save"]["message"]
    assert kept == {"maxmemory-policy": "allkeys-lru", "save": "900 1 300 10 60 10000"}
    evidence.add("hyperopt", [found["maxmemory_policy"], found["save"]])


@pytest.mark.requirement("R-fairedge-60")
def test_a_key_that_must_expire_and_does_not_is_named(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.ask("SET", "opportunities:of all", "[]")
        server.ask("SET", "another", "1")
        found = tuned(server, "fairedge")

    assert found["must_expire"]["status"] == "warning"
    assert found["must_expire"]["observed"] == 1
    assert "0:opportunities:of all" in found["must_expire"]["message"]
    assert "0:another" in found["keys_without_expiry"]["message"]
    evidence.add("fairedge", [found["must_expire"], found["keys_without_expiry"]])


@pytest.mark.requirement("R-fairedge-56")
def test_ten_slow_commands_are_named(tmp_path: Path) -> None:
    with running(tmp_path, "slowlog-log-slower-than 0") as server:
        for number in range(60):
            server.ask("SET", f"key {number}", "x", "EX", 60)
        server.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        found = tuned(server, "fairedge")["slow_log"]

    assert found["status"] == "warning"
    assert found["message"].count(" ms") == 10
    evidence.add("fairedge", [found], "10 entries")


@pytest.mark.requirement("R-fairedge-57", "R-hyperopt-23")
@pytest.mark.parametrize("system", SYSTEMS)
def test_memory_and_its_growth_are_told(tmp_path: Path, system: str) -> None:
    with running(tmp_path) as server:
        tuned(server, system)
        server.ask("SET", "large", "x" * (4 * MIB), "EX", 60)
        found = tuned(server, system)["memory"]

    assert "+5." in found["message"]
    assert "since the previous run" in found["message"]
    evidence.add(system, [found], "growth")


@pytest.mark.requirement("R-hyperopt-24")
def test_memory_is_given_back_as_the_guide_asks(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.ask("EVAL", FILL, 0)
        server.ask("EVAL", DELETE, 0)  # FLUSHALL gives memory back by itself
        time.sleep(0.3)  # until the server has measured it
        held = _facts(server)
        found = tuned(server, "hyperopt")["fragmentation"]
        after = _facts(server)

    assert "given back" in found["message"], found
    assert after.number("used_memory_rss") < held.number("used_memory_rss")
    evidence.add("hyperopt", [found], "given back")


@pytest.mark.requirement("R-hyperopt-25")
@pytest.mark.parametrize(("ratio", "status"), [(1.5, "ok"), (1.51, "warning")])
def test_fragmentation_is_judged_at_the_ratio_of_the_guide(ratio: float, status: str) -> None:
    (instance,) = parse({"instances": [entry("hyperopt")]}).instances
    used = 100 * MIB
    info = {
        "mem_fragmentation_ratio": str(ratio),
        "used_memory": str(used),
        "used_memory_rss": str(int(used * ratio)),
        "mem_allocator": "jemalloc-5.3.0",
    }
    found = report.fragmentation(instance, RedisFacts(info, {}, "", ""), [])

    assert found["status"] == status
    assert found["limits"] == {"warning": 1.5, "critical": None, "side": "above"}
    evidence.add("hyperopt", [found], f"ratio {ratio:g}")


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("aspect", "field"), [("memory", "used_memory"), ("clients", "")])
@pytest.mark.parametrize("level", ["warning", "critical"])
def test_shares_are_judged_at_their_limits(
    system: str, aspect: str, field: str, level: str
) -> None:
    (instance,) = parse({"instances": [entry(system)]}).instances
    limit = instance.aspects[aspect][level]
    if limit is None:
        return  # told only

    judge = getattr(report, aspect)
    statuses = [
        judge(instance, _filled(field or "connected_clients", share), None)["status"]
        for share in (limit, limit + 1)
    ]

    assert statuses[0] != level
    assert statuses[1] == level


def _filled(field: str, percent: float) -> RedisFacts:
    info = {"maxmemory": "1000", "maxclients": "1000", field: str(percent * 10)}

    return RedisFacts(info, {}, "", "")


def _facts(server: RedisServer) -> RedisFacts:
    return RedisFacts(parse_info(server.ask("INFO", "memory")), {}, "", "")
