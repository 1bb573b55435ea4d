# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the events of a log look: where one begins, when it happened, how bad it was, and its fields.

A log is lines of text, or JSON records, one a line. Lines of the journal and of containers are
*wrapped*: given a head of our own, so that the same text follows as in a file. A line that begins
no event belongs to the event before.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from .stamps import HEAD, Clock

#: Begins a wrapped line: this control character, Unix time, syslog priority (or -), a space.
MARK: t.Final = b"\x1e"
LEVELS: t.Final = ("debug", "info", "warning", "error", "critical")
#: Names of the same level in the logs of this world.
_NAMES: t.Final = {
    "debug": ("debug", "trace", "notset"),
    "info": ("info", "notice", "information"),
    "warning": ("warning", "warn"),
    "error": ("error", "err", "severe"),
    "critical": ("critical", "crit", "fatal", "emerg", "emergency", "alert", "panic"),
}
_LEVEL_OF: t.Final = {name: level for level, names in _NAMES.items() for name in names}
#: Syslog priorities 0 to 7.
_PRIORITIES: t.Final = (
    "critical",
    "critical",
    "critical",
    "error",
    "warning",
    "info",
    "info",
    "debug",
)

_WRAPPED: t.Final = re.compile(rb"\x1e(?P<time>\d{1,11}\.\d{6}) (?P<priority>[0-7-]) ")
_OBJECT: t.Final = re.compile(rb"\{")
_WORD: t.Final = re.compile(rb"\b(?:" + "|".join(_LEVEL_OF).encode() + rb")\b", re.IGNORECASE)
#: Where the level of a line of text is looked for, bytes after its stamp.
_LEVEL_WITHIN: t.Final = 48
#: How much of a message is looked at, bytes.
MESSAGE: t.Final = 1024
#: An exception that nothing caught is an error, whatever was logged last.
TRACEBACK: t.Final = b"Traceback (most recent call last)"

Record = dict[str, t.Any]


@dataclass(frozen=True)
class Keys:
    """What the fields of a JSON record are called; a dot leads into a nested one."""

    timestamp: str = "timestamp"
    level: str = "level"
    message: str = "message"


def field(record: t.Mapping[str, t.Any], name: str) -> t.Any:
    """Return a field of a record, None when it is missing.

    ``context.status_code`` looks into ``context``.
    """
    if name in record:
        return record[name]

    value: t.Any = record

    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)

    return value


class Layout:
    """One log's way to write events. ``body`` is text or json."""

    def __init__(
        self, body: str, clock: Clock, keys: Keys | None = None, wrapped: bool = False
    ) -> None:
        self.json = body == "json"
        self.clock, self.keys, self.wrapped = clock, keys or Keys(), wrapped
        self.head = _WRAPPED if wrapped else (_OBJECT if self.json else HEAD)
        #: Formatters put the time first; then it can be had without parsing the record.
        first = rb'\{\s*"' + re.escape(self.keys.timestamp.encode()) + rb'"\s*:\s*"'
        self._first = re.compile(first + rb'([^"\\]{8,64})"')
        times = first + rb'[^"\\]{8,64}"' if self.head is _OBJECT else _plain(self.head)
        # A line break is searched for much faster than "^".
        self._heads = re.compile(b"\n" + _plain(self.head))
        self._times = re.compile(b"\n" + times)

    def heads(self, block: bytes) -> list[int]:
        """Return where the events of a block begin, the first one always at its begin."""
        return [0, *(match.start() + 1 for match in self._heads.finditer(block))]

    def time(
        self, block: bytes, start: int, end: int, previous: float | None = None
    ) -> float | None:
        """Return when the event in ``block[start:end]`` happened; None when it does not say."""
        if self.wrapped:
            match = _WRAPPED.match(block, start, end)
            return float(match["time"]) if match else None
        if not self.json:
            return self.clock.read(block, start, previous)

        quick = self._first.match(block, start, end)
        if quick:
            return self.clock.read(quick[1], 0, previous)

        record = self.record(block, start, end)

        return self.clock.of_value(field(record, self.keys.timestamp), previous) if record else None

    def latest(self, block: bytes) -> float | None:
        """Return the time that reads as the latest of a block, without looking at each event.

        None for none.

        Stamps of one form sort as they read. Where forms or zones are mixed it is one of the
        latest.
        """
        head = max(self._times.findall(b"\n" + block), default=b"")
        return self.time(head, 1, len(head)) if head else None

    def body(self, block: bytes, start: int, end: int) -> int:
        """Return where the text of an event begins."""
        if not self.wrapped:
            return start
        match = _WRAPPED.match(block, start, end)
        return match.end() if match else start

    def record(self, block: bytes, start: int, end: int) -> Record | None:
        """Return the fields of an event; None when its first line is no JSON object."""
        begin = self.body(block, start, end)
        stop = block.find(b"\n", begin, end)
        try:
            found = json.loads(block[begin : stop if stop >= 0 else end].decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return None

        return found if isinstance(found, dict) else None

    def level(self, block: bytes, start: int, end: int) -> str:
        """Return the level of an event, one of LEVELS, or "" when it names none."""
        level = self._named_level(block, start, end)
        if block.find(TRACEBACK, start, end) >= 0 and level not in ("error", "critical"):
            return "error"
        return level

    def _named_level(self, block: bytes, start: int, end: int) -> str:
        if self.json:
            record = self.record(block, start, end) or {}
            return _LEVEL_OF.get(str(field(record, self.keys.level)).lower(), "")

        if self.wrapped:
            match = _WRAPPED.match(block, start, end)
            if match and match["priority"] != b"-":
                return _PRIORITIES[int(match["priority"])]

        begin = self.body(block, start, end) if self.wrapped else self._after_stamp(block, start)
        word = _WORD.search(block, begin, min(end, begin + _LEVEL_WITHIN))

        return _LEVEL_OF[word[0].decode().lower()] if word else ""

    def _after_stamp(self, block: bytes, start: int) -> int:
        match = HEAD.match(block, start)
        return match.end() if match else start

    def level_hint(self, levels: t.Collection[str]) -> re.Pattern[bytes]:
        """Return what every event of some levels contains, so that most events need not be looked at one by one."""
        names = [name for level in levels for name in _NAMES[level]]
        if self.wrapped and not self.json:
            digits = "".join(
                str(number) for number, level in enumerate(_PRIORITIES) if level in levels
            )
            alternatives = rb"^\x1e\d+\.\d{6} [" + digits.encode() + rb"-] |"
        else:
            alternatives = b""

        words = b"|".join(any_case(name) for name in names)
        traceback = rb"|" + re.escape(TRACEBACK) if "error" in levels else b""

        return re.compile(alternatives + words + traceback, re.MULTILINE)

    def message(self, block: bytes, start: int, end: int) -> str:
        """Return the text of an event for people, without its stamp.

        Of a JSON record its message.
        """
        if self.json:
            record = self.record(block, start, end)
            said = field(record, self.keys.message) if record else None
            if said:
                return str(said)[:MESSAGE]

        begin = self.body(block, start, end) if self.wrapped else self._after_stamp(block, start)

        return block[begin : min(end, begin + MESSAGE)].decode("utf-8", "replace").lstrip("] ,")


def _plain(pattern: re.Pattern[bytes]) -> bytes:
    """Return an expression without its groups, so that findall gives whole matches."""
    return b"(?:" + re.sub(rb"\(\?P<\w+>", b"(?:", pattern.pattern) + b")"


def any_case(literal: str) -> bytes:
    """Return an expression for a text in any case.

    The flag for it would make the search ten times slower.
    """
    parts = []
    for letter in literal:
        both = {letter.lower(), letter.upper()}
        plain = len(both) == 2 and letter.isascii()
        parts.append(f"[{letter.lower()}{letter.upper()}]" if plain else re.escape(letter))

    return "".join(parts).encode()
