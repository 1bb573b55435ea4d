# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pieces of a log that hold whole events, and the events in them.

Searching goes over the bytes of a whole chunk; an event is only looked at where something was
found, or where a review needs every one of them.
"""

from __future__ import annotations

import bisect
import functools
import typing as t

from .layout import Layout

#: An event that is longer is cut into several, bytes; so memory stays bounded whatever stands in a
#: log.
LONGEST: t.Final = 4 << 20


class Event(t.NamedTuple):
    """An event of a chunk: where its bytes begin and end, and when it happened (None: nothing before it says)."""

    start: int
    end: int
    time: float | None


class Chunk:
    """Whole events. ``before`` is the time of the last event of the chunk before."""

    def __init__(self, block: bytes, layout: Layout, before: float | None) -> None:
        self.block, self.layout, self.before = block, layout, before

    @functools.cached_property
    def events(self) -> list[Event]:
        """Return all events. One without a time of its own has that of the event before."""
        block, layout = self.block, self.layout
        starts = layout.heads(block)
        found: list[Event] = []
        previous = self.before

        for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
            moment = layout.time(block, start, end, previous)
            previous = previous if moment is None else moment
            found.append(Event(start, end, previous))

        return found

    def at(self, position: int) -> Event:
        """Return the event to which the byte at ``position`` belongs."""
        block, layout = self.block, self.layout
        if not layout.clock.folds and "events" not in self.__dict__:
            start = self._start(position)
            end = self._end(position)
            moment = layout.time(block, start, end)
            if moment is not None:
                return Event(start, end, moment)

        index = bisect.bisect_right(self.events, position, key=lambda event: event.start) - 1

        return self.events[max(index, 0)]

    def _start(self, position: int) -> int:
        line = self.block.rfind(b"\n", 0, position) + 1
        while line and not self.layout.head.match(self.block, line):
            line = self.block.rfind(b"\n", 0, line - 1) + 1
        return line

    def _end(self, position: int) -> int:
        line = self.block.find(b"\n", position) + 1
        while line and not self.layout.head.match(self.block, line):
            line = self.block.find(b"\n", line) + 1
        return line or len(self.block)

    @functools.cached_property
    def last(self) -> float | None:
        """Return the time of the last event, that of the chunk before when it has none."""
        if "events" in self.__dict__ or self.layout.clock.folds:
            return self.events[-1].time if self.events else self.before

        start = self._start(max(len(self.block) - 1, 0))
        moment = self.layout.time(self.block, start, len(self.block), self.before)

        return self.events[-1].time if moment is None and self.block else moment


def chunks(blocks: t.Iterable[bytes], layout: Layout) -> t.Generator[Chunk, None, None]:
    """Yield the content of some blocks, cut where events begin.

    The first one may begin in the middle of an event.
    """
    carried, before = b"", None
    for block in blocks:
        data = carried + block if carried else block
        cut = _cut(data, layout)
        if not cut:
            carried = data
            continue

        chunk = Chunk(data[:cut], layout, before)
        carried = data[cut:]
        yield chunk
        before = chunk.last

    if carried:
        yield Chunk(carried, layout, before)


def _cut(data: bytes, layout: Layout) -> int:
    """Return where the last event begins that may not be whole; 0 to wait for more."""
    line = data.rfind(b"\n") + 1
    while line:
        if layout.head.match(data, line):
            return line

        # Less than one line more: its head may still be on its way.
        before = data.rfind(b"\n", 0, line - 1) + 1
        if not before:
            break

        line = before

    return len(data) if len(data) > LONGEST else 0
