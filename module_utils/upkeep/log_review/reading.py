# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading the files of a log from a time on, and finding out which format they have."""

from __future__ import annotations

import contextlib
import itertools
import re
import typing as t
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..base.deadline import Deadline
from .events import Chunk, Fit, Part, chunks, clean, is_wide
from .files import (
    KNOWN_BY,
    Meter,
    Piece,
    Pieces,
    Place,
    UnreadableError,
    open_pieces,
    plain,
    quoted,
    read_head,
    unpacked,
)
from .formats import CAPTURED, FORMATS, ORDER
from .formats.line_format import Format, JsonFormat
from .formats.parsers import MARK, JsonParser, Parser, TextParser, WrappedParser
from .seek import PROBE, end_of_lines, seek, slack_of
from .times import StampReader

#: ``auto`` looks at this many lines, and takes a format that this share of them fits.
DETECT_LINES: t.Final = 1000
DETECT_SHARE: t.Final = 0.95
_DETECT_BYTES: t.Final = 1 << 18
#: With fewer lines than this in the live file, rotated files are looked at as well.
_DETECT_FEW: t.Final = 100

#: Up to this many bytes the order of all lines is looked at.
ORDERED: t.Final = 1 << 20
_BODY: t.Final = re.compile(rb"\x1e\S+ \S\n([^\n]*\n)")


class NoFormatError(UnreadableError):
    """A log that no known format fits; the message is a clause."""


def parser_of(form: Format, reader: StampReader, bare: bool = False) -> Parser:
    """Return a parser for a format; ``bare`` where the lines need no time of their own."""
    if isinstance(form, JsonFormat):
        return JsonParser(form, reader)

    reader = StampReader(reader.zone, reader.now, form.timestamp) if form.timestamp else reader

    return TextParser(form, reader, bare or not form.lines)


def detect(
    lines: bytes, reader: StampReader, forms: Iterable[Format] = ORDER
) -> tuple[Parser | None, str]:
    """Return the first format that most lines fit, and else None and which one came closest."""
    closest, best = "", 0.0
    leveled: list[tuple[float, Parser, str]] = []
    for form in forms:
        parser = parser_of(form, reader)
        share, with_level = _shares(lines[: PROBE * 4], parser)
        if share >= DETECT_SHARE - 0.1:
            share, with_level = _shares(lines, parser)
        if share >= DETECT_SHARE and parser.gives_time:
            if with_level >= DETECT_SHARE:
                return parser, form.name
            leveled.append((with_level, parser, form.name))
        if share > best:
            closest, best = form.name, share

    # Records without a level are still records; of those formats the one that knows most levels.
    if leveled:
        _, parser, name = max(leveled, key=lambda found: found[0])
        return parser, name

    return (
        None,
        f"closest is {closest} with {100 * best:.0f} %" if best else "not one line fits any",
    )


def _shares(lines: bytes, parser: Parser) -> tuple[float, float]:
    """Return the shares of lines that fit a format, and of records whose level is known.

    Lines before the first event do not count.
    """
    chunk = Chunk(lines, parser, None)
    begin = chunk.events[0].end if not parser.is_head(lines, 0) and len(chunk.events) > 1 else 0
    if begin > len(lines) / 2:
        return 0.0, 0.0

    fit = Fit()
    fit.take(Chunk(lines[begin:], parser, None))
    if not fit.events:
        return 0.0, 0.0

    is_leveled = isinstance(parser, JsonParser) and parser.gives_level
    without = fit.without_level_percent if is_leveled else 0.0

    return max(0.0, 1 - fit.unfit_percent / 100), 1 - without / 100


def wrap(
    parts: Iterable[Part], form: Format | None, kind: str, reader: StampReader, any_json: bool
) -> Iterator[Part]:
    """Yield parts of wrapped lines with a parser for their bodies.

    Without a format JSON is recognised when most of the first lines are records of one kind;
    else each line is tried by itself. ``any_json``: whether JSON is looked for.
    """
    held: list[Part] = []
    source = iter(parts)
    parser = None if form is None else _wrapped(form.name, [form], reader, True)
    if parser is None:
        for part in source:
            held.append(part)
            if sum(one.data.count(MARK) for one in held) >= DETECT_LINES:
                break

        bodies = b"".join(_BODY.findall(b"".join(part.data for part in held))[:DETECT_LINES])
        forms = [one for one in ORDER if isinstance(one, JsonFormat)] if any_json else []
        found, name = detect(bodies, reader, forms) if bodies.strip() else (None, "")
        if found is None:
            parser = _wrapped(f"output of a {kind}", CAPTURED, reader, False)
        else:
            parser = _wrapped(name, [FORMATS[name]], reader, True)

    for part in itertools.chain(held, source):
        yield part._replace(parser=parser)


def _wrapped(
    name: str, forms: Iterable[Format], reader: StampReader, declared: bool
) -> WrappedParser:
    bodies = [parser_of(form, reader, bare=True) for form in forms]
    return WrappedParser(name, reader, bodies, declared)


@dataclass
class Notes:
    """What is worth reporting of a log besides its content.

    Files whose time runs backwards, parts that could not be read, the formats that were found, and
    up to where each file was read.
    """

    jumps: list[Path] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    formats: set[str] = field(default_factory=set)
    places: list[Place] = field(default_factory=list)


class _Order:
    """Whether a log ends with lines that are older than lines before them by more than the slack.

    One such line may only be late; several mean that a clock was set back. Large logs are sampled
    for that where their begin is looked for.
    """

    def __init__(self, slack: float) -> None:
        self._slack, self._bytes = slack, 0
        self._newest, self._older = 0.0, 0

    def take(self, chunk: Chunk) -> None:
        """Look at the times of a chunk."""
        self._bytes += len(chunk.block)
        if self._bytes > ORDERED:
            self._older = 0
            return

        for _, _, moment in chunk.events:
            if moment is not None and moment < self._newest - self._slack:
                self._older += 1
            elif moment is not None:
                self._newest, self._older = max(self._newest, moment), 0

    @property
    def runs_backwards(self) -> bool:
        """Whether the last lines are older."""
        return self._older > 1


Translate = Callable[[Iterable[Part]], Iterator[Part]]
Take = Callable[[Chunk], None]


@dataclass
class FileReader:
    """Reads logs of one source.

    ``forms`` are the formats to choose from. ``translate`` makes events of raw lines, where they
    are not events yet. ``marks`` are the places up to which the previous run read, None when nobody
    asks for them.
    """

    forms: tuple[Format, ...]
    reader: StampReader
    translate: Translate | None
    marks: list[Place] | None
    meter: Meter
    deadline: Deadline
    known: set[tuple[int, int]] = field(default_factory=set)

    def read(self, log: Path, since: float, take: Take) -> Notes:
        """Hand all chunks of a log that may hold events from ``since`` on to ``take``.

        Raises UnreadableError; MovedError when the log changed while it was read: what was taken is
        then void.
        """
        with open_pieces(log, since, self.known) as pieces:
            notes = Notes(gaps=list(pieces.gaps))
            self._read(log, pieces, since, take, notes)
            for piece in pieces.opened:
                piece.require_whole()

        return notes

    def places_of(self, log: Path, since: float) -> list[Place]:
        """Return up to where each file of a log has whole lines now."""
        found = []
        with open_pieces(log, since, self.known) as pieces:
            for piece in pieces.opened:
                head = self._head(piece, KNOWN_BY)
                place = None if piece.packed else Place.of(head, end_of_lines(piece))
                found += [place] if place else []

        return found

    def _read(self, log: Path, pieces: Pieces, since: float, take: Take, notes: Notes) -> None:
        filled = [piece for piece in pieces.opened if piece.size]
        parser = self._parser(filled, log)
        if parser is None:
            return

        notes.formats.add(parser.name)
        ordered = sorted(filled, key=lambda piece: (self._begin(piece, parser), piece.live))
        parts = self._parts(ordered, parser, since, notes)
        translated = self.translate(parts) if self.translate else parts

        order = _Order(slack_of(self.reader))
        with contextlib.closing(chunks(translated)) as found:
            for chunk in found:
                take(chunk)
                order.take(chunk)

        if order.runs_backwards and log not in notes.jumps:
            notes.jumps.append(log)

    def _parser(self, pieces: list[Piece], log: Path) -> Parser | None:
        """Return the parser of a log, None for an empty one; raises NoFormatError."""
        if len(self.forms) == 1:
            return parser_of(self.forms[0], self.reader)

        lines = b""
        for piece in sorted(pieces, key=lambda piece: (not piece.live, -piece.changed)):
            if lines.count(b"\n") >= _DETECT_FEW:
                break
            with contextlib.suppress(UnreadableError):
                head = b"".join(clean([self._head(piece, _DETECT_BYTES)], begins=True))
                cut = head.rfind(b"\n") + 1 if len(head) >= _DETECT_BYTES else len(head)
                lines += head[:cut] + (b"" if head[:cut].endswith(b"\n") else b"\n")

        wanted = b"".join(lines.splitlines(keepends=True)[:DETECT_LINES])
        if not wanted.strip():
            return None

        parser, words = detect(wanted, self.reader, self.forms)
        if parser is None:
            raise NoFormatError(
                f"no known format fits 95 % of the first lines of {quoted(log)} ({words})"
            )

        return parser

    def _head(self, piece: Piece, size: int) -> bytes:
        return read_head(piece, size, self.meter, self.deadline)

    def _begin(self, piece: Piece, parser: Parser) -> float:
        """Return when the first line of a file was written, its last change when unknown."""
        with contextlib.suppress(UnreadableError):
            head = b"".join(clean([self._head(piece, PROBE)], begins=True))
            own = self._own(piece, parser)
            times = (event.time for event in Chunk(head, own, None).events)
            return next((time for time in times if time is not None), piece.changed)

        return piece.changed

    def _own(self, piece: Piece, parser: Parser) -> Parser:
        """Return the parser for one file: a stamp without a year is not after its last change."""
        return parser.at(parser.reader.until(piece.changed)) if parser.lacks_year else parser

    def _parts(
        self, pieces: list[Piece], parser: Parser, since: float, notes: Notes
    ) -> Generator[Part, None, None]:
        for number, piece in enumerate(pieces):
            last = b"\n"
            try:
                for part in self._parts_of(piece, self._own(piece, parser), since, notes):
                    last = part.data
                    yield part
            except UnreadableError as error:
                if piece.live:
                    raise
                notes.gaps.append(str(error))

            if number + 1 < len(pieces) and not last.endswith(b"\n"):
                yield Part(b"\n", parser, fresh=None)

    def _parts_of(self, piece: Piece, parser: Parser, since: float, notes: Notes) -> Iterator[Part]:
        """Yield one file, cut at the place up to which the previous run read it."""
        if piece.packed:
            yield from self._parts_of_packed(piece, parser, notes)
            return

        head = self._head(piece, KNOWN_BY)
        mark = self._mark(head)
        if is_wide(head):
            offset, hint = 0, None
        else:
            found = seek(piece, since, parser, self.meter)
            offset, hint = found.offset, found.hint
            if found.jumps:
                notes.jumps.append(piece.path)

        if mark is not None and mark.offset <= piece.size:
            offset = min(offset, mark.offset)
            if mark.offset < offset:
                hint = None

        whole = end_of_lines(piece)
        if self.marks is not None and (place := Place.of(head, whole)):
            notes.places.append(place)

        blocks = plain(piece, offset, self.meter, self.deadline)
        known = mark.offset if mark is not None and mark.offset <= piece.size else None
        yield from self._marked(blocks, offset, known, parser, hint)

    def _parts_of_packed(self, piece: Piece, parser: Parser, notes: Notes) -> Iterator[Part]:
        head, total = b"", 0
        with contextlib.closing(unpacked(piece, self.meter, self.deadline)) as blocks:
            first: list[bytes] = []
            for block in blocks:
                first.append(block)
                head += block[:KNOWN_BY]
                if len(head) >= KNOWN_BY:
                    break

            def counted() -> Iterator[bytes]:
                nonlocal total
                for block in itertools.chain(first, blocks):
                    total += len(block)
                    yield block

            mark = self._mark(head[:KNOWN_BY])
            yield from self._marked(counted(), 0, mark.offset if mark else None, parser, None)

        if self.marks is not None and (place := Place.of(head[:KNOWN_BY], total)):
            notes.places.append(place)

    def _mark(self, head: bytes) -> Place | None:
        """Return up to where the previous run read the file that begins so."""
        return next((mark for mark in self.marks or () if mark.is_in(head)), None)

    def _marked(
        self,
        blocks: Iterable[bytes],
        offset: int,
        mark: int | None,
        parser: Parser,
        hint: float | None,
    ) -> Iterator[Part]:
        old, fresh = _cut_at(blocks, None if mark is None else mark - offset)
        known = None if mark is None else False
        yield from _as_parts(clean(old, offset == 0), parser, hint, known)
        yield from _as_parts(clean(fresh, offset == 0 and mark == 0), parser, None, True, False)


def _as_parts(
    blocks: Iterable[bytes],
    parser: Parser,
    hint: float | None,
    fresh: bool | None,
    anchored: bool = True,
) -> Iterator[Part]:
    starts = True
    for block in blocks:
        yield Part(block, parser, starts, hint if anchored else None, fresh)
        starts = False


def _cut_at(blocks: Iterable[bytes], size: int | None) -> tuple[Iterator[bytes], Iterator[bytes]]:
    """Return the first ``size`` bytes of some blocks, and the rest, to be read in this order."""
    source = iter(blocks)
    rest: list[bytes] = []

    def before() -> Iterator[bytes]:
        left = size
        for block in source:
            if left is None:
                yield block
                continue
            if block[:left]:
                yield block[:left]
            if len(block) > left:
                rest.append(block[left:])
                return
            left -= len(block)

    def after() -> Iterator[bytes]:
        yield from rest
        yield from source

    return before(), after()
