# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of brokers, locks and rate limits never match; those of a cache do."""

from __future__ import annotations

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.redis_client import RedisClient
from ansible.module_utils.upkeep.cache_maintenance.protection import (
    BrokerNames,
    Protection,
    find_broker,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.redis_tune.server import RedisServer


def found_broker(client: RedisClient) -> BrokerNames:
    return find_broker(client, lambda pattern: client.scan(pattern=pattern))


@pytest.mark.parametrize(
    "key",
    [
        "_kombu.binding.celery",
        "celery",
        "celery\x06\x163",
        "celery-task-meta-1",
        "unacked_index",
        "lock:user:5",
        "LOCK:user",
        "shop:lock:5",
        "api/ratelimit/192.0.2.4",
        "LIMITER/127.0.0.1/x",
        "rate_limit:x",
        "session:abc",
        "queue:mail",
        "own:x",
        "redbeat:nightly",
        "redbeat::lock",
        "SINGLETONLOCK_shop.tasks.sync-1",
        "qo_shop.tasks.sync_id-1",
        "uniquejobs:digests",
        "asgi:group:chat",
        "apscheduler.jobs",
        "taskiq",
        "resque:queue:mail",
        "laravel_database_queues:default",
        "shop_session:abc",
        "app:queue:mail",
        "upkeep.purged.celery",
        "upkeep.put_back.shop-celery-20261127T204000",
        "dramatiq:default.msgs",
        "arq:job:1",
        "huey.redis.shop",
        "shop_celery-task-meta-1",
        "shop:chord-unlock-1",
        "schedule",
        "retry",
        "dead",
    ],
)
def test_it_is_protected(key: str) -> None:
    assert Protection(["own:"]).covers(key)


@pytest.mark.parametrize(
    "key",
    [
        "opportunities:1",
        "generated:1",
        "blocks:2",
        "x:rates:EUR",
        "clock:1",
        "best-block:1",
        "retry:page:1",
        "schedule:2026-11-27",
        "o\nx",
        "",
    ],
)
def test_a_cached_key_is_not(key: str) -> None:
    assert not Protection(["own:"]).covers(key)


def test_the_lists_of_a_queue_are_protected_with_their_priorities() -> None:
    protection = Protection([], BrokerNames(("odds",)))

    assert protection.removable(["odds", "odds\x06\x163", "odds:best"]) == ["odds:best"]


@given(st.lists(st.text(), max_size=8), st.lists(st.text(min_size=1), max_size=3))
def test_a_portion_is_judged_as_its_keys_are(keys: list[str], queues: list[str]) -> None:
    protection = Protection(["own:"], BrokerNames(tuple(queues)))
    given_keys = [*keys, *queues, "lock:1"]

    assert protection.removable(keys) == [key for key in keys if not protection.covers(key)]
    assert not set(protection.removable(given_keys)) & {*queues, "lock:1"}


def test_queues_are_those_that_bindings_name(redis: RedisServer) -> None:
    redis.ask("SADD", "_kombu.binding.celery", "celery\x06\x16\x06\x16celery")
    redis.ask("SADD", "_kombu.binding.odds", "odds\x06\x16\x06\x16odds.high")
    with RedisClient(redis.login, Deadline(5)) as client:
        found = found_broker(client)

    assert sorted(found.queues) == ["celery", "odds.high"]
    assert found.prefixes == ()


def test_a_broker_with_a_prefix_is_found_by_it(redis: RedisServer) -> None:
    redis.ask("SADD", "shop:_kombu.binding.odds", "odds\x06\x16\x06\x16odds")
    redis.ask("SET", "page:_kombu.binding.html", "a page that only has such a name")
    with RedisClient(redis.login, Deadline(5)) as client:
        protection = Protection([], found_broker(client))

    for key in ("shop:odds", "shop:odds\x06\x163", "shop:celery", "shop:unacked_index"):
        assert protection.covers(key)
    assert not protection.covers("odds:best")
    assert not protection.covers("shop:page:1")


@pytest.mark.parametrize("separator", [":", "::", "-", " "])
@pytest.mark.parametrize("binding", ["odds{0}{0}odds", "{0}{0}odds", "route.a{0}{0}odds"])
def test_queues_of_a_broker_with_its_own_separator_are_found(
    redis: RedisServer, separator: str, binding: str
) -> None:
    redis.ask("SADD", "_kombu.binding.odds", binding.format(separator))
    with RedisClient(redis.login, Deadline(5)) as client:
        protection = Protection([], found_broker(client))

    keys = ["odds", f"odds{separator}3", f"odds{separator}9", "odds:best", "best:3"]
    assert protection.removable(keys) == ["odds:best", "best:3"]


@pytest.mark.parametrize("member", ["", ":", "::", "a" * 512, ":" * 512, "ab" * 256, "a" * 9000])
def test_what_only_looks_like_a_binding_ends_no_look(redis: RedisServer, member: str) -> None:
    redis.ask("SADD", "_kombu.binding.x", member)
    with RedisClient(redis.login, Deadline(5)) as client:
        protection = Protection([], found_broker(client))

    assert protection.removable(["odds:best"]) == ["odds:best"]
