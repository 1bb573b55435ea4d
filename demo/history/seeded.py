# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Repeatable random numbers: streams by name, and times that follow the hours of the week."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import typing as t

DAY_MS: t.Final = 86_400_000
HOUR_MS: t.Final = 3_600_000
#: Share of a day's events in each hour: nights are quiet, evenings busy.
EVENING: t.Final = (2, 1, 1, 1, 1, 2, 3, 5, 8, 9, 9, 9, 10, 9, 9, 10, 11, 12, 14, 15, 14, 11, 7, 4)
#: Share of a day's events in each hour where people work in an office.
OFFICE: t.Final = (0, 0, 0, 0, 0, 1, 2, 6, 12, 14, 14, 12, 8, 11, 13, 12, 10, 6, 4, 3, 2, 1, 1, 0)
#: How many days are *quiet*: they hold none of the events of which a guide wants to see none.
QUIET_DAYS: t.Final = 3


def stream(seed: int, *names: object) -> random.Random:
    """Return the random numbers that belong to these names.

    Python gives the same ones in every release.
    """
    # Nothing is secret here.
    return random.Random("/".join(str(name) for name in (seed, *names)))  # noqa: S311


def moments(numbers: random.Random, count: int, hours: t.Sequence[int] = EVENING) -> list[int]:
    """Return ``count`` moments of a day in order, as milliseconds since midnight."""
    weights = list(itertools.accumulate(hours))
    chosen = numbers.choices(range(24), cum_weights=weights, k=count)
    return sorted(hour * HOUR_MS + int(numbers.random() * HOUR_MS) for hour in chosen)


def about(numbers: random.Random, mean: int) -> int:
    """Return a number within a twentieth of the mean."""
    return mean + numbers.randint(-(mean // 20), mean // 20)


def some(numbers: random.Random, most: int) -> int:
    """Return a number from 0 to ``most``, small ones more often."""
    return min(numbers.randint(0, most), numbers.randint(0, most))


def once_in(numbers: random.Random, days: int, age: int) -> bool:
    """Return whether an event that comes once in so many days comes ``age`` days ago."""
    drawn = numbers.random() * days < 1
    return drawn and age >= QUIET_DAYS


def weekend(day: dt.date) -> bool:
    """Return whether the day is a Saturday or Sunday."""
    return day.weekday() >= 5


def uuid(numbers: random.Random) -> str:
    """Return a name such as Celery gives each task."""
    digits = f"{numbers.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
