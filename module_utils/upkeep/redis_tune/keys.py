# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of keys that never expire, by SCAN, within limits of time and number."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisReplyError
from .facts import RedisFacts

#: Keys a portion of SCAN asks for: some 0.2 ms of the server's time.
PORTION: t.Final = 500
#: Celery's transport never lets these expire, and they are not many.
_OF_THE_BROKER: t.Final = ("_kombu.binding.", "unacked")


@dataclass(frozen=True)
class KeySample:
    """Names that were found; ``is_partial`` when time or number ended the search."""

    names: tuple[str, ...]
    scanned: int
    is_partial: bool


def find_lasting(
    redis: RedisClient, facts: RedisFacts, listed: int, max_scanned: int, deadline: Deadline
) -> KeySample:
    """Return keys without an expiry; raises RedisError, RedisReplyError or TimeoutError."""
    names: list[str] = []
    scanned = 0
    for database, count in sorted(facts.databases.items()):
        if count.keys <= count.expiring:
            continue

        redis.ask("SELECT", database)
        for keys in redis.scan(PORTION):
            scanned += len(keys)
            names += [f"{database}:{key}" for key in _lasting(redis, keys)]
            if len(names) >= listed or scanned >= max_scanned or deadline.is_over():
                return KeySample(tuple(names[:listed]), scanned, True)

    return KeySample(tuple(names), scanned, False)


def _lasting(redis: RedisClient, keys: list[str]) -> list[str]:
    """Return those that exist and have no expiry."""
    found = redis.ask_all([("TTL", key) for key in keys]) if keys else []
    refused = next((reply for reply in found if isinstance(reply, RedisReplyError)), None)
    if refused:
        raise refused

    return [
        key
        for key, seconds in zip(keys, found, strict=True)
        if seconds == -1 and not key.startswith(_OF_THE_BROKER)
    ]
