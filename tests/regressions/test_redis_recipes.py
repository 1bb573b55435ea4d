# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guides' recipes for Redis, failing on a real server, beside what redis_tune does instead."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.redis_client import RedisReplyError
from ansible.module_utils.upkeep.redis_tune.run import run
from ansible.module_utils.upkeep.redis_tune.settings import parse

from tests.unit.module_utils.redis_tune.server import RedisServer, running

SAVE: t.Final = "900 1 300 10 60 10000"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server with a file of its own."""
    with running(tmp_path) as server:
        yield server


def tune(server: RedisServer, **options: t.Any) -> dict[str, t.Any]:
    """Return what a run of redis_tune over the server answers."""
    state = str(server.folder / "state.json")

    return run(parse({"instances": [server.entry(**options)], "state_file": state}), False)


def fill(server: RedisServer) -> None:
    """Queue tasks and then cache more than the server's memory takes."""
    for number in range(100):
        server.ask("LPUSH", f"queue:{number}", "task")
    for number in range(400):
        try:
            server.ask("SET", f"cached:{number}", "x" * 50_000, "EX", 600)
        except RedisReplyError:
            return


@pytest.mark.requirement("R-hyperopt-25")
def test_memory_defrag_does_not_exist(redis: RedisServer) -> None:
    with pytest.raises(RedisReplyError, match="unknown subcommand"):
        redis.ask("MEMORY", "DEFRAG")

    answer = tune(redis, fragmentation={"ratio": 1.5})
    assert answer["findings"][0]["status"] == "ok"


@pytest.mark.requirement("R-hyperopt-26")
def test_allkeys_lru_on_a_broker_loses_tasks(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "maxmemory", "5mb")
    redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    fill(redis)
    left = sum(redis.ask("EXISTS", f"queue:{number}") for number in range(100))

    assert left < 100


@pytest.mark.requirement("R-hyperopt-26")
def test_redis_tune_refuses_it_and_all_tasks_are_there(redis: RedisServer) -> None:
    tune(
        redis,
        purpose="mixed",
        maxmemory={"value": "5mb"},
        maxmemory_policy={"value": "allkeys-lru"},
    )
    fill(redis)
    left = sum(redis.ask("EXISTS", f"queue:{number}") for number in range(100))

    assert redis.setting("maxmemory") == str(5 << 20)
    assert left == 100


@pytest.mark.requirement("R-hyperopt-27")
def test_what_config_set_alone_sets_is_lost_by_a_restart(redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "save", SAVE)
    redis.restart()
    assert redis.setting("save") != SAVE

    tune(redis, save={"value": SAVE})
    redis.restart()
    assert redis.setting("save") == SAVE
