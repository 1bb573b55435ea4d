# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is counted while chunks of a log go by.

Each measure keeps a bounded amount, however long the log is.
"""

from __future__ import annotations

import collections
import heapq
import math
import re
import typing as t
from dataclasses import dataclass, field

from . import redact
from .chunks import Chunk, Event
from .layout import Layout
from .layout import field as field_of
from .settings import Review
from .stamps import shown
from .windows import Window

#: Different values that are kept apart; the rest is counted together.
MOST_GROUPS: t.Final = 2000
OTHERS: t.Final = "(others)"
TOP: t.Final = 10
#: Largest difference between two durations that are taken for one, as a share.
_STEP: t.Final = 1.01
_NUMBER: t.Final = re.compile(r"-?\d+(?:\.\d+)?")


class Groups:
    """How often each of some values came up."""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()

    def add(self, value: str) -> None:
        """Count a value once more; a new one beyond the bound counts among the others."""
        known = value in self.counts or len(self.counts) < MOST_GROUPS
        self.counts[value if known else OTHERS] += 1

    def top(self, number: int = TOP) -> list[tuple[str, int]]:
        """Return the most frequent values for people, most frequent first, of equal ones the first in the alphabet."""
        first = sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))[:number]
        return [
            (redact.line(value.encode("utf-8", "replace"), 160), count) for value, count in first
        ]


class Spread:
    """Average and percentiles of numbers; percentiles are right to one per cent."""

    def __init__(self) -> None:
        self.count, self.sum = 0, 0.0
        self._bins: collections.Counter[int] = collections.Counter()

    def add(self, number: float) -> None:
        """Take one more number; one below zero counts as zero."""
        number = max(number, 0.0)
        self.count += 1
        self.sum += number
        self._bins[round(math.log(number, _STEP)) if number > 1e-9 else -(10**9)] += 1

    @property
    def average(self) -> float:
        """Return the mean, 0 without numbers."""
        return self.sum / self.count if self.count else 0.0

    def percentile(self, share: float) -> float:
        """Return the number below or at which a share of all lies."""
        left = math.ceil(share * self.count)
        for place in sorted(self._bins):
            left -= self._bins[place]
            if left <= 0:
                return 0.0 if place == -(10**9) else _STEP**place

        return 0.0


@dataclass
class Newest:
    """The newest ``size`` events; they become lines for people only when all is read."""

    size: int
    _kept: list[tuple[float, int, bytes]] = field(default_factory=list)
    _order: int = 0

    def add(self, moment: float, block: bytes, start: int, end: int) -> None:
        """Keep an event when it is among the newest."""
        self._order += 1
        if len(self._kept) >= self.size and (not self.size or moment < self._kept[0][0]):
            return

        kept = (moment, self._order, block[start : min(end, start + redact.LOOKED_AT)])
        if len(self._kept) < self.size:
            heapq.heappush(self._kept, kept)
        else:
            heapq.heapreplace(self._kept, kept)

    @property
    def lines(self) -> list[str]:
        """Return the lines, oldest first."""
        return [redact.line(data) for _, _, data in sorted(self._kept)]


class Measure:
    """One review at work."""

    def __init__(self, review: Review, window: Window, layout: Layout) -> None:
        self.review, self.window, self.layout = review, window, layout
        self.count = 0
        self.total = 0
        #: Parts of the window, 0 the newest: how many events fitted, and of how many.
        self.parts: collections.Counter[int] = collections.Counter()
        self.part_totals: collections.Counter[int] = collections.Counter()
        self.newest = Newest(1 if review.measure == "newest" else review.show)
        self.groups, self.messages = Groups(), Groups()
        self.numbers, self.former = Spread(), Spread()
        #: How many events of the window before fitted, and when the first of them was.
        self.count_before, self.begin_before = 0, math.inf
        self._finder = self._find_by()

    @property
    def since(self) -> float:
        """Return where reading has to begin."""
        return (
            self.window.before.since if self.review.trend_percent is not None else self.window.since
        )

    def _find_by(self) -> re.Pattern[bytes] | None:
        """Return what every event in question contains.

        None when all of them have to be looked at.
        """
        if self.review.secrets:
            return redact.SECRET
        if self.review.pattern is not None:
            return self.review.pattern

        return self.layout.level_hint(self.review.levels) if self.review.levels else None

    def take(self, chunk: Chunk) -> None:
        """Count what a chunk holds."""
        for event, match in self._candidates(chunk):
            if event.time is None:
                continue
            if event.time in self.window:
                if self._fits(chunk, event):
                    self._add(chunk, event, event.time, match)
            elif self._is_before(event.time) and self._fits(chunk, event):
                self._add_before(
                    event.time, self._number(chunk, event, match) if self.review.number else None
                )

        if self.review.measure == "share":
            self.total += self._total(chunk)

    def _candidates(self, chunk: Chunk) -> t.Iterator[tuple[Event, re.Match[bytes] | None]]:
        if self._finder is None:
            yield from ((event, None) for event in chunk.events)
            return

        at = 0
        while match := self._finder.search(chunk.block, at):
            event = chunk.at(min(match.start(), len(chunk.block) - 1))
            # What comes next in this event, a traceback's last line say, is the same event.
            at = max(event.end, match.start() + 1)
            yield event, match
            if at >= len(chunk.block):
                return

    def _fits(self, chunk: Chunk, event: Event) -> bool:
        review = self.review
        if review.exclude and review.exclude.search(chunk.block, event.start, event.end):
            return False

        return (
            not review.levels
            or self.layout.level(chunk.block, event.start, event.end) in review.levels
        )

    def _total(self, chunk: Chunk) -> int:
        """Return how many events of the window the share is taken of."""
        of, window = self.review.of, self.window
        if of is None:
            moments = [
                event.time
                for event in chunk.events
                if event.time is not None and event.time in window
            ]
            self._share_out(self.part_totals, moments)
            return len(moments)

        moments, at = [], 0

        while match := of.search(chunk.block, at):
            event = chunk.at(min(match.start(), len(chunk.block) - 1))
            at = max(event.end, match.start() + 1)
            if event.time is not None and event.time in window:
                moments.append(event.time)

            if at >= len(chunk.block):
                break

        self._share_out(self.part_totals, moments)

        return len(moments)

    def _share_out(self, parts: collections.Counter[int], moments: t.Iterable[float]) -> None:
        """Count events in the part of the window that each belongs to."""
        if self.review.worst_of is not None:
            parts.update(
                int((self.window.until - moment) // self.review.worst_of) for moment in moments
            )

    def _add(
        self, chunk: Chunk, event: Event, moment: float, match: re.Match[bytes] | None
    ) -> None:
        review, block = self.review, chunk.block
        if review.number:
            number = self._number(chunk, event, match)
            if number is None or (review.more_than is not None and number <= review.more_than):
                return

            self.numbers.add(number)

        if review.measure == "ranking":
            value = self._value(chunk, event, moment, match)
            if value is None:
                return

            self.groups.add(value)

        self.count += 1
        self._share_out(self.parts, [moment])
        begin = self.layout.body(block, event.start, event.end)
        self.newest.add(moment, block, begin, event.end)
        if review.measure == "count" and not review.secrets:
            self.messages.add(
                redact.fingerprint(self.layout.message(block, event.start, event.end))
            )

    def _is_before(self, moment: float) -> bool:
        """Tell whether an event belongs to what the window is compared with."""
        return self.review.trend_percent is not None and moment in self.window.before

    def _add_before(self, moment: float, number: float | None) -> None:
        self.count_before += 1
        self.begin_before = min(self.begin_before, moment)
        if number is not None:
            self.former.add(number)

    def _number(self, chunk: Chunk, event: Event, match: re.Match[bytes] | None) -> float | None:
        """Return the number of an event: that of a JSON field, or the group of that name in the pattern."""
        value = self._named(chunk, event, match, self.review.number)
        if isinstance(value, bool) or value is None:
            return None

        found = _NUMBER.search(str(value))
        number = float(found[0]) if found else math.nan

        return number if math.isfinite(number) else None

    def _value(
        self, chunk: Chunk, event: Event, moment: float, match: re.Match[bytes] | None
    ) -> str | None:
        by = self.review.by
        if by == "hour":
            return redact.cut(_hour(moment))
        if by == "level":
            return self.layout.level(chunk.block, event.start, event.end) or "none"
        if by == "message":
            return redact.fingerprint(self.layout.message(chunk.block, event.start, event.end))

        value = self._named(chunk, event, match, by)

        return None if value is None else redact.cut(str(value), 80)

    def _named(self, chunk: Chunk, event: Event, match: re.Match[bytes] | None, name: str) -> t.Any:
        if match is not None and name in match.re.groupindex:
            found = match[name]
            return None if found is None else found.decode("utf-8", "replace")
        if not self.layout.json:
            return None

        record = self.layout.record(chunk.block, event.start, event.end)

        return field_of(record, name) if record else None


def _hour(moment: float) -> str:
    return f"{shown(moment - moment % 3600)[:13]}h"
