# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where in a large file a time begins, found by halving it instead of reading it.

Lines of several writers stand a little out of order, a line is written when what it reports has
ended, and local time runs an hour twice in autumn. So the lower end only moves to a place where all
lines near it are too old by more than the slack, and samples of what would be left out show whether
time ran backwards there; then the file is read whole. Small files always are.
"""

from __future__ import annotations

import bisect
import itertools
import os
import typing as t
from collections.abc import Iterable, Iterator

from .events import LONGEST
from .files import BLOCK, Meter, Piece
from .formats.parsers import Parser
from .times import StampReader

PROBE: t.Final = 4096
#: A stretch that is not worth halving any further, bytes.
NEAR: t.Final = 32 << 10
SAMPLES: t.Final = 64
CLOSER_SAMPLES: t.Final = 16
#: How far a probe looks for a line with a time, bytes. One that finds none moves the upper end,
#: which is safe.
FARTHEST: t.Final = 8 << 20
#: Files up to this size are read whole, bytes.
SMALL: t.Final = 256 << 10
SLACK_SECONDS: t.Final = 120.0
#: Where clocks are set back, this much more.
FOLD_SECONDS: t.Final = 3600.0
#: In a file without years, times that far ahead of the next line are of the year before, seconds.
_YEAR_BEFORE: t.Final = 31 * 86400.0
_HALF_A_YEAR: t.Final = 200 * 86400.0


class SeekResult(t.NamedTuple):
    """The offset to read from, the time just above it, and whether time runs backwards there."""

    offset: int
    hint: float | None
    jumps: bool


class _Probe(t.NamedTuple):
    """The offset of a line, its time, and the newest time of the lines near it."""

    offset: int
    time: float
    newest: float


def slack_of(reader: StampReader) -> float:
    """Return by how many seconds lines may stand out of order."""
    return SLACK_SECONDS + (FOLD_SECONDS if reader.folds else 0.0)


def seek(piece: Piece, since: float, parser: Parser, meter: Meter) -> SeekResult:
    """Return where to begin so that no event at or after ``since`` is missed."""
    years = _years(piece, parser, meter) if parser.lacks_year else []
    if piece.size <= SMALL or not parser.gives_time or since <= 0:
        return SeekResult(0, years[0][1] if years else None, False)

    sought = since - slack_of(parser.reader)
    low, high = 0, piece.size
    while high - low > NEAR:
        middle = (low + high) // 2
        probe = _probe(piece, middle, high, parser, meter, _hint(years, middle))
        if probe is None or probe.newest >= sought:
            high = middle
        else:
            low = probe.offset

    if _late_before(piece, low, since, parser, meter, years):
        return SeekResult(0, _hint(years, 0), True)

    return SeekResult(low, _hint(years, low), False)


def _hint(years: list[tuple[int, float]], offset: int) -> float | None:
    """Return the time of the nearest known line at or before an offset."""
    index = bisect.bisect_right(years, (offset, float("inf"))) - 1
    return years[max(index, 0)][1] if years else None


def _years(piece: Piece, parser: Parser, meter: Meter) -> list[tuple[int, float]]:
    """Return times of lines over a whole file whose stamps have no year, by their offset.

    The last line is not after the file's last change. Going backwards from there, a line that seems
    to be months later than the next one is of the year before.
    """
    if piece.size <= SMALL:
        lines = list(_lines(piece, 0, piece.size, meter))
    else:
        starts = [number * (piece.size // SAMPLES) for number in range(SAMPLES)]
        lines = [
            line
            for start in (*starts, piece.size - PROBE)
            for line in list(_lines(piece, start, min(start + PROBE, piece.size), meter))[:8]
        ]

    found: list[tuple[int, float]] = []
    after: float | None = None
    for offset, text in reversed(lines):
        if not parser.is_head(text, 0):
            continue
        moment = parser.time(text, 0, len(text), after)
        if moment is not None and after is not None and moment > after + _YEAR_BEFORE:
            moment = parser.time(text, 0, len(text), after - _HALF_A_YEAR)
        if moment is not None:
            found.append((offset, moment))
            after = moment

    return found[::-1]


def _late_before(
    piece: Piece,
    end: int,
    since: float,
    parser: Parser,
    meter: Meter,
    years: list[tuple[int, float]],
) -> bool:
    """Return whether a sample of what would be left out is not old at all.

    Samples are spread evenly, and ever closer to the end.
    """
    step = max(end // SAMPLES, 4 * PROBE)
    closer = (end - (end >> halving) for halving in range(CLOSER_SAMPLES))
    places = sorted({*range(0, end, step), *(place for place in closer if end - place > PROBE)})

    for place in places:
        stop = min(end, place + PROBE)
        probe = _probe(piece, place, stop, parser, meter, _hint(years, place))
        if probe is not None and since <= probe.newest <= parser.reader.now:
            return True

    return False


def _probe(
    piece: Piece, start: int, stop: int, parser: Parser, meter: Meter, hint: float | None
) -> _Probe | None:
    """Return the first line that begins in ``start`` to ``stop`` and has a time."""
    near, last = min(stop, start + PROBE), min(stop, start + FARTHEST)
    found = list(_dated(_lines(piece, start, near, meter), parser, hint))
    if not found and near < last:
        found = list(itertools.islice(_dated(_lines(piece, near, last, meter), parser, hint), 1))
    if not found:
        return None

    past = [moment for _, moment in found if moment <= parser.reader.now]

    return _Probe(*found[0], max(past, default=found[0][1]))


def _dated(
    lines: Iterable[tuple[int, bytes]], parser: Parser, hint: float | None
) -> Iterator[tuple[int, float]]:
    for offset, line in lines:
        text = line.lstrip(b"\0")
        moment = parser.time(text, 0, len(text), hint) if parser.is_head(text, 0) else None
        if moment is not None:
            yield offset, moment


def _lines(piece: Piece, start: int, stop: int, meter: Meter) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of the lines that begin in ``start`` to ``stop``.

    Of one that is too long its begin.
    """
    # Whether a line begins at `start` shows in the byte before it.
    offset = at = max(start - 1, 0)
    inside, data, searched, size = start > 0, b"", 0, PROBE + 1
    found = False

    while offset < stop:
        block = os.pread(piece.descriptor, size, at)
        meter.read += len(block)
        at, data, size = at + len(block), data + block, min(size * 2, BLOCK)
        while (end := data.find(b"\n", searched)) >= 0:
            line, began = data[:end], offset
            data, offset, searched = data[end + 1 :], offset + end + 1, 0
            if not inside and began < stop:
                found = True
                yield began, line

            inside = False

        searched = len(data)
        if found and at >= stop and at < piece.size:
            return  # the rest of the last line is not worth another read
        if not block or searched > LONGEST:
            if data and not inside and offset < stop:
                yield offset, data

            if not block:
                return

            inside, data, offset, searched = True, b"", at, 0
        elif inside and at >= stop:
            return


def end_of_lines(piece: Piece) -> int:
    """Return where the last whole line of a file ends."""
    at, size = piece.size, PROBE
    while at > 0 and piece.size - at < LONGEST:
        start = max(at - size, 0)
        data = os.pread(piece.descriptor, at - start, start)
        found = data.rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at, size = start, min(size * 2, BLOCK)

    return at
