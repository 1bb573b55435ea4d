# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Delete the keys of some patterns from a cache, in small steps."""

from __future__ import annotations

import typing as t

from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisError
from .settings import Cache

#: Keys that are looked at in one step.
_STEP: t.Final = 500
_SECONDS: t.Final = 120.0


class CacheError(Exception):
    """A cache that cannot be cleared; the message says why."""


def clear(cache: Cache) -> int:
    """Return how many keys were deleted; raises CacheError."""
    deleted = 0
    try:
        with RedisClient(cache.login, Deadline(_SECONDS)) as redis:
            if cache.database:
                redis.ask("SELECT", cache.database)
            for pattern in cache.patterns:
                deleted += _clear(redis, pattern)
    except TimeoutError as error:
        raise CacheError(f"it took longer than {_SECONDS:g} s") from error
    except RedisError as error:
        raise CacheError(str(error)) from error

    return deleted


def _clear(redis: RedisClient, pattern: str) -> int:
    deleted, cursor = 0, "0"
    while True:
        cursor, keys = redis.ask("SCAN", cursor, "MATCH", pattern, "COUNT", _STEP)
        if keys:
            deleted += int(redis.ask("UNLINK", *keys))
        if str(cursor) == "0":
            return deleted
