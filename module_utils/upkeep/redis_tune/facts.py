# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one server says about itself: INFO, settings, and whether it holds a broker's keys."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ..base.redis_client import RedisClient, RedisReplyError

#: Settings that are read, whether or not the profile names them.
READ_SETTINGS: t.Final = (
    "maxmemory",
    "maxmemory-policy",
    "save",
    "maxclients",
    "slowlog-log-slower-than",
    "activedefrag",
    "tcp-backlog",
)
#: Keys that Celery's transport keeps, also while no task waits and whatever its queues are called,
#: and those of RQ, Dramatiq and arq.
BROKER_KEYS: t.Final = (
    "_kombu.binding.celery",
    "_kombu.binding.celery.pidbox",
    "unacked",
    "unacked_index",
    "unacked_mutex",
    "rq:queues",
    "dramatiq:__heartbeats__",
    "arq:queue",
)
#: Sets of Sidekiq, whose names alone tell too little.
BROKER_SETS: t.Final = ("queues", "processes")
_DATABASE: t.Final = re.compile(r"db(\d+)")
_KEYS: t.Final = re.compile(r"keys=(\d+),expires=(\d+)")
#: More databases with keys than this are not searched for a broker's.
MAX_DATABASES: t.Final = 64


@dataclass(frozen=True)
class KeyCount:
    """The keys of one database, and how many of them expire."""

    keys: int
    expiring: int


@dataclass(frozen=True)
class RedisFacts:
    """A server at one moment; ``config`` lacks what this user or server does not show."""

    info: Mapping[str, str]
    config: Mapping[str, str]
    config_problem: str
    broker_key: str

    def number(self, field: str) -> float:
        """Return a field of INFO as a number; 0 when it is missing or is not one."""
        try:
            return float(self.info.get(field, "0"))
        except ValueError:
            return 0.0

    @property
    def databases(self) -> dict[int, KeyCount]:
        """The databases that hold keys, by number."""
        found: dict[int, KeyCount] = {}
        for name, value in self.info.items():
            database, counts = _DATABASE.fullmatch(name), _KEYS.match(value)
            if database and counts:
                found[int(database[1])] = KeyCount(int(counts[1]), int(counts[2]))

        return found


def collect(redis: RedisClient) -> RedisFacts:
    """Return the facts of a server; raises RedisError or TimeoutError.

    One that loads its data answers INFO and CONFIG SET, yet nobody can see what it will hold: a
    limit that suits it now would soon evict.
    """
    info = parse_info(redis.ask("INFO") or "")
    if info.get("loading", "0") != "0":
        raise RedisReplyError("LOADING")

    config, problem = read_settings(redis)
    facts = RedisFacts(info, config, problem, "")

    return RedisFacts(info, config, problem, _broker_key(redis, facts))


def parse_info(text: str) -> dict[str, str]:
    """Return the fields of INFO, without headings and blank lines."""
    lines = (line.strip().partition(":") for line in text.splitlines())

    return {name: value for name, separator, value in lines if separator and name[:1] != "#"}


def read_settings(redis: RedisClient) -> tuple[dict[str, str], str]:
    """Return the settings of the server, and why some or all of them are missing."""
    found: dict[str, str] = {}
    problem = ""
    for name in READ_SETTINGS:
        try:
            pair = redis.ask("CONFIG", "GET", name)
        except RedisReplyError as error:
            problem = str(error)
            break

        if isinstance(pair, list) and len(pair) == 2:
            found[name] = str(pair[1])

    return found, problem


def _broker_key(redis: RedisClient, facts: RedisFacts) -> str:
    """Return a key that the transport of a task queue keeps on the server, '' for none."""
    for database in sorted(facts.databases)[:MAX_DATABASES]:
        selected, *found = redis.ask_all(
            [
                ("SELECT", database),
                *(("EXISTS", key) for key in BROKER_KEYS),
                *(("SCARD", key) for key in BROKER_SETS),
            ]
        )
        if isinstance(selected, RedisReplyError):
            continue  # not this user's database: what the profile says has to do

        keys, sets = found[: len(BROKER_KEYS)], found[len(BROKER_KEYS) :]
        held = [key for key, reply in zip(BROKER_KEYS, keys, strict=True) if _is_there(reply)]
        if all(map(_is_there, sets)):
            held += BROKER_SETS
        if held:
            return f"{held[0]} in database {database}"

    return ""


def _is_there(reply: t.Any) -> bool:
    """Return whether a key exists; False for another type, and where the login may not see it."""
    return isinstance(reply, int) and reply > 0
