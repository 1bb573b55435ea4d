# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys that no pattern ever matches: those of brokers, locks and rate limits."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..base.redis_client import RedisClient, RedisReplyError

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
    "arq:",
    "bull:",
    "dramatiq",
    "huey",
    "sidekiq",
    "resque",
    "bq:",
    "taskiq",
    "apscheduler",
    "asgi:",
    "redbeat",
    "singletonlock",
    "qo_",
    "uniquejobs",
    "upkeep.",
    "session",
    "idempotency",
)
#: Jobs of Sidekiq that wait for their time, and those that failed: whole keys.
_NAMES: t.Final = frozenset({"schedule", "retry", "dead"})
#: Results of Celery, which may have a prefix.
_RESULTS: t.Final = ("celery-task-meta-", "celery-taskset-meta-", "chord-unlock-")
#: Words that protect a key wherever a part of it ends in one: ``shop:lock:7``, ``x_queues:mail``.
_WORDS: t.Final = (
    "lock",
    "locks",
    "ratelimit",
    "rate_limit",
    "rate-limit",
    "mutex",
    "unacked",
    "queue",
    "queues",
    "session",
    "sessions",
)
_ENDINGS: t.Final = tuple(f"{sign}{word}" for word in _WORDS for sign in "_-")
#: Names of the broker that Celery's transport puts behind the prefix of its keys, if it has one.
_OF_BROKER: t.Final = ("_kombu.", "celery", "unacked")
#: What Celery's transport puts between the parts of a binding, and between a queue and a priority,
#: unless it is told another one (``sep``).
_SEPARATOR: t.Final = "\x06\x16"
#: A binding with another separator: the key of its route, which is as a rule the name of the queue,
#: an empty pattern, the queue.
_OWN_SEPARATOR: t.Final = re.compile(r"(?P<queue>.+)(?P<separator>.+)(?P=separator)(?P=queue)")
_SIGNS: t.Final = re.compile(r"[\W_]+")
#: A longer member is none of a binding.
_LONGEST_MEMBER: t.Final = 512
BINDING: t.Final = "_kombu.binding."
MOST_BINDINGS: t.Final = 1000


@dataclass(frozen=True)
class BrokerNames:
    """The queues of a database, as their lists are called, and what stands before its keys.

    ``separators`` may stand between a queue and a priority, besides the usual one.
    """

    queues: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    separators: tuple[str, ...] = ()


class Protection:
    """Knows which keys of one database must stay."""

    def __init__(self, prefixes: Sequence[str], broker: BrokerNames | None = None) -> None:
        broker = broker or BrokerNames()
        queues = broker.queues
        own = [*prefixes, *(f"{prefix}{name}" for prefix in broker.prefixes for name in _OF_BROKER)]
        self._prefixes = (*PREFIXES, *(prefix.lower() for prefix in own))
        self._queues = frozenset(queues)
        self._separators = broker.separators
        self._suspicious = (
            *self._prefixes,
            *_WORDS,
            *_NAMES,
            *_RESULTS,
            *(queue.lower() for queue in queues),
        )

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
        if lower.startswith(self._prefixes) or lower in _NAMES:
            return True
        if any(text in lower for text in _RESULTS):
            return True
        if self._queues and (key.split(_SEPARATOR, 1)[0] in self._queues or self._is_list(key)):
            return True

        return any(word in lower for word in _WORDS) and _has_word(lower)

    def _is_list(self, key: str) -> bool:
        """Return whether a key is the list of a queue and a priority by another separator."""
        parts = (key.rpartition(separator) for separator in self._separators)

        return any(priority.isdigit() and queue in self._queues for queue, _, priority in parts)


def _has_word(lower: str) -> bool:
    parts = lower.replace(".", ":").replace("/", ":").split(":")

    return any(part in _WORDS or part.endswith(_ENDINGS) for part in parts)


def find_broker(redis: RedisClient, scan: Callable[[str], Iterable[list[str]]]) -> BrokerNames:
    """Return what names Celery uses in the chosen database; raises RedisError.

    ``scan`` yields the keys that match a pattern, by portions. All keys have to be looked at, since
    a prefix can stand before the names of a broker.
    """
    queues: list[str] = []
    prefixes: list[str] = []
    separators: list[str] = []
    bindings = (key for keys in scan(f"*{BINDING}*") for key in keys)
    for _, key in zip(range(MOST_BINDINGS), bindings, strict=False):
        prefix = key.partition(BINDING)[0]
        prefixes.append(prefix)
        for member in _members(redis, key):
            names, signs = _queues_of(member)
            queues += [prefix + name for name in names]
            separators += signs

    return BrokerNames(
        *(tuple(filter(None, dict.fromkeys(found))) for found in (queues, prefixes, separators))
    )


def _queues_of(member: str) -> tuple[list[str], list[str]]:
    """Return the queue of a binding, and its separator where that is not the usual one.

    Where nobody can know which part is the queue, all that may be it, and all that may be the
    separator: a cached key of such a name rather stays than a queue goes.
    """
    if _SEPARATOR in member or len(member) > _LONGEST_MEMBER:
        return [member.rsplit(_SEPARATOR, 1)[-1]], []
    if found := _OWN_SEPARATOR.fullmatch(member):
        return [found["queue"]], [found["separator"]]

    signs = [(sign[0], sign.end()) for sign in _SIGNS.finditer(member)]
    queues = [member, *(member[end:] for _, end in signs)]

    return queues, [text for sign, _ in signs for text in (sign, sign[: len(sign) // 2])]


def _members(redis: RedisClient, key: str) -> list[str]:
    """Return the members of a binding; none when the key only looks like one."""
    try:
        return [str(member) for member in redis.ask("SMEMBERS", key) or []]
    except RedisReplyError as error:
        if error.code == "WRONGTYPE":
            return []
        raise
