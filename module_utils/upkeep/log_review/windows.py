# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stretch of time that a review looks at: the last hours, a calendar month, since the last run, since a start."""

from __future__ import annotations

import datetime as dt
import re
import typing as t
from dataclasses import dataclass

#: Windows besides a length such as 24h.
NAMED: t.Final = ("today", "month", "last_month", "since_last_run", "since_start", "all")
#: Lines of the last seconds may still be on their way into the log, so the next run is left to
#: count them.
SETTLE_SECONDS: t.Final = 2.0

_LENGTH: t.Final = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_SECONDS: t.Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WORDS: t.Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


@dataclass(frozen=True)
class Window:
    """From ``since`` up to but without ``until``, Unix seconds; ``words`` is how people call it."""

    since: float
    until: float
    words: str

    @property
    def before(self) -> Window:
        """Return the window of the same length that ends where this one begins."""
        return Window(
            self.since - (self.until - self.since), self.since, f"the time before {self.words}"
        )

    def __contains__(self, moment: object) -> bool:
        return isinstance(moment, float) and self.since <= moment < self.until


def length(text: str) -> float | None:
    """Return the seconds of a length such as 90s, 15m, 24h or 7d; None when it is none."""
    match = _LENGTH.fullmatch(text)
    return float(int(match[1]) * _SECONDS[match[2]]) if match else None


def is_window(text: str) -> bool:
    """Tell whether a text names a window."""
    return text in NAMED or length(text) is not None


def rolling(text: str, now: float) -> Window:
    """Return the window of a length, up to now; raises ValueError when it is none."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no length such as 24h")

    count, unit = int(match[1]), match[2]
    words = f"the last {count} {_WORDS[unit]}s" if count > 1 else f"the last {_WORDS[unit]}"

    return Window(now - count * _SECONDS[unit], _after(now), words)


def calendar(text: str, now: float, zone: dt.tzinfo | None) -> Window:
    """Return today, this month or the last one, as the calendar of a zone (None: the host's) has them."""
    here = dt.datetime.fromtimestamp(now, zone)
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if text == "today":
        return Window(_placed(midnight, zone), _after(now), "today")

    first = midnight.replace(day=1)
    if text == "month":
        return Window(_placed(first, zone), _after(now), f"{first:%B %Y}")

    former = (first - dt.timedelta(days=1)).replace(day=1)

    return Window(_placed(former, zone), _placed(first, zone), f"{former:%B %Y}")


def _placed(naive: dt.datetime, zone: dt.tzinfo | None) -> float:
    return (naive.astimezone() if zone is None else naive.replace(tzinfo=zone)).timestamp()


def since_last_run(last: float | None, fallback: Window, now: float) -> Window:
    """Return what was written since the last run.

    Without one, or with one in the future, the fallback.
    """
    until = now - SETTLE_SECONDS
    if last is None or last > now:
        return Window(fallback.since, until, f"{fallback.words} (first run)")
    return Window(last, until, "the time since the last run")


def _after(now: float) -> float:
    """Return the end of a window that reaches up to now: a line stamped in this very moment belongs to it."""
    return now + 0.001
