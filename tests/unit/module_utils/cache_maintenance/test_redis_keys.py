# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys by pattern on a real server: what goes, what stays, and what a bad server does."""

from __future__ import annotations

import threading
import time
import typing as t
import uuid
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.redis_client import RedisClient, RedisError, RedisReplyError
from ansible.module_utils.upkeep.cache_maintenance import findings, redis_keys
from ansible.module_utils.upkeep.cache_maintenance.pacing import MOST
from ansible.module_utils.upkeep.cache_maintenance.protection import BINDING
from ansible.module_utils.upkeep.cache_maintenance.settings import RedisCache

from tests.unit.module_utils.cache_maintenance.folders import settings
from tests.unit.module_utils.redis_tune.server import RedisServer, free_port, running

SECRET: t.Final = "p-one"  # noqa: S105 - of a server of the test
MAY: t.Final = ("+@read", "+ping", "+select", "+dbsize")


def cache(server: RedisServer, pattern: str = "cached:*", **options: t.Any) -> RedisCache:
    """Return the cache of a server with one pattern."""
    own = {"pattern": {"life_seconds": options.pop("life", None)}}["pattern"]
    login = {"password": server.password} if server.password else {}
    entry = {
        "name": "shop",
        "port": server.port,
        "patterns": [{"name": "all", "pattern": pattern, **own}],
        **login,
        **options,
    }

    return settings(server.folder, redis_caches=[entry]).redis_caches[0]


def fill(server: RedisServer, count: int, name: str = "cached") -> None:
    """Set so many keys."""
    script = f"for i=1,{count} do redis.call('SET','{name}:'..i,'x','EX',600) end"
    server.ask("EVAL", script, 0)


def removed(
    server: RedisServer, idle: float | None = None, rehearsal: bool = False, **options: t.Any
) -> redis_keys.KeyReport:
    """Return what a removal reports."""
    given = cache(server, **options)

    return redis_keys.remove(given, given.patterns[0], 20, idle=idle, rehearsal=rehearsal)


def test_all_keys_of_the_pattern_go_and_no_other(redis: RedisServer) -> None:
    fill(redis, 5000)
    fill(redis, 100, "other")
    report = removed(redis)

    assert report.removed == 5000
    assert report.scanned == 5100
    assert redis.ask("DBSIZE") == 100
    assert report.problem == ""


def test_a_rehearsal_counts_alone(redis: RedisServer) -> None:
    fill(redis, 500)
    report = removed(redis, rehearsal=True)

    assert report.due == 500
    assert report.removed == 0
    assert redis.ask("DBSIZE") == 500


def test_a_star_spares_broker_locks_and_rate_limits(redis: RedisServer) -> None:
    fill(redis, 50)
    redis.ask("LPUSH", "celery", "task")
    redis.ask("LPUSH", "odds\x06\x163", "task")
    redis.ask("SADD", "_kombu.binding.odds", "odds\x06\x16\x06\x16odds")
    redis.ask("SET", "job:lock:1", "x")
    redis.ask("SET", "ratelimit:1", "x")
    redis.ask("SET", "mine:1", "x")

    report = removed(redis, pattern="*", protected=["mine:"])

    assert report.removed == 50
    assert report.protected == 6
    assert redis.ask("DBSIZE") == 6


def test_a_star_spares_a_broker_whose_keys_have_a_prefix(redis: RedisServer) -> None:
    fill(redis, 50)
    redis.ask("SADD", "shop:_kombu.binding.odds", "odds\x06\x16\x06\x16odds")
    redis.ask("LPUSH", "shop:odds", "task")
    redis.ask("LPUSH", "shop:odds\x06\x163", "task")
    redis.ask("HSET", "shop:unacked", "1", "task")
    redis.ask("LPUSH", "laravel_database_queues:default", "task")

    assert removed(redis, pattern="*").removed == 50
    assert redis.ask("DBSIZE") == 5


def test_a_node_of_a_cluster_takes_keys_of_several_slots(tmp_path: Path) -> None:
    # Else nodes talk at a port 10,000 above, which may be none.
    bus = f"cluster-port {free_port()}"
    with running(tmp_path, "cluster-enabled yes", bus, "save ''") as server:
        server.ask("CLUSTER", "ADDSLOTS", *range(16384))
        give_up = Deadline(20)
        while "cluster_state:ok" not in server.ask("CLUSTER", "INFO"):
            give_up.remaining()
            time.sleep(0.05)
        for number in range(300):
            server.ask("SET", f"cached:{number}", "x")
        with pytest.raises(RedisReplyError, match="CROSSSLOT"):
            server.ask("UNLINK", "cached:1", "cached:2")
        report = removed(server)

        assert server.ask("DBSIZE") == 0

    assert report.removed == 300
    assert report.problem == ""


def test_a_writer_that_goes_on_does_not_keep_it_at_work(redis: RedisServer) -> None:
    fill(redis, 2000)
    stop = threading.Event()

    def write() -> None:
        with RedisClient(redis.login, Deadline(60)) as client:
            while not stop.is_set():
                client.ask("SET", f"cached:{uuid.uuid4()}", "x")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = removed(redis)
    finally:
        stop.set()
        writer.join(30)

    assert report.problem == ""
    assert report.removed >= 2000


#: One that nobody could remove from a server in production.
HOSTILE: t.Final = "12345'\"'\");|]*\x00@{\n<\x00>\x1b''\U0001f4a9\udcff"


@pytest.mark.parametrize("name", ["a b", 'q"', "two\r\nlines", "$5\r\nx", "glob[1]*", "ü", HOSTILE])
def test_odd_names_go_as_well(redis: RedisServer, name: str) -> None:
    redis.ask("SET", f"cached:{name}", "x")

    assert removed(redis).removed == 1
    assert redis.ask("DBSIZE") == 0


def test_only_what_nobody_has_read_goes_in_a_sweep(redis: RedisServer) -> None:
    fill(redis, 20)

    assert removed(redis, idle=3600).removed == 0
    assert removed(redis, idle=0).removed == 20


def test_another_database_is_left_alone(redis: RedisServer) -> None:
    fill(redis, 10)

    assert removed(redis, database=3).removed == 0
    assert redis.ask("DBSIZE") == 10


def test_it_stops_when_others_wait_and_says_so(redis: RedisServer) -> None:
    fill(redis, 20_000)
    report = removed(redis, max_latency_ms=0.000001)

    assert "another client had to wait" in report.problem
    assert report.removed < 20_000


def test_the_look_for_a_broker_is_paced_as_the_removal_is(redis: RedisServer) -> None:
    fill(redis, 5000)
    redis.ask("CONFIG", "SET", "slowlog-log-slower-than", 0, "slowlog-max-len", 10_000)
    redis.ask("SLOWLOG", "RESET")
    removed(redis)
    commands = [entry[3] for entry in redis.ask("SLOWLOG", "GET", 10_000)]

    scans = [words for words in commands if words[0] == "SCAN"]
    portions = [int(words[words.index("COUNT") + 1]) for words in scans]

    assert {words[words.index("MATCH") + 1] for words in scans} == {"cached:*", f"*{BINDING}*"}
    assert max(portions) <= MOST


def test_the_time_ends_it(redis: RedisServer) -> None:
    fill(redis, 200_000)
    given = cache(redis, max_seconds=1)
    object.__setattr__(given, "max_seconds", 0.01)
    report = redis_keys.remove(given, given.patterns[0], 20, idle=None, rehearsal=False)

    assert "s were over" in report.problem
    assert 0 < report.removed < 200_000

    again = removed(redis)
    assert again.problem == ""
    assert redis.ask("DBSIZE") == 0


@pytest.mark.parametrize(("matching", "is_advised"), [(5, True), (10, False)])
def test_few_matches_show_in_the_share_and_life_times_are_advised(
    redis: RedisServer, matching: int, is_advised: bool
) -> None:
    fill(redis, matching)
    fill(redis, 1000 - matching, "other")
    given = cache(redis)
    seen = removed(redis, rehearsal=True)
    found = findings.swept_keys(given, given.patterns[0], seen, rehearsal=True, aspect="swept")

    assert seen.share == matching / 10
    assert ("set an expiry on them instead" in found["message"]) is is_advised


def test_a_server_that_is_not_there_or_refuses_is_an_error(tmp_path: Path) -> None:
    with running(tmp_path, password=SECRET) as server:
        server.password = None
        with pytest.raises(RedisError, match="asks for a password"):
            removed(server)
    with pytest.raises(RedisError, match="cannot be reached"):
        removed(server)


def test_a_user_without_unlink_is_a_problem_and_nothing_is_lost(redis: RedisServer) -> None:
    fill(redis, 10)
    redis.ask("ACL", "SETUSER", "look", "on", f">{SECRET}", "~*", *MAY)
    report = removed(redis, username="look", password=SECRET)

    assert "permissions" in report.problem
    assert redis.ask("DBSIZE") == 10


def test_a_renamed_scan_is_a_clear_error(tmp_path: Path) -> None:
    with (
        running(tmp_path, "rename-command SCAN gone") as server,
        pytest.raises(RedisReplyError, match="unknown command"),
    ):
        removed(server)


def test_a_read_only_replica_keeps_its_keys(tmp_path: Path) -> None:
    with running(tmp_path, "save ''") as replica:
        fill(replica, 10)
        replica.ask("REPLICAOF", "127.0.0.1", "1")
        report = removed(replica)
        kept = replica.ask("DBSIZE")

    assert "READONLY" in report.problem or "read only" in report.problem.lower()
    assert kept == 10


def test_life_is_judged_by_use_and_looking_is_not_using(redis: RedisServer) -> None:
    fill(redis, 30)
    redis.ask("SET", "cached:lasting", "x")
    given = cache(redis, life=600)
    with RedisClient(redis.login, Deadline(10)) as client:
        sample = redis_keys.sample_idle(client, given.patterns[0], 1000)
        redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
        with pytest.raises(RedisReplyError, match="LFU"):
            redis_keys.sample_idle(client, given.patterns[0], 1000)

    assert sample.sampled == 31
    assert sample.idle == 0
    assert sample.lasting == 1


def test_facts_tell_one_start_from_another(redis: RedisServer) -> None:
    with RedisClient(redis.login, Deadline(10)) as client:
        first = redis_keys.facts(client)
    redis.restart()
    with RedisClient(redis.login, Deadline(10)) as client:
        second = redis_keys.facts(client)

    assert first.run_id
    assert first.run_id != second.run_id
