# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Caches in trouble: a server that loads, restarts, or is reached by TLS alone."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.redis_client import RedisError
from ansible.module_utils.upkeep.cache_maintenance import redis_keys
from ansible.module_utils.upkeep.cache_maintenance.run import run

from tests.unit.module_utils.cache_maintenance.folders import settings
from tests.unit.module_utils.cache_maintenance.test_redis_keys import fill, removed
from tests.unit.module_utils.redis_tune.server import RedisServer
from tests.unit.module_utils.redis_tune.troubles import loading, running_secured

#: Everything that is asked of a cache of keys.
ASPECTS: t.Final = {"hits": {}, "lifetimes": {}}


def kept(server: RedisServer, **options: t.Any) -> dict[str, t.Any]:
    """Return the answer of a run over the cache of a server, whose keys may all be swept."""
    pattern = {"name": "all", "pattern": "cached:*", "life_seconds": 600, "sweep_idle_hours": 1}
    entry = {"name": "shop", "port": server.port, "patterns": [pattern], **ASPECTS, **options}

    return run(settings(server.folder, redis_caches=[entry]), check_mode=False)


def test_a_server_that_loads_its_data_keeps_all_keys(redis: RedisServer) -> None:
    fill(redis, 5000)
    with loading(redis):
        meanwhile = kept(redis)
    afterwards = removed(redis)

    assert not meanwhile["changed"]
    assert [item["status"] for item in meanwhile["findings"]] == ["unknown"]
    assert "still loading" in meanwhile["findings"][0]["message"]
    assert afterwards.removed == 5000


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_server_that_is_lost_in_between_is_said_and_the_next_run_goes_on(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    fill(redis, 5000)
    redis.ask("SAVE")
    removals, calls = redis_keys._Walk._removals, 0

    def lost(walk: t.Any, keys: list[str]) -> list[tuple[str, ...]]:
        nonlocal calls
        calls += 1
        if calls == 3:
            redis.stop()
            if comes_back:
                redis.start(str(redis.config))
        return removals(walk, keys)

    with monkeypatch.context() as patch:
        patch.setattr(redis_keys._Walk, "_removals", lost)
        first = removed(redis)
    if not comes_back:
        redis.start(str(redis.config))
    left = redis.ask("DBSIZE")
    second = removed(redis)

    assert first.problem
    assert first.removed < 5000
    assert second.removed == left
    assert redis.ask("DBSIZE") == 0


def test_keys_are_removed_by_tls_and_by_nobody_who_cannot_prove_who_he_is(tmp_path: Path) -> None:
    with running_secured(tmp_path) as secured:
        fill(secured.server, 10)
        with pytest.raises(RedisError, match="certificate verify failed"):
            removed(secured.server, **secured.options(ca_file=None))
        before = secured.server.ask("DBSIZE")
        report = removed(secured.server, **secured.options())

        assert secured.server.ask("DBSIZE") == 0

    assert before == 10
    assert report.removed == 10


def test_neither_keys_nor_flushall_is_ever_sent(redis: RedisServer) -> None:
    fill(redis, 1000)
    redis.ask("CONFIG", "RESETSTAT")
    kept(redis)
    removed(redis, pattern="*")
    sent = set(redis.ask("INFO", "commandstats").replace("cmdstat_", "\n").split())
    names = {line.partition(":")[0] for line in sent}

    assert "unlink" in names
    assert not {"keys", "flushall", "flushdb", "del", "eval"} & names


# As users of caches have reported them.


@pytest.mark.parametrize("name", ["cache[ab]", "cache?", "cache*", "cache\\"])
def test_signs_of_a_pattern_in_the_name_of_a_cache_empty_no_other(
    redis: RedisServer, name: str
) -> None:
    """A name that is put into a pattern as it is empties others and leaves its own keys."""
    fill_one = {f"{name}:1", "cachea:1", "cacheb:1", "cachexyz:1", "cache:1"}
    for key in fill_one:
        redis.ask("SET", key, "x", "EX", 600)
    literal = "".join(f"\\{sign}" if sign in "[]?*\\" else sign for sign in name)
    report = removed(redis, pattern=f"{literal}:*")

    assert report.names == [f"{name}:1"]
    assert redis.ask("DBSIZE") == len(fill_one) - 1
