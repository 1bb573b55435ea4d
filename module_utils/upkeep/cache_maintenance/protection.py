# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys that no pattern ever matches: those of brokers, locks and rate limits."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence

from ..base.redis_client import RedisClient

#: Prefixes that are always protected, in lower case: nobody can make these keys again.
PREFIXES: t.Final = (
    "_kombu.",
    "celery",
    "unacked",
    "lock",
    "_lock",
    "redlock",
    "mutex",
    "semaphore",
    "ratelimit",
    "rate_limit",
    "rate-limit",
    "rate:",
    "limit:",
    "limits:",
    "limiter",
    "throttle",
    "queue",
    "rq:",
    "bull:",
    "sidekiq",
    "session",
    "idempotency",
)
#: Words that protect a key wherever they stand between separators: ``shop:lock:7``.
_WORDS: t.Final = ("lock", "locks", "ratelimit", "rate_limit", "rate-limit", "mutex")
#: What Celery's transport puts between the parts of a binding.
_SEPARATOR: t.Final = "\x06\x16"
_BINDINGS: t.Final = "_kombu.binding.*"
MOST_BINDINGS: t.Final = 1000


class Protection:
    """Knows which keys of one database must stay."""

    def __init__(self, prefixes: Sequence[str], queues: Sequence[str] = ()) -> None:
        self._prefixes = (*PREFIXES, *(prefix.lower() for prefix in prefixes))
        self._queues = frozenset(queues)
        self._suspicious = (*self._prefixes, *_WORDS, *(queue.lower() for queue in queues))

    def removable(self, keys: Sequence[str]) -> list[str]:
        """Return the keys that are not protected."""
        # Most portions hold nothing that is, which is seen at once, not key by key.
        together = "\n".join(keys).lower()
        if not any(text in together for text in self._suspicious):
            return list(keys)

        return [key for key in keys if not self.covers(key)]

    def covers(self, key: str) -> bool:
        """Return whether a key is protected."""
        lower = key.lower()
        if lower.startswith(self._prefixes):
            return True
        if self._queues and key.split(_SEPARATOR, 1)[0] in self._queues:
            return True

        return any(word in lower for word in _WORDS) and _has_word(lower)


def _has_word(lower: str) -> bool:
    parts = lower.replace(".", ":").replace("/", ":").split(":")

    return any(part in _WORDS for part in parts)


def find_queues(redis: RedisClient) -> list[str]:
    """Return the names of Celery's queues in the chosen database; raises RedisError."""
    queues: list[str] = []
    bindings = (key for keys in redis.scan(1000, _BINDINGS) for key in keys)
    for _, key in zip(range(MOST_BINDINGS), bindings, strict=False):
        members = redis.ask("SMEMBERS", key) or []
        queues += [str(member).rsplit(_SEPARATOR, 1)[-1] for member in members]

    return queues
