# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is counted while chunks of a log go by; each measure keeps a bounded amount."""

from __future__ import annotations

import collections
import heapq
import math
import re
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..base import redact
from .events import SHOWN_OF, Chunk, Event, fingerprint, shorten, show_line
from .formats.parsers import LevelHint
from .settings import LogQuestion
from .times import Window, format_time

#: Different values of a ranking that are kept; beyond, rare ones give way.
MOST_GROUPS: t.Final = 10_000
TOP: t.Final = 10
#: Bytes that are kept of the event that measure newest looks at.
_EXPECTED_WITHIN: t.Final = 64 << 10
#: Largest difference between two durations that are taken for one, as a share.
_STEP: t.Final = 1.01
_EXAMPLES: t.Final = 2
#: A file that the previous run did not know may hold lines that are late by this, seconds.
_LATE: t.Final = 86400.0

_NUMBER: t.Final = re.compile(
    r"\s*(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?)"
    r"\s*(?P<unit>[A-Za-zµμ%/]{0,12})\s*"
)
_COMPOUND: t.Final = re.compile(r"(?P<number>\d+(?:\.\d*)?)(?P<unit>h|ms|m|s|us|µs|μs|ns)")
_TIME_UNITS: t.Final = {
    **dict.fromkeys(("ns",), 1e-9),
    **dict.fromkeys(("us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minutes"), 60.0),
    **dict.fromkeys(("h", "hours"), 3600.0),
}

Match = re.Match[bytes] | None


class Groups:
    """How often each of some values came up.

    Of more than MOST_GROUPS values the rare ones give way to new ones; ``missed`` is how often a
    value may have come up before it was kept.
    """

    def __init__(self, most: int = MOST_GROUPS) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        self.missed = 0
        self._most = most

    def add(self, value: str) -> None:
        """Count a value once more."""
        self.counts[value] += 1
        if len(self.counts) > 2 * self._most:
            self._drop_rare()

    def _drop_rare(self) -> None:
        kept = self.counts.most_common(self._most)
        dropped = max(self.counts[value] for value in self.counts.keys() - dict(kept).keys())
        self.missed += dropped
        self.counts = collections.Counter(dict(kept))

    def top(self, number: int = TOP) -> list[tuple[str, int]]:
        """Return the most frequent values for people; of equal ones the first in the alphabet."""
        first = heapq.nsmallest(number, self.counts.items(), lambda pair: (-pair[1], pair[0]))
        return [(show_line(value.encode("utf-8", "replace"), 160), count) for value, count in first]


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
        self._bins[round(math.log(number, _STEP)) if number > 1e-12 else -(10**9)] += 1

    @property
    def average(self) -> float:
        """The mean, 0 without numbers."""
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
    limit: int = SHOWN_OF
    _kept: list[tuple[float, int, bytes]] = field(default_factory=list)
    _order: int = 0

    def add(self, moment: float, block: bytes, start: int, end: int) -> None:
        """Keep an event when it is among the newest."""
        self._order += 1
        if len(self._kept) >= self.size and (not self.size or moment < self._kept[0][0]):
            return

        kept = (moment, self._order, block[start : min(end, start + self.limit)])
        if len(self._kept) < self.size:
            heapq.heappush(self._kept, kept)
        else:
            heapq.heapreplace(self._kept, kept)

    @property
    def lines(self) -> list[str]:
        """The lines for people, oldest first."""
        return [show_line(data) for data in self.events]

    @property
    def events(self) -> list[bytes]:
        """The bytes of the events, oldest first."""
        return [data for _, _, data in sorted(self._kept)]


@dataclass
class Readings:
    """How many events gave the value that a review needs, and how many did not."""

    given: int = 0
    absent: int = 0
    unreadable: int = 0
    units: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    def refuse(self, value: t.Any) -> None:
        """Note a value that is not a number."""
        self.unreadable += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(show_line(str(value).encode("utf-8", "replace"), 60))


class Measure:
    """One review at work."""

    def __init__(self, review: LogQuestion, window: Window, has_marks: bool = False) -> None:
        self.review, self.window, self._has_marks = review, window, has_marks
        self.count = 0
        self.total = 0
        #: Parts of the window, 0 the newest: how many events matched, and of how many.
        self.parts: collections.Counter[int] = collections.Counter()
        self.part_totals: collections.Counter[int] = collections.Counter()
        limit = _EXPECTED_WITHIN if review.measure == "newest" else SHOWN_OF
        self.newest = Newest(1 if review.measure == "newest" else review.show, limit)
        self.groups, self.messages = Groups(), Groups(2000)
        self.numbers, self.former = Spread(), Spread()
        self.readings = Readings()
        #: How many events of the previous window matched, and when the first of them was.
        self.count_before, self.begin_before = 0, math.inf
        self._hints: dict[int, LevelHint | None] = {}

    @property
    def since(self) -> float:
        """Where reading has to begin."""
        has_trend = self.review.trend_percent is not None
        return self.window.previous.since if has_trend else self.window.since

    def is_inside(self, chunk: Chunk, event: Event) -> bool:
        """Return whether an event belongs to the window."""
        window = self.window
        if window.by_place and self._has_marks:
            if chunk.fresh is None:
                return event.time is not None and event.time >= window.since - _LATE
            return chunk.fresh
        if event.time is None:
            return window.is_whole and chunk.parser.is_head(chunk.block, event.start)

        return event.time in window

    def take(self, chunk: Chunk) -> None:
        """Count what a chunk holds."""
        if self.window.by_place and chunk.fresh is False:
            return

        for event, match in self._candidates(chunk):
            if self.is_inside(chunk, event):
                if self._fits(chunk, event):
                    self._add(chunk, event, match)
            elif self._is_before(event.time) and self._fits(chunk, event):
                self._add_before(event.time, self._number(chunk, event, match))

        if self.review.measure == "share":
            self.total += self._total(chunk)

    def _candidates(self, chunk: Chunk) -> Iterator[tuple[Event, Match]]:
        if self.review.secrets:
            return _secrets(chunk)
        if self.review.pattern is not None:
            return _matches(chunk, self.review.pattern.search)

        hint = self._hint(chunk) if self.review.levels else None
        if hint is None:
            return ((event, None) for event in chunk.events)

        return _hinted(chunk, hint)

    def _hint(self, chunk: Chunk) -> LevelHint | None:
        key = id(chunk.parser)
        if key not in self._hints:
            self._hints[key] = chunk.parser.level_hint(self.review.levels)
        return self._hints[key]

    def _fits(self, chunk: Chunk, event: Event) -> bool:
        review = self.review
        begin = chunk.parser.body(chunk.block, event.start, event.end)
        if review.exclude and review.exclude.search(chunk.block, begin, event.end):
            return False

        return (
            not review.levels
            or chunk.parser.level(chunk.block, event.start, event.end) in review.levels
        )

    def _total(self, chunk: Chunk) -> int:
        """Return how many events of the window the share is taken of."""
        of = self.review.of
        events: t.Iterable[Event] = chunk.events
        if of is not None:
            events = (event for event, _ in _matches(chunk, of.search))

        inside = [event for event in events if self.is_inside(chunk, event)]
        self._share_out(self.part_totals, inside)

        return len(inside)

    def _share_out(self, parts: collections.Counter[int], events: t.Iterable[Event]) -> None:
        """Count events in the part of the window that each belongs to."""
        if self.review.worst_of is not None:
            parts.update(
                int((self.window.until - event.time) // self.review.worst_of)
                for event in events
                if event.time is not None
            )

    def _add(self, chunk: Chunk, event: Event, match: Match) -> None:
        review, block, parser = self.review, chunk.block, chunk.parser
        if review.number:
            number = self._number(chunk, event, match)
            if number is None or (review.more_than is not None and number <= review.more_than):
                return

            self.numbers.add(number)

        if review.measure == "ranking":
            value = self._value(chunk, event, match)
            if value is None:
                self.readings.absent += 1
                return

            self.readings.given += 1
            self.groups.add(value)

        self.count += 1
        self._share_out(self.parts, [event])
        begin = parser.body(block, event.start, event.end)
        self.newest.add(event.time or 0.0, block, begin, event.end)
        if review.measure == "count" and not review.secrets:
            message = parser.message(block, event.start, event.end)
            self.messages.add(fingerprint(message))

    def _is_before(self, moment: float | None) -> bool:
        """Return whether an event belongs to the window that this one is compared with."""
        return self.review.trend_percent is not None and moment in self.window.previous

    def _add_before(self, moment: float | None, number: float | None) -> None:
        self.count_before += 1
        self.begin_before = min(self.begin_before, moment or 0.0)
        if number is not None:
            self.former.add(number)

    def _number(self, chunk: Chunk, event: Event, match: Match) -> float | None:
        """Return the number of an event, None when it has none that can be read."""
        if not self.review.number:
            return None

        value = _named(chunk, event, match, self.review.number)
        if value is None:
            self.readings.absent += 1
            return None

        found = read_number(value, self.review.unit)
        if found is None:
            self.readings.refuse(value)
            return None

        self.readings.given += 1
        self.readings.units.add(found[1])

        return found[0]

    def _value(self, chunk: Chunk, event: Event, match: Match) -> str | None:
        by, parser = self.review.by, chunk.parser
        if by == "hour":
            moment = event.time
            return None if moment is None else f"{format_time(moment - moment % 3600)[:13]}h"
        if by == "level":
            return parser.level(chunk.block, event.start, event.end) or "none"
        if by == "message":
            return fingerprint(parser.message(chunk.block, event.start, event.end))

        value = _named(chunk, event, match, by)

        return None if value is None else shorten(str(value), 80)


def _matches(
    chunk: Chunk, search: Callable[[bytes, int, int], Match]
) -> Iterator[tuple[Event, Match]]:
    """Yield each event in which something is found, with what was found.

    That ends within the event, and begins behind the head that wrapped lines get.
    """
    block, at = chunk.block, 0
    while at < len(block) and (match := search(block, at, len(block))):
        begin = match.start()
        event = chunk.at(min(begin, len(block) - 1))
        end = _end_of(block, event)
        body = chunk.parser.body(block, event.start, event.end)
        if match.end() > end or begin < body:
            match = search(block, max(at, body), end)

        # What comes next in this event, such as the last line of a traceback, is the same event.
        at = max(event.end, begin + 1)
        if match is not None:
            yield event, match


def _hinted(chunk: Chunk, hint: LevelHint) -> Iterator[tuple[Event, Match]]:
    """Yield each event that may be of the levels that a hint is for."""
    find, at = hint.finder(chunk.block), 0
    while (place := find(at)) >= 0:
        event = chunk.at(place)
        at = max(event.end, place + 1)
        yield event, None


def _secrets(chunk: Chunk) -> Iterator[tuple[Event, Match]]:
    """Yield each event that holds what looks like a secret."""
    block, at = chunk.block, 0
    for match in redact.find(block):
        if match.start() < at:
            continue

        event = chunk.at(match.start())
        if match.end() > _end_of(block, event) and not any(
            redact.find(block[event.start : _end_of(block, event)])
        ):
            continue

        at = event.end
        yield event, None


def _end_of(block: bytes, event: Event) -> int:
    return event.end - (block[event.end - 1 : event.end] == b"\n")


def _named(chunk: Chunk, event: Event, match: Match, name: str) -> t.Any:
    """Return a named group of what was found, else a field of the event, None for neither."""
    if match is not None and name in match.re.groupindex:
        found = match[name]
        return None if found is None else found.decode("utf-8", "replace")

    return chunk.parser.field(chunk.block, event.start, event.end, name)


def read_number(value: t.Any, unit: str) -> tuple[float, str] | None:
    """Return a number and the unit that stands behind it, None for what is not a number.

    A time with a unit of its own is converted to ``unit`` where that is one of time as well, and
    then has none.
    """
    if isinstance(value, bool):
        return None

    text, wanted = str(value), _TIME_UNITS.get(unit)
    match = _NUMBER.fullmatch(text) if len(text) <= 400 else None
    try:
        if match is None:
            return _compound(text, wanted)
        number, own = float(match["number"]), match["unit"]
    except (ValueError, OverflowError):
        return None

    if own in _TIME_UNITS and wanted:
        number, own = number * _TIME_UNITS[own] / wanted, ""

    return (number, own) if math.isfinite(number) else None


def _compound(text: str, wanted: float | None) -> tuple[float, str] | None:
    """Return a duration such as 1m30.5s, in ``wanted`` seconds or in seconds."""
    parts = list(_COMPOUND.finditer(text.strip()))
    if not parts or "".join(part[0] for part in parts) != text.strip() or len(parts) > 8:
        return None

    seconds = sum(float(part["number"]) * _TIME_UNITS[part["unit"]] for part in parts)

    return seconds / (wanted or 1.0), "" if wanted else "s"
