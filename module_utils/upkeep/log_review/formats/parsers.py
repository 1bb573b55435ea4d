# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking the events of a log apart, as its format declares.

A line that begins no event belongs to the event before. Lines of the journal and of containers are
*wrapped*: they get a head of our own with time and priority, and the text that follows is the body.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..times import SHAPES, StampReader
from .line_format import (
    PRIORITIES,
    JsonFormat,
    TextFormat,
    any_case,
    compile_line,
    level_name,
)

#: An exception that nothing caught is an error, whatever was logged last.
TRACEBACK: t.Final = b"Traceback (most recent call last)"
#: Begins the head of a wrapped line: this control character, Unix time, a blank, priority. The
#: text follows on a line of its own. A digit is a priority that decides; a letter from a (0) to
#: h (7) one that only counts where the text names no level; a dash is none.
MARK: t.Final = b"\x1e"
FALLBACK: t.Final = b"abcdefgh"
#: How much of an event is taken apart, and of a message looked at, bytes.
LOOKED_AT: t.Final = 8192
MESSAGE: t.Final = 1024

#: A line that looks like an event of its own, though not of the format of its log.
OWN_EVENT: t.Final = re.compile(
    rb"\W{0,2}(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|Info|Warning|Error"
    rb"|Critical)\b|\{\"|\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\S+ \S+ \S+ \[\d\d/"
)
#: Within a traceback every line goes on with it, except one that looks like an event.
IN_TRACE: t.Final = re.compile(rb"\n[ \t]|\nTraceback ")

_NOTHING: t.Final = rb"(?!)"

Record = dict[str, t.Any]


def read_field(record: Mapping[str, t.Any], name: str) -> t.Any:
    """Return a field of a record, None when it is missing; ``a.b`` looks into ``a``."""
    if name in record:
        return record[name]

    value: t.Any = record
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)

    return value


def _record(text: bytes) -> Record | None:
    try:
        found = json.loads(text.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None

    return found if isinstance(found, dict) else None


@dataclass(frozen=True)
class LevelHint:
    """What stands in every event of some levels: one of the words, in any case, or a pattern."""

    words: tuple[bytes, ...]
    patterns: tuple[bytes, ...]

    @classmethod
    def of(cls, words: t.Iterable[str], patterns: t.Iterable[bytes] = ()) -> LevelHint:
        """Return a hint without words that stand in others."""
        lowered = sorted({word.lower().encode() for word in words}, key=len)
        kept: list[bytes] = []
        for word in lowered:
            if not any(shorter in word for shorter in kept):
                kept.append(word)

        return cls(tuple(kept), tuple(patterns))

    def finder(self, block: bytes) -> Callable[[int], int]:
        """Return a function for the next place from an offset on, -1 for none.

        Looking for each word on its own is ten times faster than one expression for all.
        """
        lowered = block.lower()
        searches: list[Callable[[int], int]] = [
            functools.partial(lowered.find, word) for word in self.words
        ]
        if self.patterns:
            searches.append(functools.partial(_place, re.compile(b"|".join(self.patterns)), block))
        following = [-2] * len(searches)

        def find(at: int) -> int:
            for number, search in enumerate(searches):
                if following[number] != -1 and following[number] < at:
                    following[number] = search(at)

            return min((place for place in following if place >= 0), default=-1)

        return find


def _place(pattern: re.Pattern[bytes], block: bytes, at: int) -> int:
    match = pattern.search(block, at)
    return match.start() if match else -1


class Parser:
    """Takes apart the events of one log; what all kinds of logs have in common."""

    #: Whether events have a level and a time, so that a review may ask for them.
    gives_level = True
    gives_time = True
    is_json = False
    #: Lines of each event that the log itself does not have.
    lines_of_head = 0
    #: Whether stamps have no year.
    lacks_year = False

    def __init__(self, name: str, reader: StampReader, head: bytes, continues: bytes) -> None:
        self.name, self.reader = name, reader
        self._continues = re.compile(continues, re.MULTILINE)
        self._head = re.compile(head)
        # A line break is searched for much faster than "^".
        self._heads = re.compile(b"\n(?=" + head + b")")
        self._odd = re.compile(b"\n(?!" + head + b"|" + continues + b")", re.MULTILINE)

    @property
    def needs_previous(self) -> bool:
        """Whether the time of an event depends on that of the previous one."""
        return self.lacks_year or self.reader.folds

    def at(self, reader: StampReader) -> Parser:
        """Return this parser with another reader of stamps."""
        raise NotImplementedError

    def is_head(self, block: bytes, position: int) -> bool:
        """Return whether the line at a position begins an event."""
        return self._head.match(block, position) is not None

    def heads(self, block: bytes) -> list[int]:
        """Return where the events of a block begin, the first one always at its begin."""
        return [0, *(match.end() for match in self._heads.finditer(block))]

    def is_odd(self, block: bytes, position: int) -> bool:
        """Return whether the first line of a block neither begins an event nor goes on with one."""
        return not self.is_head(block, position) and not self._continues.match(block, position)

    def odd_lines(self, block: bytes, start: int, end: int) -> t.Iterator[int]:
        """Yield where lines begin that neither begin an event nor look like the rest of one."""
        for match in self._odd.finditer(block, start, end):
            if match.start() + 1 < end:
                yield match.start() + 1

    def time(self, block: bytes, start: int, end: int, previous: float | None) -> float | None:
        """Return when an event happened, None when it does not say."""
        raise NotImplementedError

    def fits(self, block: bytes, start: int, end: int, previous: float | None) -> bool:
        """Return whether the first line of an event is as the format says."""
        raise NotImplementedError

    def body(self, block: bytes, start: int, end: int) -> int:
        """Return where the text of an event begins."""
        return start

    def level(self, block: bytes, start: int, end: int) -> str:
        """Return the level of an event, one of LEVELS, or "" when it names none."""
        level = self._level(block, start, end)
        if level not in ("error", "critical") and block.find(TRACEBACK, start, end) >= 0:
            return "error"

        return level

    def _level(self, block: bytes, start: int, end: int) -> str:
        raise NotImplementedError

    def field(self, block: bytes, start: int, end: int, name: str) -> t.Any:
        """Return a field of an event, None when it has none of that name."""
        raise NotImplementedError

    def message(self, block: bytes, start: int, end: int) -> str:
        """Return the message of an event, without stamp and level."""
        raise NotImplementedError

    def record(self, block: bytes, start: int, end: int) -> Record | None:
        """Return the JSON record of an event, None when it is none."""
        return None

    def level_hint(self, levels: t.Collection[str]) -> LevelHint | None:
        """Return what every event of some levels contains, None when each must be looked at."""
        raise NotImplementedError


class TextParser(Parser):
    """Events of a TextFormat."""

    def __init__(self, form: TextFormat, reader: StampReader, bare: bool = False) -> None:
        begins = compile_line(form.begins, named=False).pattern
        stamps = sum(form.begins.count("{" + name + "}") for name in SHAPES)
        # Where an event begins with its time, that is had without taking the whole line apart.
        self._stamp = compile_line(form.begins) if stamps == 1 else None
        super().__init__(form.name, reader, begins, form.continues.encode())
        self.form, self._bare = form, bare
        lines = (*form.lines, *(form.bare if bare else ()))
        self.lines = [compile_line(line, named=True) for line in lines]
        groups = {name for line in self.lines for name in line.groupindex}
        self.gives_level = bool(groups & {"level", "priority"})
        self.gives_time = bool(form.lines) and "timestamp" in groups
        self.lacks_year = any("{no_year}" in line for line in form.lines)
        self._memory: tuple[bytes, int, re.Match[bytes] | None] | None = None

    def at(self, reader: StampReader) -> TextParser:
        return TextParser(self.form, reader, self._bare)

    def match(self, block: bytes, start: int, end: int) -> re.Match[bytes] | None:
        """Return how the first line of an event is taken apart, None when it does not fit."""
        memory = self._memory
        if memory is not None and memory[0] is block and memory[1] == start:
            return memory[2]

        stop = block.find(b"\n", start, min(end, start + LOOKED_AT))
        stop = stop if stop >= 0 else min(end, start + LOOKED_AT)
        found = None
        for line in self.lines:
            if found := line.match(block, start, stop):
                break

        self._memory = block, start, found

        return found

    def time(self, block: bytes, start: int, end: int, previous: float | None) -> float | None:
        if self._stamp is not None:
            head = self._stamp.match(block, start, end)
            return self.reader.read(head["timestamp"], previous) if head else None

        match = self.match(block, start, end)
        if match is None:
            return self._time_of_head(block, start, previous)

        stamp = match.groupdict().get("timestamp")

        return self.reader.read(stamp, previous) if stamp else None

    def _time_of_head(self, block: bytes, start: int, previous: float | None) -> float | None:
        """Return the time of a line that begins as an event and goes on otherwise."""
        head = self._head.match(block, start)
        found = _ANY_STAMP.search(head[0] + b" ") if head else None
        return self.reader.read(found[0], previous) if found else None

    def fits(self, block: bytes, start: int, end: int, previous: float | None) -> bool:
        match = self.match(block, start, end)
        if match is None:
            return False

        stamp = match.groupdict().get("timestamp")

        return stamp is None or self.reader.read(stamp, previous) is not None

    def _level(self, block: bytes, start: int, end: int) -> str:
        match = self.match(block, start, end)
        if match is None:
            return ""

        groups = match.groupdict()
        if priority := groups.get("priority"):
            return PRIORITIES[int(priority) % 8]

        raw = groups.get("level")

        return level_name(raw.decode("utf-8", "replace"), self.form.levels) if raw else ""

    def field(self, block: bytes, start: int, end: int, name: str) -> t.Any:
        match = self.match(block, start, end)
        raw = match.groupdict().get(name) if match else None
        return None if raw is None else raw.decode("utf-8", "replace")

    def message(self, block: bytes, start: int, end: int) -> str:
        match = self.match(block, start, end)
        begin = match.start("message") if match and "message" in match.re.groupindex else -1
        begin = begin if begin >= 0 else start
        return block[begin : min(end, begin + MESSAGE)].decode("utf-8", "replace")

    def level_hint(self, levels: t.Collection[str]) -> LevelHint | None:
        tokens = [token for token, level in self.form.levels.items() if level in levels]
        if self._has_priority() or any(len(token) < 3 for token in tokens):
            return None

        return LevelHint.of([*tokens, *_traceback(levels)])

    def _has_priority(self) -> bool:
        return any("priority" in line.groupindex for line in self.lines)


class JsonParser(Parser):
    """Events of a JsonFormat."""

    is_json = True

    def __init__(self, form: JsonFormat, reader: StampReader) -> None:
        super().__init__(form.name, reader, rb"\{", _NOTHING)
        self.form = form
        self.gives_level, self.gives_time = bool(form.level), bool(form.timestamp)
        # Formatters put the time first; then it can be had without parsing the record.
        first = rb'\{\s*"' + re.escape(form.timestamp.encode()) + rb'"\s*:\s*"'
        self._first = re.compile(first + rb'([^"\\]{8,64})"')
        self._memory: tuple[bytes, int, Record | None] | None = None

    def at(self, reader: StampReader) -> JsonParser:
        return JsonParser(self.form, reader)

    def record(self, block: bytes, start: int, end: int) -> Record | None:
        memory = self._memory
        if memory is not None and memory[0] is block and memory[1] == start:
            return memory[2]

        stop = block.find(b"\n", start, end)
        found = _record(block[start : stop if stop >= 0 else end])
        self._memory = block, start, found

        return found

    def time(self, block: bytes, start: int, end: int, previous: float | None) -> float | None:
        quick = self._first.match(block, start, end)
        if quick:
            return self.reader.read(quick[1].strip(), previous)

        record = self.record(block, start, end)

        return (
            self.reader.of_value(read_field(record, self.form.timestamp), previous)
            if record
            else None
        )

    def fits(self, block: bytes, start: int, end: int, previous: float | None) -> bool:
        record = self.record(block, start, end)
        if record is None or any(read_field(record, name) is None for name in self.form.only_with):
            return False

        stamp = read_field(record, self.form.timestamp)

        return self.reader.of_value(stamp, previous) is not None

    def _level(self, block: bytes, start: int, end: int) -> str:
        record = self.record(block, start, end)
        if record is None or not self.form.level:
            return ""

        return level_name(read_field(record, self.form.level), self.form.levels)

    def field(self, block: bytes, start: int, end: int, name: str) -> t.Any:
        record = self.record(block, start, end)
        return read_field(record, name) if record else None

    def message(self, block: bytes, start: int, end: int) -> str:
        message = self.field(block, start, end, self.form.message)
        if message:
            return str(message)[:MESSAGE]

        return block[start : min(end, start + MESSAGE)].decode("utf-8", "replace")

    def level_hint(self, levels: t.Collection[str]) -> LevelHint | None:
        tokens = [token for token, level in self.form.levels.items() if level in levels]
        words = [token for token in tokens if len(token) > 2 and token.isalpha()]
        short = [any_case(token) for token in tokens if token not in words]
        key = re.escape(self.form.level.rpartition(".")[2].encode())
        value = b'"' + key + rb'"\s*:\s*"?\s*(?:' + b"|".join(short) + rb")\b"

        return LevelHint.of([*words, *_traceback(levels)], [value] if short else [])


class WrappedParser(Parser):
    """Events of the journal and of containers: our head with the time, then the body.

    ``bodies`` are tried in turn; where none is given every text fits.
    """

    lines_of_head = 1
    _wrapped: t.Final = re.compile(rb"\x1e(?P<time>\d{1,11}\.\d{6}) (?P<priority>[0-7a-h-])\n")

    def __init__(
        self, name: str, reader: StampReader, bodies: Sequence[Parser], declared: bool
    ) -> None:
        super().__init__(name, reader, rb"\x1e", b"")  # no line stands between events
        self.bodies, self.declared = bodies, declared
        self.is_json = declared and bodies[0].is_json
        # Captured text may be of any format; a container keeps no priority.
        self.gives_level = not declared or bodies[0].gives_level

    def at(self, reader: StampReader) -> WrappedParser:
        return self

    def time(self, block: bytes, start: int, end: int, previous: float | None) -> float | None:
        match = self._wrapped.match(block, start, end)
        return float(match["time"]) if match else None

    def body(self, block: bytes, start: int, end: int) -> int:
        match = self._wrapped.match(block, start, end)
        return match.end() if match else start

    def fits(self, block: bytes, start: int, end: int, previous: float | None) -> bool:
        begin = self.body(block, start, end)
        if begin == start:
            return False
        if not self.declared:
            return True

        body = self.bodies[0]
        if isinstance(body, JsonParser):
            return body.record(block, begin, end) is not None

        return body.fits(block, begin, end, previous)

    def _level(self, block: bytes, start: int, end: int) -> str:
        match = self._wrapped.match(block, start, end)
        if match is None:
            return ""

        priority = match["priority"]
        if priority.isdigit() and not self.is_json:
            return PRIORITIES[int(priority)]

        level = self._level_of_text(block, match.end(), end)
        if not level and priority in FALLBACK and not self.is_json:
            return PRIORITIES[FALLBACK.index(priority)]

        return level

    def _level_of_text(self, block: bytes, begin: int, end: int) -> str:
        for body in self.bodies:
            if body.is_json and block[begin : begin + 1] != b"{":
                continue
            if level := body._level(block, begin, end):
                return level

        return ""

    def field(self, block: bytes, start: int, end: int, name: str) -> t.Any:
        begin = self.body(block, start, end)
        values = (body.field(block, begin, end, name) for body in self.bodies)
        return next((value for value in values if value is not None), None)

    def message(self, block: bytes, start: int, end: int) -> str:
        begin = self.body(block, start, end)
        if self.declared:
            return self.bodies[0].message(block, begin, end)

        for body in self.bodies:
            if isinstance(body, TextParser) and body.match(block, begin, end):
                return body.message(block, begin, end)

        return block[begin : min(end, begin + MESSAGE)].decode("utf-8", "replace")

    def record(self, block: bytes, start: int, end: int) -> Record | None:
        return (
            self.bodies[0].record(block, self.body(block, start, end), end)
            if self.is_json
            else None
        )

    def level_hint(self, levels: t.Collection[str]) -> LevelHint | None:
        hints = [hint for body in self.bodies if (hint := body.level_hint(levels)) is not None]
        if len(hints) < len(self.bodies):
            return None

        numbers = [number for number, level in enumerate(PRIORITIES) if level in levels]
        codes = "".join(f"{number}{FALLBACK[number : number + 1].decode()}" for number in numbers)
        head = rb"\x1e\d+\.\d{6} [" + codes.encode() + rb"]\n"
        words = {word.decode() for hint in hints for word in hint.words}

        return LevelHint.of(words, [head, *sorted({p for hint in hints for p in hint.patterns})])


_ANY_STAMP: t.Final = re.compile("|".join(SHAPES.values()).encode())


def _traceback(levels: t.Collection[str]) -> list[str]:
    return [TRACEBACK.decode()] if "error" in levels else []
