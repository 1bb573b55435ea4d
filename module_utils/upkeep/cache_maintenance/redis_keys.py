# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys of Redis by pattern: counted, removed, sampled. By SCAN and UNLINK alone."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..base.deadline import Deadline
from ..base.redis_client import RedisClient, RedisError, RedisReplyError
from .pacing import Pace, PacedClient, TooSlowError
from .protection import Protection, find_broker
from .settings import KeyPattern, RedisCache

#: Below this share of matches, in %, lifetimes are the better tool.
FEW_MATCHES: t.Final = 1.0
NAMED: t.Final = 5


@dataclass
class KeyReport:
    """What was seen and done for one pattern.

    ``scanned`` is the number of keys that the server had to look at, ``protected`` those that
    matched and stay. ``longest`` is what another client had to wait, in seconds. ``problem`` is why
    it ended early, '' when it did not.
    """

    scanned: int = 0
    matched: int = 0
    protected: int = 0
    due: int = 0
    removed: int = 0
    names: list[str] = field(default_factory=list)
    longest: float = 0.0
    problem: str = ""

    @property
    def share(self) -> float:
        """The share of matches among the keys that were looked at, in %."""
        return round(100 * self.matched / self.scanned, 2) if self.scanned else 0.0


@dataclass(frozen=True)
class IdleSample:
    """A sample of the keys of a pattern: how many of them were read lately enough.

    ``idle`` keys were not read for more than half of their life; ``lasting`` ones never expire.
    """

    sampled: int
    idle: int
    lasting: int
    median_idle: float


@dataclass(frozen=True)
class ServerFacts:
    """What INFO says of a server: who it is since its start, its keys and lookups."""

    run_id: str
    hits: float
    misses: float
    keys: int


def connect(cache: RedisCache, deadline: Deadline) -> RedisClient:
    """Return a connection to the database of the cache; raises RedisError, TimeoutError."""
    redis = RedisClient(cache.login, deadline)
    try:
        if cache.database:
            redis.ask("SELECT", cache.database)
    except BaseException:
        redis.__exit__()
        raise

    return redis


def facts(redis: RedisClient) -> ServerFacts:
    """Return the facts of a server; raises RedisError, TimeoutError."""
    lines = (line.partition(":") for line in str(redis.ask("INFO") or "").splitlines())
    info = {name: value for name, _, value in lines}

    return ServerFacts(
        info.get("run_id", ""),
        _number(info.get("keyspace_hits")),
        _number(info.get("keyspace_misses")),
        int(redis.ask("DBSIZE")),
    )


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def remove(
    cache: RedisCache, pattern: KeyPattern, timeout: float, *, idle: float | None, rehearsal: bool
) -> KeyReport:
    """Remove the keys of a pattern, paced; of those only that nobody has read for ``idle`` seconds.

    A rehearsal only counts. Raises RedisError, TimeoutError when nothing could be begun; what ends
    it later is in the report, and the next run goes on.
    """
    report, pace = KeyReport(), Pace(cache.max_latency)
    work = Deadline(cache.max_seconds)
    lasting = Deadline(cache.max_seconds + timeout)
    with connect(cache, lasting) as redis, connect(cache, lasting) as probe:
        report.scanned = int(redis.ask("DBSIZE"))
        paced, is_cluster = PacedClient(redis, probe, pace), _is_cluster(redis)
        try:
            protection = Protection(cache.protected, find_broker(redis, paced.scan))
            walk = _Walk(paced, pattern, protection, report, idle, rehearsal, is_cluster)
            walk.run(work)
        except TooSlowError as error:
            report.problem = str(error)

    report.longest = pace.longest

    return report


def _is_cluster(redis: RedisClient) -> bool:
    """Return whether a server is a node of a cluster, as far as it says so."""
    (answer,) = redis.ask_all([("INFO", "cluster")])

    return "cluster_enabled:1" in str(answer)


@dataclass
class _Walk:
    """One way through a whole database.

    A node of a cluster (``is_cluster``) takes no command with keys of several slots.
    """

    paced: PacedClient
    pattern: KeyPattern
    protection: Protection
    report: KeyReport
    idle: float | None
    rehearsal: bool
    is_cluster: bool

    def run(self, work: Deadline) -> None:
        """Remove each portion, then ask for the next one, until the end or the deadline.

        What goes wrong is in the report then; raises TooSlowError.
        """
        try:
            for number, keys in enumerate(self.paced.scan(self.pattern.pattern)):
                if number and work.is_over():
                    self.report.problem = f"{work.seconds:g} s were over"
                    return
                self._remove(keys)
        except (RedisError, TimeoutError) as error:
            self.report.problem = str(error)

    def _remove(self, keys: list[str]) -> None:
        """Remove those of a portion that may go."""
        free = self._chosen(keys)
        if free and not self.rehearsal:
            self.report.removed += sum(self.paced.ask_all(self._removals(free)))

    def _removals(self, keys: list[str]) -> list[tuple[str, ...]]:
        return [("UNLINK", key) for key in keys] if self.is_cluster else [("UNLINK", *keys)]

    def _chosen(self, keys: list[str]) -> list[str]:
        """Return which of some keys may go, and count all of them."""
        report = self.report
        free = self.protection.removable(keys)
        report.matched += len(free)
        report.protected += len(keys) - len(free)
        if self.idle is not None and free:
            unread = self.paced.ask_all([("OBJECT", "IDLETIME", key) for key in free])
            # A key that is gone has no time.
            free = [key for key, time in zip(free, unread, strict=True) if (time or 0) >= self.idle]

        report.due += len(free)
        report.names += free[: NAMED - len(report.names)]

        return free


def sample_idle(redis: RedisClient, pattern: KeyPattern, most: int) -> IdleSample:
    """Return how long keys of a pattern were not read, against their life.

    Neither SCAN nor what is asked here counts as reading. Raises RedisError, TimeoutError;
    RedisReplyError also where the server keeps no idle times, since it evicts by frequency.
    """
    idle_times: list[float] = []
    idle = lasting = 0
    for keys in redis.scan(500, pattern.pattern):
        chosen = keys[: most - len(idle_times)]
        questions = [
            words for key in chosen for words in (("OBJECT", "IDLETIME", key), ("TTL", key))
        ]
        answers = redis.ask_all(questions)
        for unread, left in zip(answers[::2], answers[1::2], strict=True):
            if isinstance(unread, RedisReplyError):
                raise unread
            if not isinstance(unread, int) or left == -2:  # gone meanwhile
                continue

            idle_times.append(unread)
            lasting += left == -1
            life = pattern.life or (unread + left if left >= 0 else None)
            idle += life is not None and unread > life / 2
        if len(idle_times) >= most:
            break

    middle = sorted(idle_times)[len(idle_times) // 2] if idle_times else 0.0

    return IdleSample(len(idle_times), idle, lasting, middle)
