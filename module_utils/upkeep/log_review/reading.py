# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a log of files from a time on: the rotated files that reach into it, oldest first, then the live one."""

from __future__ import annotations

import contextlib
import os
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from .ahead import ahead
from .blocks import Meter, plain, unpacked
from .chunks import Chunk, chunks
from .errors import Deadline
from .layout import Layout
from .opening import Segment, open_segments
from .seeking import first_time, last_time, seek, slack_of

#: How much of a compressed file may be unpacked in search of its first time stamp, bytes.
_HEAD_BYTES: t.Final = 1 << 20


@dataclass
class Notes:
    """What is worth telling of a log besides its content: files read, and whether its time ran backwards."""

    files: int = 0
    jumps: list[Path] = field(default_factory=list)


Lines = t.Callable[[t.Iterable[bytes]], t.Iterator[bytes]]
Take = t.Callable[[Chunk], None]


@dataclass
class Reader:
    """How to read one source: ``translate`` wraps raw lines where they are not events yet, read by layout ``raw``."""

    layout: Layout
    raw: Layout
    translate: Lines | None
    meter: Meter
    deadline: Deadline

    def read(self, log: Path, since: float, take: Take) -> Notes:
        """Hand all chunks of a log that may hold events from ``since`` on to ``take``.

        Raises UnreadableError; MovedError when the log changed under the reader's hands: what was
        taken is then void.
        """
        with open_segments(log) as segments:
            notes = self._read(segments, since, take)
            for segment in segments:
                segment.require_whole()

        return notes

    def _read(self, segments: list[Segment], since: float, take: Take) -> Notes:
        notes = Notes()
        wanted = self._reaching(segments, since)
        old = since - slack_of(self.layout)

        # Closed before the files are: a thread may be reading one of them.
        with contextlib.closing(self._all_blocks(wanted, since, notes)) as blocks:
            translated = self.translate(blocks) if self.translate else blocks
            with contextlib.closing(chunks(translated, self.layout)) as pieces:
                for chunk in pieces:
                    # A compressed file cannot be sought in; what is old from end to end is passed
                    # over.
                    if _reaches(chunk.before, old) or _reaches(chunk.last, old):
                        take(chunk)

        return notes

    def _all_blocks(
        self, segments: t.Iterable[Segment], since: float, notes: Notes
    ) -> t.Generator[bytes, None, None]:
        for segment in segments:
            yield from self._blocks(segment, since, notes)

    def _reaching(self, segments: list[Segment], since: float) -> list[Segment]:
        """Return the files in the order of their first events, without those that end before ``since``.

        A file ends where the next one begins; one that says otherwise by its last line, or by the
        time of its last change where it is compressed, is read as well. So is one that never tells
        the time, and always the live one.
        """
        old = since - slack_of(self.layout)
        filled = [segment for segment in segments if segment.size]
        begins = {segment: self._first_time(segment) for segment in filled}
        ordered = sorted(filled, key=lambda segment: (begins[segment] or 0.0, segment.live))
        wanted = []

        for index, segment in enumerate(ordered):
            following = begins[ordered[index + 1]] if index + 1 < len(ordered) else None
            reaches = begins[segment] is None or following is None or following >= old
            if segment.live or reaches or self._ends_late(segment, old):
                wanted.append(segment)

        return wanted

    def _ends_late(self, segment: Segment, old: float) -> bool:
        if segment.packed:
            return os.fstat(segment.descriptor).st_mtime >= old
        moment = last_time(segment.descriptor, segment.size, self.raw, self.meter)
        return moment is None or moment >= old

    def _first_time(self, segment: Segment) -> float | None:
        if not segment.packed:
            return first_time(segment.descriptor, segment.size, self.raw, self.meter)

        head = b""
        with contextlib.closing(unpacked(segment, self.meter, self.deadline)) as blocks:
            for block in blocks:
                head += block
                if len(head) >= _HEAD_BYTES or b"\n" in head[:-1]:
                    break

        chunk = Chunk(head[:_HEAD_BYTES], self.raw, None)

        return next((event.time for event in chunk.events if event.time is not None), None)

    def _blocks(
        self, segment: Segment, since: float, notes: Notes
    ) -> t.Generator[bytes, None, None]:
        """Yield the bytes of one file.

        A last line without an end gets one, since the next file begins a new line.
        """
        notes.files += 1
        last = b"\n"
        with contextlib.closing(self._source(segment, since, notes)) as source:
            for raw in source:
                # Truncating a log under its writer leaves a hole, which reads as zeros.
                block = raw.replace(b"\0", b"") if b"\0" in raw else raw
                if block:
                    last = block
                    yield block

        if not segment.live and not last.endswith(b"\n"):
            yield b"\n"

    def _source(
        self, segment: Segment, since: float, notes: Notes
    ) -> t.Generator[bytes, None, None]:
        if segment.packed:
            return ahead(unpacked(segment, self.meter, self.deadline))

        found = seek(segment.descriptor, segment.size, since, self.raw, self.meter)
        if found.jumps:
            notes.jumps.append(segment.path)

        return plain(segment, found.offset, self.meter, self.deadline)


def _reaches(moment: float | None, old: float) -> bool:
    return moment is None or moment >= old
