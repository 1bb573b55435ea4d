# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole events in chunks of a log, how well a log fits its format, and what is shown of it.

Searching goes over the bytes of a whole chunk; an event is only looked at where something was
found, or where a review needs every one of them.
"""

from __future__ import annotations

import bisect
import codecs
import datetime as dt
import functools
import re
import typing as t
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

from ..base import redact
from .formats.parsers import IN_TRACE, OWN_EVENT, Parser
from .times import StampReader, Window

#: A longer event is cut into several, bytes; so memory stays bounded whatever stands in a log.
LONGEST: t.Final = 4 << 20
#: What is left of a block when it ends within a sequence that is taken off, bytes.
_HELD: t.Final = 32
_COLOUR: t.Final = re.compile(
    rb"\x1b\[[0-9;?]{0,24}[A-Za-z]|\x1b\][^\x07\x1b\n]{0,256}(?:\x07|\x1b\\)"
)
_BYTE_ORDER: t.Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}

#: Events of a chunk that are taken apart to see whether they fit.
_SAMPLED: t.Final = 250
_EXAMPLES: t.Final = 3
#: Characters of an event that are shown, and bytes that are looked at for it.
SHOWN: t.Final = 240
SHOWN_OF: t.Final = 4096
#: Characters of a message that distinguish it from others.
_MESSAGE: t.Final = 160
_PERSON: t.Final = re.compile(rb"(?<![\w.+-])[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}+")
#: Words with digits: numbers, ids, addresses.
_VOLATILE: t.Final = re.compile(r"\b[^\W\d]*\d[\w-]*")
_DIGITS: t.Final = bytes.maketrans(b"123456789", b"0" * 9)
#: Messages whose fingerprint is remembered.
_SHAPES: t.Final = 4096


class Part(t.NamedTuple):
    """Some bytes of a log.

    ``starts`` is set where a file begins, or what is new since the previous run; ``hint`` is then
    the time of what stands before, where that is known. ``fresh``: whether the bytes stand behind
    the place up to which the previous run read, None where only their time says so.
    """

    data: bytes
    parser: Parser
    starts: bool = False
    hint: float | None = None
    fresh: bool | None = None


#: The parser of parts whose parser is still to be found.
UNKNOWN: t.Final = Parser("unknown", StampReader(dt.UTC, 0.0), b"(?!)", b"(?!)")


class Event(t.NamedTuple):
    """An event of a chunk: where its bytes begin and end, and when it happened (None: unknown)."""

    start: int
    end: int
    time: float | None


class Chunk:
    """Whole events. ``before`` is the time of the last event of the previous chunk."""

    def __init__(
        self, block: bytes, parser: Parser, before: float | None, fresh: bool | None = None
    ) -> None:
        self.block, self.parser, self.before, self.fresh = block, parser, before, fresh

    @functools.cached_property
    def events(self) -> list[Event]:
        """All events; one without a time of its own has that of the previous event."""
        block, parser = self.block, self.parser
        starts = parser.heads(block)
        found: list[Event] = []
        previous = self.before

        for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
            moment = parser.time(block, start, end, previous)
            previous = previous if moment is None else moment
            found.append(Event(start, end, previous))

        return found

    def at(self, position: int) -> Event:
        """Return the event to which the byte at ``position`` belongs."""
        block, parser = self.block, self.parser
        if not parser.needs_previous and "events" not in self.__dict__:
            start, end = self._start(position), self._end(position)
            moment = parser.time(block, start, end, self.before)
            if moment is not None:
                return Event(start, end, moment)

        index = bisect.bisect_right(self.events, position, key=lambda event: event.start) - 1

        return self.events[max(index, 0)]

    def _start(self, position: int) -> int:
        line = self.block.rfind(b"\n", 0, position) + 1
        while line and not self.parser.is_head(self.block, line):
            line = self.block.rfind(b"\n", 0, line - 1) + 1
        return line

    def _end(self, position: int) -> int:
        line = self.block.find(b"\n", position) + 1
        while line and not self.parser.is_head(self.block, line):
            line = self.block.find(b"\n", line) + 1
        return line or len(self.block)

    @functools.cached_property
    def last(self) -> float | None:
        """The time of the last event, that of the previous chunk when it has none."""
        if "events" in self.__dict__ or self.parser.needs_previous:
            return self.events[-1].time if self.events else self.before

        start = self._start(max(len(self.block) - 1, 0))
        moment = self.parser.time(self.block, start, len(self.block), self.before)

        return self.events[-1].time if moment is None and self.block else moment

    def begin(self, size: int) -> Chunk:
        """Return the events that begin within the first ``size`` bytes, and end there."""
        cut = cut_before_last(self.block[:size], self.parser)
        return Chunk(self.block[: cut or size], self.parser, self.before, self.fresh)


def chunks(parts: Iterable[Part]) -> Generator[Chunk, None, None]:
    """Yield the content of some parts, cut where events begin.

    Lines with which a file begins go with the last event of the previous file where they begin no
    event of their own.
    """
    carried, before, last = b"", None, None
    for part in parts:
        data = part.data
        if part.starts:
            if carried and last is not None:
                head = first_head(data, part.parser)
                cut = len(data) if head is None else head
                yield Chunk(carried + data[:cut], last.parser, before, last.fresh)
                carried, data = b"", data[cut:]
            before = part.hint

        last = part
        data = carried + data if carried else data
        cut = cut_before_last(data, part.parser)
        cut = len(data) if not cut and len(data) > LONGEST else cut
        carried = data[cut:]
        if cut:
            chunk = Chunk(data[:cut], part.parser, before, part.fresh)
            yield chunk
            before = chunk.last

    if carried and last is not None:
        yield Chunk(carried, last.parser, before, last.fresh)


def first_head(data: bytes, parser: Parser) -> int | None:
    """Return where the first event begins, None for nowhere."""
    if parser.is_head(data, 0):
        return 0

    heads = parser.heads(data)

    return heads[1] if len(heads) > 1 else None


def cut_before_last(data: bytes, parser: Parser) -> int:
    """Return where the last event begins, which may not be whole; 0 for nowhere but the begin."""
    line = data.rfind(b"\n") + 1
    while line:
        # A line that has not ended yet may still get the rest of its head.
        if parser.is_head(data, line):
            return line
        line = data.rfind(b"\n", 0, line - 1) + 1

    return 0


def clean(blocks: Iterable[bytes], begins: bool) -> Iterator[bytes]:
    """Yield text without what only disturbs: byte order marks, colours, NUL, carriage returns.

    UTF-16 becomes UTF-8. ``begins``: whether the first block is the begin of a file.
    """
    held = b""
    for block in _decoded(blocks) if begins else blocks:
        data = held + block if held else block
        held = b""
        if b"\0" in data:  # truncating a log under its writer leaves a hole, which reads as zeros
            data = data.replace(b"\0", b"")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        if b"\x1b" in data:
            data = _COLOUR.sub(b"", data)

        tail = max(data.rfind(b"\x1b", -_HELD), len(data) - 1 if data.endswith(b"\r") else -1)
        if tail >= 0:
            data, held = data[:tail], data[tail:]
        if data:
            yield data

    if held:
        yield held


def _decoded(blocks: Iterable[bytes]) -> Iterator[bytes]:
    decoder = None
    for number, block in enumerate(blocks):
        data = block
        if not number:
            encoding = _BYTE_ORDER.get(data[:2])
            decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
            data = data[2:] if encoding else data.removeprefix(codecs.BOM_UTF8)

        yield decoder.decode(data).encode("utf-8", "replace") if decoder else data


def is_wide(head: bytes) -> bool:
    """Return whether a file begins as UTF-16, in which lines cannot be looked for by bytes."""
    return head[:2] in _BYTE_ORDER


class _Trace:
    """Whether lines of one event after another stand in its traceback."""

    def __init__(self) -> None:
        self._event, self._searched, self._found = -1, 0, False

    def explains(self, block: bytes, event: Event, line: int) -> bool:
        """Return whether a line goes on with a traceback, and does not look like an event."""
        if event.start != self._event:
            self._event, self._searched, self._found = event.start, event.start, False
        if not self._found:
            self._found = IN_TRACE.search(block, self._searched, line) is not None
            self._searched = line - 1

        return self._found and not OWN_EVENT.match(block, line, event.end)


@dataclass
class Fit:
    """How many lines of a window are as the format says, and how many events have a level."""

    needs_level: bool = True
    lines: float = 0
    unfit: float = 0
    events: float = 0
    without_level: float = 0
    examples: list[str] = field(default_factory=list)
    examples_without_level: list[str] = field(default_factory=list)

    @property
    def unfit_percent(self) -> float:
        """The share of lines that do not fit."""
        return 100 * self.unfit / self.lines if self.lines else 0.0

    @property
    def without_level_percent(self) -> float:
        """The share of events whose level is not known."""
        return 100 * self.without_level / self.events if self.events else 0.0

    def take(self, chunk: Chunk, window: Window | None = None) -> None:
        """Look at the events of a chunk that lie in the window, or have no time."""
        inside = [
            event
            for event in chunk.events
            if window is None or event.time is None or event.time in window
        ]
        if not inside:
            return

        start, end = inside[0].start, inside[-1].end
        whole = len(inside) == len(chunk.events)
        self._take_lines(chunk, start, end, None if whole else inside)
        self._take_events(chunk, inside)

    def _take_lines(self, chunk: Chunk, start: int, end: int, inside: list[Event] | None) -> None:
        block, parser = chunk.block, chunk.parser
        if inside is None:
            self.lines += _count_lines(block, start, end)
        else:
            self.lines += sum(_count_lines(block, event.start, event.end) for event in inside)

        self.lines -= parser.lines_of_head * (len(chunk.events) if inside is None else len(inside))

        counted = {event.start for event in inside} if inside is not None else None
        if start == 0 and parser.is_odd(block, 0):
            self._note(block, 0)

        trace = _Trace()
        for line in parser.odd_lines(block, start, end):
            event = chunk.at(line)
            if (counted is None or event.start in counted) and not trace.explains(
                block, event, line
            ):
                self._note(block, line)

    def _note(self, block: bytes, line: int, weight: float = 1) -> None:
        self.unfit += weight
        if len(self.examples) < _EXAMPLES:
            self.examples.append(_example(block, line))

    def _take_events(self, chunk: Chunk, inside: list[Event]) -> None:
        block, parser = chunk.block, chunk.parser
        step = max(len(inside) // _SAMPLED, 1)

        for event in inside[::step]:
            if not parser.is_head(block, event.start):
                continue
            if not parser.fits(block, event.start, event.end, event.time):
                self._note(block, parser.body(block, event.start, event.end), step)

            self.events += step
            if self.needs_level and not parser.level(block, event.start, event.end):
                self.without_level += step
                if len(self.examples_without_level) < _EXAMPLES:
                    begin = parser.body(block, event.start, event.end)
                    self.examples_without_level.append(_example(block, begin))


def _count_lines(block: bytes, start: int, end: int) -> int:
    ended = block.count(b"\n", start, end)
    return ended + (end > start and block[end - 1 : end] != b"\n")


def _example(block: bytes, line: int) -> str:
    stop = block.find(b"\n", line)
    return show_line(block[line : stop if stop >= 0 else len(block)], 120)


# --- what is shown --------------------------------------------------------------------------------


def show_line(data: bytes, limit: int = SHOWN) -> str:
    """Return an event as one line for people."""
    hidden = _PERSON.sub(b"<mail>", redact.redact_bytes(data[:SHOWN_OF]))
    text = hidden.decode("utf-8", "replace")
    visible = "".join(letter if letter.isprintable() else " " for letter in text)

    return shorten(" ".join(visible.split()), limit)


def shorten(text: str, limit: int = SHOWN) -> str:
    """Return a text of at most ``limit`` characters."""
    return text if len(text) <= limit else f"{text[: limit - 4]} ..."


def fingerprint(message: str) -> str:
    """Return a message without the numbers and ids that make each one different.

    It still has to be redacted.
    """
    first = message.split("\n", 1)[0][:_MESSAGE]
    return _shape(first.encode("utf-8", "surrogatepass").translate(_DIGITS))


@functools.lru_cache(_SHAPES)
def _shape(message: bytes) -> str:
    """Return the fingerprint of a message whose digits are all the same."""
    return _VOLATILE.sub("#", message.decode("utf-8", "surrogatepass"))
