# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a broker holds: waiting tasks, tasks in hand, and what a purge that was cut short left."""

from __future__ import annotations

import hashlib
import json
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..base.broker import SEPARATOR, Broker
from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisReplyError
from .settings import Application, WatchedQueue
from .workers import ConsumedQueue, WorkerFacts

#: Where Kombu keeps messages that were taken and not acknowledged.
UNACKED: t.Final = "unacked"
UNACKED_INDEX: t.Final = "unacked_index"
#: Before the name of an exchange: the set of the queues that are bound to it.
BINDING: t.Final = "_kombu.binding."
#: Before the name of a list whose tasks are being purged.
PURGED: t.Final = "upkeep.purged."


@dataclass(frozen=True)
class OldestTask:
    """The task at the end of a list, which is the next to be taken."""

    list: str
    id: str


@dataclass(frozen=True)
class QueueFacts:
    """One queue: tasks that wait in all its lists, the oldest of each, what a purge left."""

    name: str
    waiting: int
    oldest: tuple[OldestTask, ...]
    left: int


@dataclass(frozen=True)
class BrokerFacts:
    """What one broker holds; ``oldest_in_hand`` is when the oldest one was taken, by its clock.

    ``forgotten`` tasks in hand are not in the index by which Kombu finds those to give back.
    """

    queues: tuple[QueueFacts, ...]
    in_hand: int
    oldest_in_hand: float | None
    forgotten: int = 0


def collect(application: Application, deadline: Deadline) -> BrokerFacts:
    """Return what the broker holds; raises RedisError or TimeoutError."""
    with connected(application.broker, deadline) as redis:
        queues = tuple(
            _queue(redis, queue, application.lists(queue.name)) for queue in application.queues
        )
        unacked, index = (f"{application.key_prefix}{name}" for name in (UNACKED, UNACKED_INDEX))
        in_hand, indexed = _lengths_in_hand(redis, unacked, index)
        forgotten = max(in_hand - indexed, 0)
        if forgotten:
            # Tasks come and go: only what is missing twice is missing.
            held, found = _lengths_in_hand(redis, unacked, index)
            forgotten = min(forgotten, max(held - found, 0))
        oldest = redis.ask("ZRANGE", index, 0, 0, "WITHSCORES")

        return BrokerFacts(queues, in_hand, float(oldest[1]) if oldest else None, forgotten)


def _lengths_in_hand(redis: RedisClient, unacked: str, index: str) -> tuple[int, int]:
    """Return how many tasks are in hand, and how many the index has."""
    held, found = redis.ask_all([("HLEN", unacked), ("ZCARD", index)])

    return _number(held), _number(found)


def unbound(
    application: Application, facts: WorkerFacts, deadline: Deadline
) -> list[ConsumedQueue]:
    """Return queues of workers that are not bound to their exchange; RedisError, TimeoutError."""
    separators = {naming.separator or SEPARATOR for naming in facts.naming} or {SEPARATOR}
    names = sorted({each.exchange for each in facts.consumed if each.exchange})
    if not names:
        return []

    with connected(application.broker, deadline) as redis:
        keys = [f"{application.key_prefix}{BINDING}{name}" for name in names]
        replies = redis.ask_all([("SMEMBERS", key) for key in keys])

    bound = {
        (member.split(separator)[-1], name)
        for name, reply in zip(names, replies, strict=True)
        for member in _texts(reply)
        for separator in separators
    }

    return [each for each in facts.consumed if each.exchange and each not in bound]


def connected(broker: Broker, deadline: Deadline) -> RedisClient:
    """Return a connection to the database of a broker; raises RedisError or TimeoutError."""
    redis = RedisClient(broker.login, deadline)
    try:
        redis.ask("SELECT", broker.database)
    except BaseException:
        redis.__exit__()
        raise

    return redis


def message_id(message: str) -> str:
    """Return the id of the task in a message, else a digest of the message."""
    try:
        found: t.Any = json.loads(message)
    except (ValueError, RecursionError):
        found = None

    headers = found.get("headers") if isinstance(found, Mapping) else None
    name = headers.get("id") if isinstance(headers, Mapping) else None
    if isinstance(name, str) and name:
        return name[:200]

    return hashlib.sha256(message.encode("utf-8", "surrogateescape")).hexdigest()


def _queue(redis: RedisClient, queue: WatchedQueue, names: Sequence[str]) -> QueueFacts:
    asked = [("LLEN", name) for name in names] + [("LLEN", f"{PURGED}{name}") for name in names]
    lengths = [_number(reply) for reply in redis.ask_all(asked)]
    ends = redis.ask_all([("LINDEX", name, -1) for name in names])
    oldest = (
        OldestTask(name, message_id(end))
        for name, end in zip(names, ends, strict=True)
        if isinstance(end, str)
    )

    return QueueFacts(
        queue.name,
        waiting=sum(lengths[: len(names)]),
        oldest=tuple(oldest),
        left=sum(lengths[len(names) :]),
    )


def _texts(reply: t.Any) -> list[str]:
    """Return the texts of a set; raises the error that the reply is."""
    if isinstance(reply, RedisReplyError):
        raise reply

    return [text for text in reply or () if isinstance(text, str)]


def _number(reply: t.Any) -> int:
    """Return a number; raises the error that the reply is."""
    if isinstance(reply, RedisReplyError):
        raise reply

    return int(reply)
