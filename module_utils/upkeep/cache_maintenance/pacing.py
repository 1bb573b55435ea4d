# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast keys may be removed: as fast as another client does not feel."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..base.redis_client import RedisClient, RedisReplyError

#: What another client may wait because of us, s: above it portions shrink.
TARGET: t.Final = 0.0005
#: Keys in one portion, of SCAN and of UNLINK alike: fewer cost the server more than they spare.
LEAST: t.Final = 50
MOST: t.Final = 300
FIRST: t.Final = 200
#: After each portion the server is left to others for this share of the time that it took: a server
#: has more clients than the one of ``bench/caches.py``.
SHARE: t.Final = 0.2
#: The longest pause, s.
_LONGEST_PAUSE: t.Final = 0.05
#: So many waits above the limit in a row end the work.
MOST_SLOW: t.Final = 3


class TooSlowError(Exception):
    """Another client had to wait too long; the message says how long."""


@dataclass
class Pace:
    """The size of a portion, and what another client had to wait beside the work, in seconds."""

    limit: float
    size: int = FIRST
    waits: list[float] = field(default_factory=list)
    _slow: int = 0

    def adapt(self, waited: float) -> None:
        """Take a wait into account; raises TooSlowError after several beyond the limit."""
        self.waits.append(waited)
        self._slow = self._slow + 1 if waited > self.limit else 0
        if self._slow >= MOST_SLOW:
            message = f"another client had to wait {waited * 1000:.0f} ms"
            raise TooSlowError(f"{message}, more than {self.limit * 1000:g} ms, {MOST_SLOW} times")

        if waited > TARGET:
            self.size = max(LEAST, self.size // 2)
        elif waited < TARGET / 2:
            self.size = min(MOST, self.size + 50)

    def pause(self, took: float) -> float:
        """Return how long the server is left to others after such a portion, in seconds."""
        return min(took * SHARE, _LONGEST_PAUSE)

    @property
    def longest(self) -> float:
        """The longest wait, 0 without any."""
        return max(self.waits, default=0.0)


class PacedClient:
    """Asks a server while a probe client beside it measures what that costs others."""

    def __init__(self, redis: RedisClient, probe: RedisClient, pace: Pace) -> None:
        self._redis = redis
        self._probe = probe
        self.pace = pace

    def ask_all(self, commands: Sequence[Sequence[str | int]]) -> list[t.Any]:
        """Return the replies to commands that are sent at once.

        The probe asks at the same moment, so it waits as any other client does. Raises
        TooSlowError, RedisError, TimeoutError.
        """
        began = time.monotonic()
        self._redis.send(commands)
        sent = time.monotonic()
        self._probe.ask("PING")
        waited = time.monotonic() - sent
        replies = self._redis.receive(len(commands))
        took = time.monotonic() - began
        self.pace.adapt(waited)
        time.sleep(self.pace.pause(took))

        if refused := next((one for one in replies if isinstance(one, RedisReplyError)), None):
            raise refused

        return replies

    def scan(self, pattern: str) -> Iterator[list[str]]:
        """Yield the keys that match, a portion at a time; raises as ``ask_all`` does."""
        cursor = "0"
        while True:
            words = ("SCAN", cursor, "MATCH", pattern, "COUNT", self.pace.size)
            ((cursor, keys),) = self.ask_all([words])
            yield keys
            if cursor == "0":
                return
