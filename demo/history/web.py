# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests of a day: who asked what, when, and how it ended."""

from __future__ import annotations

import itertools
import random
import typing as t

from . import seeded
from .lines import LoggedRequest

Path = tuple[str, str, int, float]  # method, path, share, usual duration in ms
VISITORS: t.Final = tuple(f"192.0.2.{number}" for number in range(10, 200))
STRANGERS: t.Final = tuple(f"192.0.2.{number}" for number in range(200, 250))


def requests(
    numbers: random.Random, count: int, paths: t.Sequence[Path], hours: t.Sequence[int], users: int
) -> list[LoggedRequest]:
    """Return ``count`` requests that went well, in order. One visitor in five has not signed in."""
    shares = list(itertools.accumulate(path[2] for path in paths))
    draw, bits = numbers.random, numbers.getrandbits
    made = []
    chosen = numbers.choices(paths, cum_weights=shares, k=count)

    for ms, (method, path, _, usual) in zip(
        seeded.moments(numbers, count, hours), chosen, strict=True
    ):
        user = int(draw() * (users or len(VISITORS)) * 1.25)
        duration = round(usual * (0.6 + draw() ** 4 * 3), 1)
        name = f"user_{user}" if user < users else None
        made.append(
            LoggedRequest(
                ms,
                method,
                path,
                200,
                duration,
                VISITORS[user % len(VISITORS)],
                name,
                request_id(bits),
            )
        )

    return made


def request_id(bits: t.Callable[[int], int]) -> str:
    """Return an id as the API makes them."""
    return f"req_{bits(48):012x}"


def stranger(
    numbers: random.Random, ms: int, method: str, path: str, status: int, duration: float = 4.2
) -> LoggedRequest:
    """Return a request of somebody who is not known."""
    return LoggedRequest(
        ms,
        method,
        path,
        status,
        duration,
        numbers.choice(STRANGERS),
        None,
        request_id(numbers.getrandbits),
    )
