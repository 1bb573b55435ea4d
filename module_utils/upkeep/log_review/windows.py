# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The span of time that a review looks at, from a length up to now to a calendar month."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from dataclasses import dataclass, field

#: Windows besides a length such as 24h.
NAMED: t.Final = ("today", "month", "last_month", "since_last_run", "since_start", "all")

_LENGTH: t.Final = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_SECONDS: t.Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WORDS: t.Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


@dataclass(frozen=True)
class Window:
    """From ``since`` up to but without ``until``, Unix seconds; ``words`` is its name for people.

    With ``by_place`` what counts is what was written behind the place that the previous run read up
    to, whatever time it bears; ``since`` is then where reading begins.
    """

    since: float
    until: float
    words: str = field(compare=False)
    by_place: bool = False

    @property
    def previous(self) -> Window:
        """Return the window of the same length that ends where this one begins."""
        length = self.until - self.since
        return Window(self.since - length, self.since, f"the period preceding {self.words}")

    @property
    def is_whole(self) -> bool:
        """Return whether an event belongs to it without having a time."""
        return self.since <= 0

    def __contains__(self, moment: object) -> bool:
        return isinstance(moment, float) and self.since <= moment < self.until


def length(text: str) -> float | None:
    """Return the seconds of a length such as 90s, 15m, 24h or 7d; None for other text."""
    match = _LENGTH.fullmatch(text)
    return float(int(match[1]) * _SECONDS[match[2]]) if match else None


def is_window(text: str) -> bool:
    """Return whether a text names a window."""
    return text in NAMED or length(text) is not None


def rolling(text: str, now: float) -> Window:
    """Return the window of a length, up to now; raises ValueError for other text."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a length such as 24h")

    count, unit = int(match[1]), match[2]
    words = f"the last {count} {_WORDS[unit]}s" if count > 1 else f"the last {_WORDS[unit]}"

    return Window(now - count * _SECONDS[unit], end_of(now), words)


def calendar(text: str, now: float, zone: dt.tzinfo | None) -> Window:
    """Return today, this month or the last one in the calendar of a zone (None: the host's)."""
    here = dt.datetime.fromtimestamp(now, zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if text == "today":
        return Window(_placed(midnight, zone), end_of(now), "today")

    first = midnight.replace(day=1)
    if text == "month":
        return Window(_placed(first, zone), end_of(now), f"{first:%B %Y}")

    former = (first - dt.timedelta(days=1)).replace(day=1)

    return Window(_placed(former, zone), _placed(first, zone), f"{former:%B %Y}")


def whole(now: float) -> Window:
    """Return the window of all there is."""
    return Window(0.0, end_of(now), "the whole log")


def since_last_run(last: float | None, now: float) -> Window:
    """Return what was written since the last run, which ended at ``last``.

    Without one, or with one in the future, the last day.
    """
    day = rolling("24h", now)
    if last is None or last > now:
        return Window(day.since, day.until, f"{day.words} (first run)", by_place=True)

    return Window(last, day.until, "the time since the last run", by_place=True)


def end_of(now: float) -> float:
    """Return the end of a window up to now, to which a line of this very moment belongs."""
    return now + 0.001


def _placed(naive: dt.datetime, zone: dt.tzinfo | None) -> float:
    return (naive.astimezone() if zone is None else naive.replace(tzinfo=zone)).timestamp()
