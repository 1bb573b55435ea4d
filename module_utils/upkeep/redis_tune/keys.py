# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of keys that never expire, by SCAN, within limits of time and number."""

from __future__ import annotations

import fnmatch
import re
import typing as t
from collections.abc import Mapping, Sequence
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
    """Names that were found, those first that must expire, of which there are ``wrong``.

    ``is_partial`` when time or number ended the search.
    """

    names: tuple[str, ...]
    wrong: int
    scanned: int
    is_partial: bool


def find_lasting(
    redis: RedisClient, facts: RedisFacts, options: Mapping[str, t.Any], deadline: Deadline
) -> KeySample:
    """Return keys without an expiry; raises RedisError, RedisReplyError or TimeoutError.

    ``options`` are those of the aspect ``keys_without_expiry``.
    """
    matches = _matcher(options["must_expire"])
    listed = options["listed"]
    wrong: list[str] = []
    others: list[str] = []
    scanned = 0

    def sample(is_partial: bool) -> KeySample:
        return KeySample(tuple([*wrong, *others][:listed]), len(wrong), scanned, is_partial)

    for database, count in sorted(facts.databases.items()):
        if count.keys <= count.expiring:
            continue

        redis.ask("SELECT", database)
        for keys in redis.scan(PORTION):
            scanned += len(keys)
            for key in _lasting(redis, keys):
                (wrong if matches(key) else others).append(f"{database}:{key}")

            is_enough = len(others) >= listed and not options["must_expire"]
            if is_enough or scanned >= options["max_scanned"] or deadline.is_over():
                return sample(True)

            del others[listed:]

    return sample(False)


def _matcher(patterns: Sequence[str]) -> t.Callable[[str], bool]:
    """Return whether a name fits one of the patterns."""
    if not patterns:
        return lambda _key: False

    either = re.compile("|".join(map(fnmatch.translate, patterns)))

    return lambda key: either.match(key) is not None


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
