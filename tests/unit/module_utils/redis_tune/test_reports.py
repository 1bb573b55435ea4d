# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers as users of Redis have reported them: what looks alarming, and what is."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.redis_tune import findings as report
from ansible.module_utils.upkeep.redis_tune.facts import RedisFacts, parse_info
from ansible.module_utils.upkeep.redis_tune.planning import is_defragmentation_due, is_purge_due
from ansible.module_utils.upkeep.redis_tune.settings import Instance, parse

from tests.unit.module_utils.redis_tune.server import RedisServer
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
