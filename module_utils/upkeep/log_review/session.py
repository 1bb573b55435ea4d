# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All reviews of one log in one pass over it, and what is told of the log itself: its newest line, its form."""

from __future__ import annotations

import collections
import typing as t

from . import redact
from .chunks import Chunk, Event
from .layout import Layout, Record, field
from .measures import Measure
from .settings import Source
from .windows import Window

#: A clock may go ahead by this much before its lines count as written in the future, seconds.
AHEAD: t.Final = 300.0
#: Up to this many bytes all time stamps and records are looked at; beyond, the last stamp of each
#: chunk.
EXACT: t.Final = 16 << 20
#: Records of a chunk whose fields are looked at.
SAMPLED: t.Final = 200
KEPT: t.Final = 3


class Form:
    """Whether the records of a log carry their fields."""

    def __init__(self, fields: t.Sequence[str], filled: t.Collection[str]) -> None:
        self.fields, self._filled = fields, filled
        self.records = self.foreign = 0
        self.missing: collections.Counter[str] = collections.Counter()
        self.examples: list[str] = []

    def take(self, chunk: Chunk, events: t.Sequence[Event]) -> None:
        """Count lines that are no records among all, and missing fields in a sample."""
        step = max(len(events) // SAMPLED, 1)
        for number, event in enumerate(events):
            stop = chunk.block.find(b"\n", event.start, event.end)
            more = chunk.block[stop + 1 : event.end].strip() if stop >= 0 else b""
            if more:
                self._strange(more)

            if number % step:
                continue

            record = chunk.layout.record(chunk.block, event.start, event.end)
            if record is None:
                self._strange(chunk.block[event.start : event.end])
            else:
                self._look(record)

    def _strange(self, data: bytes) -> None:
        self.foreign += 1
        if len(self.examples) < KEPT:
            self.examples.append(redact.line(data, 120))

    def _look(self, record: Record) -> None:
        self.records += 1
        for name in self.fields:
            value = field(record, name)
            absent = value is None and (name in self._filled or not _present(record, name))
            self.missing[name] += absent


def _present(record: Record, name: str) -> bool:
    parent, _, last = name.rpartition(".")
    holder = field(record, parent) if parent and name not in record else record
    return isinstance(holder, dict) and (name in holder or last in holder)


class Session:
    """What one pass over a log has seen so far."""

    def __init__(
        self, source: Source, windows: t.Mapping[str, Window], default: Window, layout: Layout
    ) -> None:
        self.source, self.layout = source, layout
        self.measures = [Measure(review, windows[review.name], layout) for review in source.reviews]
        spans = [measure.window for measure in self.measures] or [default]
        self.since = min([measure.since for measure in self.measures] or [default.since])
        #: What the log itself is judged by.
        self.window = Window(
            min(span.since for span in spans), max(span.until for span in spans), ""
        )
        self.form = Form(
            source.fields, (source.timestamp_key, source.level_key, source.message_key)
        )
        self.newest: float | None = None
        self.furthest: float | None = None
        self.undated = self.bytes = 0

    def take(self, chunk: Chunk) -> None:
        """Look at one more chunk."""
        for measure in self.measures:
            measure.take(chunk)

        self.bytes += len(chunk.block)
        exact = self.bytes <= EXACT
        latest = self.layout.latest(chunk.block) if exact else chunk.last
        if latest is None:
            latest = chunk.last

        if latest is None:
            self.undated += 1
        else:
            self._note(latest)

        if self.source.fields and exact:
            self.form.take(chunk, [event for event in chunk.events if event.time in self.window])

    def _note(self, moment: float) -> None:
        now = self.layout.clock.now
        if moment <= now + AHEAD:
            self.newest = max(self.newest or moment, moment)
            return
        self.furthest = max(self.furthest or moment, moment)
