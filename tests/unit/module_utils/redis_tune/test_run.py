# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs over real servers: what is set holds, what must not be set is not."""

from __future__ import annotations

import contextlib
import shutil
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.redis_client import RedisReplyError
from ansible.module_utils.upkeep.findings import validate_partial
from ansible.module_utils.upkeep.redis_tune.run import run
from ansible.module_utils.upkeep.redis_tune.settings import parse

from tests.unit.module_utils.redis_tune.server import RedisServer, running

Answer = dict[str, t.Any]
WANTED: t.Final = {
    "maxmemory": {"value": "64mb"},
    "maxmemory_policy": {"value": "allkeys-lru"},
    "save": {"value": "900 1 300 10 60 10000"},
}


def tune(server: RedisServer, check_mode: bool = False, **options: t.Any) -> Answer:
    """Return what a run over one server answers; its findings must be valid."""
    values = {
        "instances": [server.entry(**options)],
        "state_file": str(server.folder / "state.json"),
        "timeout": 10.0,
    }
    answer = run(parse(values), check_mode)
    for found in answer["findings"]:
        validate_partial(found)

    return answer


def by_aspect(answer: Answer) -> dict[str, Answer]:
    """Return the findings by their aspect, '' for that of the server itself."""
    return {
        found["check"].partition(":")[2].partition(".")[2]: found for found in answer["findings"]
    }


def done(answer: Answer) -> list[str]:
    """Return what was done, in order."""
    return [f"{item['action']} {item['status']}" for item in answer["actions"]]


def test_what_differs_is_set_written_down_and_holds_after_a_restart(redis: RedisServer) -> None:
    first = tune(redis, **WANTED)
    again = tune(redis, **WANTED)
    redis.restart()
    restarted = tune(redis, **WANTED)

    assert first["changed"]
    assert done(first) == ["config_set done"] * 3 + ["config_rewrite done"]
    assert by_aspect(first)["persistence"]["status"] == "ok"
    assert again["actions"] == []
    assert not restarted["changed"]
    assert restarted["actions"] == []
    assert redis.setting("maxmemory") == str(64 << 20)
    assert redis.setting("maxmemory-policy") == "allkeys-lru"
    assert redis.setting("save") == "900 1 300 10 60 10000"


def test_check_mode_says_the_same_and_sets_nothing(redis: RedisServer) -> None:
    before = redis.config.read_text()
    foretold = tune(redis, check_mode=True, **WANTED)

    assert foretold["changed"]
    assert done(foretold) == ["config_set planned"] * 3 + ["config_rewrite planned"]
    assert redis.setting("maxmemory") == "0"
    assert redis.config.read_text() == before
    assert not (redis.folder / "state.json").exists()
    assert [item["detail"] for item in foretold["actions"]] == [
        item["detail"] for item in tune(redis, **WANTED)["actions"]
    ]


def test_only_what_the_profile_names_is_set(redis: RedisServer) -> None:
    before = redis.setting("save")
    tune(redis, maxmemory={"value": "64mb"})

    assert redis.setting("save") == before
    assert redis.setting("maxmemory-policy") == "noeviction"


def test_a_setting_that_only_the_file_lost_is_written_again(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "maxmemory", 64 << 20)
    answer = tune(redis, maxmemory={"value": "64mb"})

    assert done(answer) == ["config_rewrite done"]
    assert tune(redis, maxmemory={"value": "64mb"})["actions"] == []


def test_an_include_that_says_otherwise_is_named_with_file_and_line(tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("# ours\nmaxmemory 32mb\n")
    with running(tmp_path, "maxmemory 16mb", f"include {other}") as server:
        answer = tune(server, maxmemory={"value": "64mb"})
        found = by_aspect(answer)["persistence"]

        assert found["status"] == "warning"
        assert f"{other}:2" in found["message"]
        assert other.read_text() == "# ours\nmaxmemory 32mb\n"
        assert tune(server, maxmemory={"value": "64mb"})["actions"] == []


def test_an_include_that_the_main_file_can_outvote_is_outvoted(tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("maxmemory 32mb\n")
    with running(tmp_path, f"include {other}") as server:
        first = tune(server, maxmemory={"value": "64mb"})
        server.restart()
        again = tune(server, maxmemory={"value": "64mb"})

        assert by_aspect(first)["persistence"]["status"] == "ok"
        assert again["actions"] == []
        assert server.setting("maxmemory") == str(64 << 20)


@pytest.mark.parametrize(
    "lines",
    [
        ["save 900 1 300 10", "include {}"],
        ["include {}", "save 900 1", "save 300 10"],
        ["include {}", "save 900 1 300 10"],
        ["save 900 1", "include {}", "save 300 10"],
        ["include {}"],
        ["save 60 1", "include {}"],
    ],
)
def test_what_is_said_about_a_restart_is_what_a_restart_gives(
    tmp_path: Path, lines: list[str]
) -> None:
    other = tmp_path / "other.conf"
    other.write_text("maxmemory 32mb\n")
    options = {"save": {"value": "900 1 300 10"}}
    with running(tmp_path, *(line.format(other) for line in lines)) as server:
        tune(server, **options)
        said = by_aspect(tune(server, **options))["persistence"]["status"]
        again = tune(server, **options)
        server.restart()

        assert again["actions"] == []
        assert (said == "ok") is (server.setting("save") == "900 1 300 10")


def test_a_save_that_the_profile_does_not_name_is_not_broken(tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("timeout 0\n")
    with running(tmp_path, f"include {other}", "save 900 1 300 10") as server:
        answer = tune(server, maxmemory={"value": "64mb"})
        server.restart()

        assert done(answer) == ["config_set done"]
        message = by_aspect(answer)["persistence"]["message"]
        assert "'save' lines after them only the last counts" in message
        assert server.setting("save") == "900 1 300 10"


def test_a_built_in_value_is_not_written_again_and_again(tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("maxmemory-policy allkeys-lru\n")
    with running(tmp_path, f"include {other}") as server:
        answers = [tune(server, maxmemory_policy={"value": "noeviction"}) for _ in range(3)]

        assert done(answers[0]) == ["config_set done"]
        assert answers[2]["actions"] == []
        assert f"{other}:1" in by_aspect(answers[2])["persistence"]["message"]


def test_a_server_without_a_file_is_set_and_its_restart_unknown(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.stop()
        server.start("--port", str(server.port), "--bind", "127.0.0.1")
        answer = tune(server, maxmemory={"value": "64mb"})

        assert done(answer) == ["config_set done"]
        assert by_aspect(answer)["persistence"]["status"] == "unknown"
        assert server.setting("maxmemory") == str(64 << 20)


@pytest.mark.parametrize("purpose", ["broker", "mixed"])
def test_a_broker_never_gets_an_evicting_policy(redis: RedisServer, purpose: str) -> None:
    answer = tune(redis, **WANTED, purpose=purpose)
    found = by_aspect(answer)

    assert redis.setting("maxmemory-policy") == "noeviction"
    assert found["maxmemory_policy"]["status"] == "warning"
    assert "it would evict tasks" in found["maxmemory_policy"]["message"]
    assert found["eviction"]["status"] == "ok"
    assert tune(redis, **WANTED, purpose=purpose)["actions"] == []


def test_a_cache_that_holds_tasks_is_found_out(redis: RedisServer) -> None:
    redis.ask("SELECT", 0)
    redis.ask("SADD", "_kombu.binding.celery", "celery")
    redis.ask("CONFIG", "SET", "maxmemory", 64 << 20)
    redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    found = by_aspect(tune(redis, maxmemory_policy={"value": "allkeys-lru"}))

    assert found["eviction"]["status"] == "critical"
    assert "_kombu.binding.celery" in found["eviction"]["message"]


def test_the_limit_is_not_set_below_what_is_used(redis: RedisServer) -> None:
    redis.ask("SET", "large", "x" * (8 << 20))
    answer = tune(redis, maxmemory={"value": "9mb"})

    assert redis.setting("maxmemory") == "0"
    assert "never set below 1.2 times" in by_aspect(answer)["maxmemory"]["message"]


def test_a_queue_outlives_a_tuning_run_of_a_server_that_is_full(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "maxmemory", 64 << 20)
    for number in range(200):
        redis.ask("LPUSH", "celery", f"task {number}")
    redis.ask("SET", "cached", "x" * (4 << 20), "EX", 600)
    tune(redis, **{**WANTED, "maxmemory": {"value": "6mb"}}, purpose="mixed")

    assert redis.ask("LLEN", "celery") == 200
    assert redis.ask("EXISTS", "cached") == 1


def test_the_hit_ratio_is_that_since_the_previous_run(redis: RedisServer) -> None:
    redis.ask("SET", "here", "1")
    tune(redis, hit_ratio={"warning": 90.0, "min_lookups": 10})
    for _ in range(5):
        redis.ask("GET", "here")
        redis.ask("GET", "missing")
    found = by_aspect(tune(redis, hit_ratio={"warning": 90.0, "min_lookups": 10}))["hit_ratio"]

    assert found["status"] == "warning"
    assert found["observed"] == 50.0
    assert found["limits"] == {"warning": 90.0, "critical": None, "side": "below"}


def test_a_restart_between_two_runs_starts_the_counters_anew(redis: RedisServer) -> None:
    tune(redis, hit_ratio={"min_lookups": 1})
    redis.restart()
    found = by_aspect(tune(redis, hit_ratio={"min_lookups": 1}))["hit_ratio"]

    assert found["status"] == "info"
    assert "not enough lookups" in found["message"]


def test_keys_without_an_expiry_are_listed(redis: RedisServer) -> None:
    redis.ask("SET", "opportunities:1", "x", "EX", 600)
    redis.ask("SET", "forgotten\nkey", "x")
    redis.ask("SADD", "_kombu.binding.celery", "x")
    found = by_aspect(tune(redis, keys_without_expiry={"warning": 50.0}))["keys_without_expiry"]

    assert found["status"] == "warning"
    assert "2 of 3 keys never expire" in found["message"]
    assert "0:forgotten\\nkey" in found["message"]
    assert "_kombu" not in found["message"]


def test_slow_commands_are_named_without_their_arguments(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "slowlog-log-slower-than", 0)
    redis.ask("SET", "secret-of-a-user", "x")
    redis.ask("CONFIG", "SET", "slowlog-log-slower-than", -1)
    options = {"slow_log": {"entries": 10, "warning": 0.0}}
    first = by_aspect(tune(redis, **options))["slow_log"]
    again = by_aspect(tune(redis, **options))["slow_log"]

    assert first["status"] == "warning"
    assert "SET" in first["message"]
    assert "secret" not in first["message"]
    assert again["observed"] == 0


def test_a_snapshot_that_failed_is_critical(redis: RedisServer) -> None:
    redis.ask("SET", "x", "1")
    (redis.folder / "dump.rdb").mkdir()
    redis.ask("BGSAVE")
    for _ in range(200):
        if "rdb_last_bgsave_status:err" in redis.ask("INFO", "persistence"):
            break
        time.sleep(0.05)

    assert by_aspect(tune(redis))["snapshots"]["status"] == "critical"


def test_a_rewrite_of_the_log_that_failed_is_critical(tmp_path: Path) -> None:
    with running(tmp_path, "appendonly yes") as server:
        server.ask("SET", "x", "1")
        shutil.rmtree(tmp_path / "appendonlydir")
        (tmp_path / "appendonlydir").touch()
        with contextlib.suppress(RedisReplyError):
            server.ask("BGREWRITEAOF")
        found = by_aspect(tune(server))["snapshots"]

    assert found["status"] == "critical"
    assert "aof_last_bgrewrite_status" in found["message"]


def test_figures_of_memory_clients_and_kernel_are_reported(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "maxmemory", 64 << 20)
    options: dict[str, t.Any] = {"fragmentation": {}, "memory": {}, "clients": {}, "kernel": {}}
    tune(redis, **options)
    found = by_aspect(tune(redis, **options))

    assert found[""]["status"] == "ok"
    assert found["memory"]["unit"] == "%"
    assert "since the previous run" in found["memory"]["message"]
    assert found["clients"]["observed"] > 0
    assert found["fragmentation"]["status"] == "ok"
    assert found["kernel"]["status"] in ("ok", "info")


def test_memory_is_given_back_once_where_it_is_worth_it(redis: RedisServer) -> None:
    for number in range(2000):
        redis.ask("SET", f"k{number}", "x" * 10_000)
    redis.ask("FLUSHALL")
    options = {"fragmentation": {"ratio": 1.01, "min_mb": 1.0, "seconds": 1}}
    time.sleep(0.3)  # until the server has measured it
    first = tune(redis, **options)
    again = tune(redis, **options)

    assert "memory_purge done" in done(first)
    assert not again["changed"]
    assert redis.setting("activedefrag") == "no"


def test_check_mode_foretells_a_defragmentation_only_where_the_server_can(
    redis: RedisServer,
) -> None:
    script = "for i = 1, 60000 do redis.call('{}', 'k' .. i{}) end"
    redis.ask("EVAL", script.format("set", ", string.rep('x', 150)"), 0)
    redis.ask(
        "EVAL",
        script.format("del", "")
        .replace("redis", "if i % 10 > 0 then redis", 1)
        .replace(" end", " end end"),
        0,
    )
    time.sleep(0.3)  # until the server has measured it
    options = {"fragmentation": {"ratio": 1.1, "min_mb": 1.0, "seconds": 1}}
    foretold = tune(redis, check_mode=True, **options)
    first = tune(redis, **options)

    assert [line.replace("planned", "done") for line in done(foretold)] == done(first)
    assert foretold["changed"] == first["changed"]
    assert any(line.startswith("defragment") for line in done(first))
    assert redis.setting("activedefrag") == "no"


def test_nothing_is_done_below_the_floor(redis: RedisServer) -> None:
    answer = tune(redis, fragmentation={"ratio": 1.01, "min_mb": 4096.0})

    assert answer["actions"] == []


# What a server may be like that cannot be tuned.


def test_a_wrong_or_missing_password_is_said_and_never_shown(tmp_path: Path) -> None:
    with running(tmp_path, password="p-one") as server:  # noqa: S106
        good = tune(server, maxmemory={"value": "64mb"})
        missing = tune(server, password=None)
        wrong = tune(server, password="p-two")  # noqa: S106

    assert good["changed"]
    assert "asks for a password" in by_aspect(missing)[""]["message"]
    assert by_aspect(wrong)[""]["status"] == "unknown"
    assert "p-two" not in str(wrong)


def test_renamed_commands_leave_the_settings_unknown(tmp_path: Path) -> None:
    with running(tmp_path, 'rename-command CONFIG ""') as server:
        found = by_aspect(tune(server, **WANTED))

    assert found[""]["status"] == "unknown"
    assert found["maxmemory"]["status"] == "unknown"


def test_a_user_that_may_not_configure_is_told_so(tmp_path: Path) -> None:
    with running(tmp_path, "user default on nopass ~* +@all -config") as server:
        found = by_aspect(tune(server, **WANTED, memory={}))

    assert found[""]["status"] == "unknown"
    assert found["memory"]["status"] == "info"


def test_a_server_that_may_not_write_its_file_is_a_warning(tmp_path: Path) -> None:
    with running(tmp_path, "user default on nopass ~* +@all -config|rewrite") as server:
        answer = tune(server, maxmemory={"value": "64mb"})

    assert done(answer) == ["config_set done", "config_rewrite failed"]
    assert by_aspect(answer)["persistence"]["status"] == "warning"


def test_a_file_that_would_keep_redis_from_starting_is_never_written(tmp_path: Path) -> None:
    users = tmp_path / "users.conf"
    users.write_text("user default on nopass ~* +@all\n")
    with running(tmp_path, f"include {users}") as server:
        before = server.config.read_text()
        answer = tune(server, maxmemory={"value": "64mb"})
        again = tune(server, maxmemory={"value": "64mb"})

        assert done(answer) == ["config_set done"]
        assert f"{users}:1 holds 'user'" in by_aspect(answer)["persistence"]["message"]
        assert not again["changed"]
        assert server.config.read_text() == before
        server.restart()


def test_an_empty_save_wins_over_the_lines_of_an_include(tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text("save 1 1\n")
    with running(tmp_path, f"include {other}") as server:
        first = tune(server, save={"value": ""})
        server.restart()
        again = tune(server, save={"value": ""})

        assert by_aspect(first)["persistence"]["status"] == "ok"
        assert again["actions"] == []
        assert server.setting("save") == ""


def test_a_server_that_is_down_is_unknown_and_others_are_tuned(redis: RedisServer) -> None:
    down = {**redis.entry(), "name": "down", "port": 1}
    values = {
        "instances": [down, redis.entry(maxmemory={"value": "64mb"})],
        "state_file": str(redis.folder / "state.json"),
    }
    answer = run(parse(values), check_mode=False)

    assert answer["findings"][0]["status"] == "unknown"
    assert redis.setting("maxmemory") == str(64 << 20)


def test_a_damaged_state_file_is_replaced(redis: RedisServer) -> None:
    (redis.folder / "state.json").write_text("{")
    first = tune(redis, memory={})
    again = tune(redis, memory={})

    assert by_aspect(first)["memory"]["status"] == "info"
    assert "since the previous run" in by_aspect(again)["memory"]["message"]


def test_a_replica_is_looked_at(redis: RedisServer, tmp_path: Path) -> None:
    folder = tmp_path / "replica"
    folder.mkdir()
    with running(folder, f"replicaof 127.0.0.1 {redis.port}") as replica:
        found = by_aspect(tune(replica, maxmemory={"value": "64mb"}))

    assert "slave" in found[""]["message"]
    assert found["maxmemory"]["status"] == "ok"
