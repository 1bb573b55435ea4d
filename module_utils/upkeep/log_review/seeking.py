# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where in a large file a time begins, found by halving it instead of reading it.

Lines of several writers stand a little out of order, and local time runs an hour twice in autumn.
With disorder of at most ``slack`` seconds, everything before a line that is older than the time
sought minus ``slack`` is too old as well; only such lines move the lower end. Clocks that jumped
further are noticed by samples, and the file is read whole.
"""

from __future__ import annotations

import os
import typing as t

from .blocks import BLOCK, Meter
from .chunks import LONGEST
from .layout import Layout

PROBE: t.Final = 4096
#: A stretch that is not worth halving any further, bytes.
NEAR: t.Final = 32 << 10
SAMPLES: t.Final = 16
#: How far a probe looks for a line with a time, bytes. One that finds none moves the upper end,
#: which is safe.
FARTHEST: t.Final = 8 << 20
#: Where the last time stamp is looked for, bytes from the end.
TAIL: t.Final = 16 << 10
#: Files up to this size are read whole, bytes.
SMALL: t.Final = 256 << 10
SLACK_SECONDS: t.Final = 120.0
#: Where clocks are set back, this much more.
FOLD_SECONDS: t.Final = 3600.0


class Found(t.NamedTuple):
    """The offset to read from, and whether the file's time runs backwards by more than the slack."""

    offset: int
    jumps: bool


class _Probe(t.NamedTuple):
    offset: int
    time: float


def slack_of(layout: Layout) -> float:
    """Return by how many seconds lines may stand out of order."""
    return SLACK_SECONDS + (FOLD_SECONDS if layout.clock.folds else 0.0)


def seek(descriptor: int, size: int, since: float, layout: Layout, meter: Meter) -> Found:
    """Return where to begin so that no event at or after ``since`` is missed."""
    if size <= SMALL:
        return Found(0, False)

    sought = since - slack_of(layout)
    low, high = 0, size

    while high - low > NEAR:
        middle = (low + high) // 2
        probe = _probe(descriptor, middle, high, layout, meter)
        if probe is None or probe.time >= sought:
            high = middle
        else:
            low = probe.offset

    if _late_before(descriptor, low, since, layout, meter):
        return Found(0, True)

    return Found(low, False)


def first_time(descriptor: int, size: int, layout: Layout, meter: Meter) -> float | None:
    """Return the time of the first line that has one, within the longest possible event."""
    probe = _probe(descriptor, 0, min(size, LONGEST), layout, meter)
    return probe.time if probe else None


def _late_before(descriptor: int, end: int, since: float, layout: Layout, meter: Meter) -> bool:
    """Tell whether a sample of what would be left out is not old at all: spread evenly, and ever closer to its end."""
    if end < SAMPLES * PROBE:
        places = [0] if end else []
    else:
        even = {number * (end // SAMPLES) for number in range(SAMPLES)}
        places = sorted(
            even | {end - (end >> halving) for halving in range(SAMPLES) if end >> halving > PROBE}
        )

    for place in places:
        probe = _probe(descriptor, place, end, layout, meter)
        if probe is not None and since <= probe.time <= layout.clock.now:
            return True

    return False


def last_time(descriptor: int, size: int, layout: Layout, meter: Meter) -> float | None:
    """Return the time of the last line that has one, within the end of a file."""
    start = max(size - TAIL, 0)
    times = [probe.time for probe in _dated(descriptor, start, size, layout, meter)]
    return times[-1] if times else None


def _probe(descriptor: int, start: int, stop: int, layout: Layout, meter: Meter) -> _Probe | None:
    """Return the first line that begins in ``start`` to ``stop`` and has a time."""
    return next(_dated(descriptor, start, min(stop, start + FARTHEST), layout, meter), None)


def _dated(
    descriptor: int, start: int, stop: int, layout: Layout, meter: Meter
) -> t.Iterator[_Probe]:
    for offset, line in _lines(descriptor, start, stop, meter):
        text = line.lstrip(b"\0")
        if layout.head.match(text):
            moment = layout.time(text, 0, len(text))
            if moment is not None:
                yield _Probe(offset, moment)


def _lines(descriptor: int, start: int, stop: int, meter: Meter) -> t.Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of the lines that begin in ``start`` to ``stop``.

    Of one that is too long its begin.
    """
    # Whether a line begins at `start` shows in the byte before it.
    offset = at = max(start - 1, 0)
    inside, data, searched, size = start > 0, b"", 0, PROBE

    while offset < stop:
        piece = os.pread(descriptor, size, at)
        meter.read += len(piece)
        at, data, size = at + len(piece), data + piece, min(size * 2, BLOCK)
        while (end := data.find(b"\n", searched)) >= 0:
            line, began = data[:end], offset
            data, offset, searched = data[end + 1 :], offset + end + 1, 0
            if not inside and began < stop:
                yield began, line

            inside = False

        searched = len(data)
        if not piece or searched > LONGEST:
            if data and not inside and offset < stop:
                yield offset, data

            if not piece:
                return

            inside, data, offset, searched = True, b"", at, 0
        elif inside and at >= stop:
            return
