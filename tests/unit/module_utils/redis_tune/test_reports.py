# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers as users of Redis have reported them: what looks alarming, and what is."""

from __future__ import annotations

import os
import pwd
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.redis_tune import findings as report
from ansible.module_utils.upkeep.redis_tune.facts import RedisFacts, parse_info
from ansible.module_utils.upkeep.redis_tune.planning import is_defragmentation_due, is_purge_due
from ansible.module_utils.upkeep.redis_tune.settings import Instance, parse

from tests.unit.module_utils.redis_tune.server import RedisServer, free_port, running
from tests.unit.module_utils.redis_tune.test_run import by_aspect, done, tune

#: What INFO said, and how the ratio is judged.
MEMORY: t.Final = {
    "a small server after a restart": (
        "used_memory:881264 used_memory_rss:10190848 allocator_allocated:1178064"
        " allocator_active:1478656 allocator_resident:4345856 mem_fragmentation_ratio:12.13"
        " mem_allocator:jemalloc-5.1.0",
        "ok",
    ),
    "a small server with a high ratio": (
        "used_memory:1500552 used_memory_rss:3698688 allocator_allocated:1701072"
        " allocator_active:2121728 allocator_resident:6782976 mem_fragmentation_ratio:2.40"
        " mem_allocator:jemalloc-5.1.0",
        "ok",
    ),
    "less resident than used": (
        "used_memory:7759258544 used_memory_rss:6965792768 mem_fragmentation_ratio:0.90"
        " mem_allocator:jemalloc-3.0.0",
        "ok",
    ),
    "resident pages without fragments": (
        "used_memory:786298648 used_memory_rss:951421364 allocator_allocated:786298648"
        " allocator_active:788901888 allocator_resident:867696640 mem_fragmentation_ratio:1.21"
        " mem_allocator:jemalloc-4.0.3",
        "ok",
    ),
    "a ratio of allocators in a server that holds little": (
        "used_memory:2180016 used_memory_rss:6291456 allocator_allocated:2180016"
        " allocator_active:2797568 allocator_resident:5611520 mem_fragmentation_ratio:2.89"
        " mem_allocator:jemalloc-5.3.0",
        "ok",
    ),
    "a server so old that it shows no allocator": (
        "used_memory:47222624920 used_memory_rss:71731642368 mem_fragmentation_ratio:1.52"
        " mem_allocator:jemalloc-4.0.3",
        "warning",
    ),
    "an allocator that gives nothing back": (
        "used_memory:1000000000 used_memory_rss:1900000000 mem_fragmentation_ratio:1.9"
        " mem_allocator:libc",
        "warning",
    ),
}


def instance(**options: t.Any) -> Instance:
    """Return a cache of the profile."""
    values = {"instances": [{"name": "x", "purpose": "cache", **options}], "state_file": "/s"}

    return parse(values).instances[0]


@pytest.mark.parametrize("text", MEMORY)
def test_memory_is_given_back_only_where_that_gains_something(text: str) -> None:
    info, status = MEMORY[text]
    facts = RedisFacts(parse_info(info.replace(" ", "\r\n")), {}, "", "")
    cache = instance(fragmentation={"ratio": 1.5})

    assert not is_purge_due(cache, facts, 0.0)
    assert not is_defragmentation_due(cache, facts)
    assert report.fragmentation(cache, facts, [])["status"] == status


def test_a_limit_without_its_unit_is_never_set(redis: RedisServer) -> None:
    answer = tune(redis, maxmemory={"value": "64"})

    assert redis.setting("maxmemory") == "0"
    assert "never set below 1.2 times" in by_aspect(answer)["maxmemory"]["message"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_file_with_a_password_gets_no_more_readers_than_it_had(
    redis: RedisServer, mode: int
) -> None:
    redis.config.chmod(mode)
    answer = tune(redis, maxmemory={"value": "64mb"})

    assert done(answer)[-1] == "config_rewrite done"
    assert redis.config.stat().st_mode & 0o777 & ~mode == 0


#: What queues leave in a server that is called a cache: the keys that are there at once.
QUEUES: t.Final = {
    "Celery, whose default queue has another name": [
        ("SADD", "_kombu.binding.celery.pidbox", "\x06\x16\x06\x16celery@h.celery.pidbox"),
        ("SADD", "_kombu.binding.shop", "shop\x06\x16\x06\x16shop"),
    ],
    "RQ": [("SADD", "rq:queues", "rq:queue:default"), ("HSET", "rq:job:1", "status", "queued")],
    "Sidekiq": [
        ("SADD", "queues", "default"),
        ("SADD", "processes", "h:1"),
        ("LPUSH", "queue:x", "{}"),
    ],
    "Dramatiq": [("ZADD", "dramatiq:__heartbeats__", 1, "w"), ("RPUSH", "dramatiq:default", "x")],
    "arq": [("ZADD", "arq:queue", 1, "job")],
}


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu"])
def test_jobs_in_a_cache_that_may_evict_them_are_found(
    redis: RedisServer, queue: str, policy: str
) -> None:
    redis.ask("CONFIG", "SET", "maxmemory", 64 << 20)
    for command in QUEUES[queue]:
        redis.ask(*command)
    answer = tune(redis, maxmemory_policy={"value": policy})

    assert redis.setting("maxmemory-policy") == "noeviction"
    assert "as a broker of tasks does" in by_aspect(answer)["maxmemory_policy"]["message"]


@pytest.mark.parametrize(
    "command", [("SADD", "queues", "fast"), ("SET", "queues", "x"), ("SET", "rq:report", "x")]
)
def test_cached_keys_that_only_look_like_a_queue_are_no_reason_against_eviction(
    redis: RedisServer, command: tuple[str, ...]
) -> None:
    redis.ask("CONFIG", "SET", "maxmemory", 64 << 20)
    redis.ask(*command)
    tune(redis, maxmemory_policy={"value": "allkeys-lru"})

    assert redis.setting("maxmemory-policy") == "allkeys-lru"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_folder_that_the_server_may_not_write_to_is_said(open_folder: Path) -> None:
    """Since Redis 6.0.9 the right to write its file is not enough."""
    with running(open_folder, 'save ""') as server:
        server.stop()
        account = pwd.getpwnam("nobody")
        os.chown(server.config, account.pw_uid, account.pw_gid)
        program = open_folder / "as-nobody"
        rights = f"--reuid={account.pw_uid} --regid={account.pw_gid} --clear-groups"
        program.write_text(f'#!/bin/sh\nexec setpriv {rights} {server.program} "$@"\n')
        program.chmod(0o755)
        server.program = str(program)
        server.start(str(server.config))
        first = tune(server, maxmemory={"value": "64mb"})
        open_folder.chmod(0o1777)
        again = tune(server, maxmemory={"value": "64mb"})

    assert done(first) == ["config_set done", "config_rewrite failed"]
    assert "must be able to write to the folder" in by_aspect(first)["persistence"]["message"]
    assert done(again) == ["config_rewrite done"]


def test_a_user_that_may_see_the_settings_and_not_set_them_is_told_so(tmp_path: Path) -> None:
    rights = "+@all -config +config|get -config|set"
    with running(tmp_path, f"user default on nopass ~* {rights}") as server:
        answer = tune(server, maxmemory={"value": "64mb"}, maxmemory_policy={"value": "noeviction"})

    assert answer["actions"][0]["status"] == "failed"
    assert by_aspect(answer)["maxmemory"]["status"] == "warning"


def test_a_sentinel_is_not_tuned(redis: RedisServer) -> None:
    redis.stop()
    redis.start(str(redis.config), "--sentinel")
    answer = tune(redis, maxmemory={"value": "64mb"}, memory={}, slow_log={}, hit_ratio={})

    assert answer["actions"] == []
    assert by_aspect(answer)[""]["status"] == "unknown"


def test_a_node_of_a_cluster_is_tuned(tmp_path: Path) -> None:
    with running(tmp_path, "cluster-enabled yes", f"cluster-port {free_port()}") as server:
        first = tune(server, maxmemory={"value": "64mb"}, keys_without_expiry={})
        server.restart()
        again = tune(server, maxmemory={"value": "64mb"}, keys_without_expiry={})

    assert done(first) == ["config_set done", "config_rewrite done"]
    assert again["actions"] == []


@pytest.mark.parametrize("value", ["64mb", "64MB", "65536k", "67108864"])
def test_a_limit_with_any_unit_is_set_once(redis: RedisServer, value: str) -> None:
    tune(redis, maxmemory={"value": value})

    assert tune(redis, maxmemory={"value": value})["actions"] == []
    assert redis.setting("maxmemory") in (str(64 << 20), "65536000")
