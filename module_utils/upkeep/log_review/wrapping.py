# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines that journald or a container engine keeps, one entry for each line of output, made events again.

An entry gets the head of a wrapped line (layout.MARK). A traceback comes as many entries; it goes
with the one before.
"""

from __future__ import annotations

import json
import re
import typing as t

from .chunks import LONGEST
from .layout import MARK, Layout

_RAISED: t.Final = re.compile(rb"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit)(?::|$)")
_TRACEBACK: t.Final = b"Traceback "
_DURING: t.Final = (b"During handling of the above", b"The above exception was")
#: Lines are handed on in pieces of about this size, bytes.
_PIECE: t.Final = 1 << 18


class Wrapper:
    """Turns entries into the lines of a wrapped layout."""

    def __init__(self, body: str) -> None:
        self._json = body == "json"
        self._first, self._inside = True, False

    def wrap(self, moment: float, priority: str, text: bytes) -> bytes:
        """Return an entry as a line, or several."""
        text = text.rstrip(b"\n").replace(MARK, b" ").replace(b"\n", b"\n ")
        if self._continues(text):
            return b" " + text + b"\n"

        self._first = False

        return b"%s%.6f %s %s\n" % (MARK, max(moment, 0.0), priority.encode(), text)

    def _continues(self, text: bytes) -> bool:
        """Tell whether an entry goes on with the event before."""
        if self._first:
            return False
        if self._json:
            return not text.startswith(b"{")

        was_inside, begins = self._inside, text.startswith((_TRACEBACK, *_DURING))
        indented = text[:1] in (b" ", b"\t")
        self._inside = begins or indented or (was_inside and not text)

        return begins or indented or (was_inside and (not text or bool(_RAISED.match(text))))


def pieces(lines: t.Iterable[bytes]) -> t.Iterator[bytes]:
    """Yield lines joined to pieces that are worth searching."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _PIECE:
            yield b"".join(held)
            held, size = [], 0

    if held:
        yield b"".join(held)


def split_lines(blocks: t.Iterable[bytes]) -> t.Iterator[bytes]:
    """Yield the lines of some blocks, without their ends; one that is too long comes in parts."""
    carried = b""
    for block in blocks:
        *whole, carried = (carried + block).split(b"\n")
        yield from whole
        if len(carried) > LONGEST:
            yield carried
            carried = b""

    if carried:
        yield carried


class _Streams:
    """Lines that engines keep in parts, put together.

    The two streams of a container mix in between.
    """

    def __init__(self, body: str) -> None:
        self._wrapper = Wrapper(body)
        self._begun: dict[t.Any, tuple[float, bytes]] = {}

    def take(self, stream: t.Any, moment: float, text: bytes, whole: bool) -> t.Iterator[bytes]:
        """Yield the event's line once it is whole, or too long.

        It has the time of its first part.
        """
        begin, begun = self._begun.pop(stream, (moment, b""))
        if whole or len(begun) >= LONGEST:
            yield self._wrapper.wrap(begin, "-", begun + text)
        else:
            self._begun[stream] = begin, begun + text

    def rest(self) -> t.Iterator[bytes]:
        """Yield lines whose writer ended before they did."""
        for begin, begun in self._begun.values():
            yield self._wrapper.wrap(begin, "-", begun)


def from_docker(blocks: t.Iterable[bytes], raw: Layout, body: str) -> t.Iterator[bytes]:
    """Translate the lines of Docker's json-file driver: time, and log, which ends in a line break when it is whole."""
    streams = _Streams(body)

    def lines() -> t.Iterator[bytes]:
        for line in split_lines(blocks):
            try:
                entry = json.loads(line)
                text, stream = entry["log"].encode("utf-8", "replace"), str(entry.get("stream"))
                moment = raw.clock.of_value(entry["time"])
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue
            if moment is not None:
                yield from streams.take(stream, moment, text, text.endswith(b"\n"))

        yield from streams.rest()

    return pieces(lines())


def from_podman(blocks: t.Iterable[bytes], raw: Layout, body: str) -> t.Iterator[bytes]:
    """Translate the lines of Podman's k8s-file driver: time, stream, F (whole) or P (partial), text."""
    streams = _Streams(body)

    def lines() -> t.Iterator[bytes]:
        for line in split_lines(blocks):
            parts = line.split(b" ", 3)
            moment = raw.clock.read(line)
            if len(parts) >= 3 and moment is not None:
                yield from streams.take(
                    parts[1], moment, parts[3] if len(parts) > 3 else b"", parts[2] == b"F"
                )

        yield from streams.rest()

    return pieces(lines())
