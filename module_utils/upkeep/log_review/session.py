# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All reviews of one log in one pass over it, and what is known of the log itself."""

from __future__ import annotations

import collections
import typing as t
from collections.abc import Collection, Mapping, Sequence

from .events import Chunk, Event, Fit, show_line
from .formats.line_format import JsonFormat
from .formats.parsers import Record, read_field
from .measures import Measure
from .settings import LogSource
from .times import Window

#: A clock may go ahead by this much before its lines count as written in the future, seconds.
AHEAD: t.Final = 300.0
#: Up to this many bytes all events are looked at for their time and format; beyond, samples.
EXACT: t.Final = 4 << 20
_SAMPLE: t.Final = 64 << 10
_SAMPLE_OF: t.Final = 8
#: Records of a chunk whose fields are looked at.
_SAMPLED: t.Final = 200
_KEPT: t.Final = 3


class RecordForm:
    """Whether the records of a log carry their fields."""

    def __init__(self, fields: Sequence[str], filled: Collection[str]) -> None:
        self.fields, self._filled = fields, filled
        self.records = self.foreign = 0
        self.missing: collections.Counter[str] = collections.Counter()
        self.examples: list[str] = []

    def take(self, chunk: Chunk, events: Sequence[Event]) -> None:
        """Count lines that are not records among all, and missing fields in a sample."""
        step = max(len(events) // _SAMPLED, 1)
        for number, event in enumerate(events):
            begin = chunk.parser.body(chunk.block, event.start, event.end)
            stop = chunk.block.find(b"\n", begin, event.end)
            more = chunk.block[stop + 1 : event.end].strip() if stop >= 0 else b""
            if more:
                self._note_foreign(more)
            if number % step:
                continue

            record = chunk.parser.record(chunk.block, event.start, event.end)
            if record is None:
                self._note_foreign(chunk.block[begin : event.end])
            else:
                self._look_at(record)

    def _note_foreign(self, data: bytes) -> None:
        self.foreign += 1
        if len(self.examples) < _KEPT:
            self.examples.append(show_line(data, 120))

    def _look_at(self, record: Record) -> None:
        self.records += 1
        for name in self.fields:
            value = read_field(record, name)
            absent = value is None and (name in self._filled or not _is_present(record, name))
            self.missing[name] += absent


def _is_present(record: Record, name: str) -> bool:
    parent, _, last = name.rpartition(".")
    holder = read_field(record, parent) if parent and name not in record else record
    return isinstance(holder, dict) and (name in holder or last in holder)


class LogSession:
    """What one pass over a log has seen so far."""

    def __init__(
        self,
        source: LogSource,
        windows: Mapping[str, Window],
        default: Window,
        now: float,
        has_marks: bool = False,
    ) -> None:
        self.source, self._now = source, now
        self.measures = [
            Measure(review, windows[review.name], has_marks) for review in source.reviews
        ]
        spans = [measure.window for measure in self.measures] or [default]
        self.since = min([measure.since for measure in self.measures] or [default.since])
        #: What the log itself is judged by.
        self.window = Window(
            min(span.since for span in spans), max(span.until for span in spans), ""
        )
        needs_level = any(review.needs_level for review in source.reviews)
        self.fits: dict[Window, Fit] = {
            window: Fit(needs_level=needs_level) for window in {*spans, self.window}
        }
        self.form = RecordForm(source.fields, _filled(source))
        self.formats: set[str] = set()
        self.without_level: set[str] = set()
        self.without_time: set[str] = set()
        self.unknown_zones: set[str] = set()
        self.newest: float | None = None
        self.furthest: float | None = None
        self.undated = self.bytes = self._chunks = 0

    @property
    def fit(self) -> Fit:
        """How the lines of all windows fit."""
        return self.fits[self.window]

    def take(self, chunk: Chunk) -> None:
        """Look at one more chunk."""
        for measure in self.measures:
            measure.take(chunk)

        parser = chunk.parser
        self.formats.add(parser.name)
        self.unknown_zones |= parser.reader.unknown_zones
        if not parser.gives_level:
            self.without_level.add(parser.name)
        if not parser.gives_time:
            self.without_time.add(parser.name)

        self.bytes += len(chunk.block)
        self._chunks += 1
        if self.bytes <= EXACT:
            self._look_at(chunk)
        elif self._chunks % _SAMPLE_OF == 0:
            self._look_at(chunk.begin(_SAMPLE))
            self._note(chunk.last)
        else:
            self._note(chunk.last)

    def _look_at(self, chunk: Chunk) -> None:
        own = [event.time for event in chunk.events if event.time is not None]
        self.undated += not own
        for moment in {max(own), *filter(self._is_ahead, own)} if own else ():
            self._note(moment)

        known = [moment for moment in own if not self._is_ahead(moment)]
        self._note(max(known, default=None))
        for window, fit in self.fits.items():
            fit.take(chunk, None if window.by_place and chunk.fresh else window)

        if self.source.fields:
            self.form.take(chunk, [event for event in chunk.events if event.time in self.window])

    def _is_ahead(self, moment: float) -> bool:
        return moment > self._now + AHEAD

    def _note(self, moment: float | None) -> None:
        if moment is None:
            return
        if self._is_ahead(moment):
            self.furthest = max(self.furthest or moment, moment)
        else:
            self.newest = max(self.newest or moment, moment)

    def problem(self, measure: Measure) -> str:
        """Return why a review cannot be judged by what was read, "" where it can."""
        review, limit = measure.review, self.source.unfit_percent
        fit = self.fits[measure.window]
        if fit.unfit_percent > limit or self.is_undated:
            return self.unfit_words(fit)
        if self.without_time and not measure.window.is_whole:
            return f"lines of the format {_listed(self.without_time)} have no time"
        if review.needs_level and self.without_level:
            return f"lines of the format {_listed(self.without_level)} have no level"
        if review.needs_level and fit.without_level_percent > limit:
            share = fit.without_level_percent
            example = _example(fit.examples_without_level)
            return f"{share:.0f} % of the events name no level that is known{example}"

        return _unread(measure, limit)

    @property
    def is_undated(self) -> bool:
        """Whether no line at all had a time that is known, though a window needs one."""
        has_time = self.newest is not None or self.furthest is not None
        return bool(self.undated) and not has_time and not self.window.is_whole

    def unfit_words(self, fit: Fit) -> str:
        """Return how many lines do not fit the format, as a clause."""
        named = _listed(self.formats) or "the format"
        zones = ", ".join(sorted(self.unknown_zones))
        why = f"; the zone {zones} is not known, set time_zone to one that uses it" if zones else ""
        share = f"{fit.unfit_percent:.0f} % of the lines do not fit the format {named}"

        return f"{share}{_example(fit.examples)}{why}"


def _filled(source: LogSource) -> set[str]:
    """Return the fields of records that may not be null."""
    form = source.form
    named = {form.timestamp, form.level, form.message} if isinstance(form, JsonFormat) else set()
    return named or {"timestamp", "level", "message"}


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names))


def _example(examples: Sequence[str]) -> str:
    return f", as {examples[0]!r}" if examples else ""


def _unread(measure: Measure, limit: float) -> str:
    """Return why the values that a review needs are not known, "" where they are."""
    review, readings = measure.review, measure.readings
    name = review.number or review.by
    if len(readings.units) > 1 and not review.unit:
        return f"{name} has different units ({_listed(readings.units)}); name one as unit"

    tried = readings.given + readings.unreadable
    if tried and 100 * readings.unreadable / tried > limit:
        example = _example(readings.examples)
        return f"{readings.unreadable} of {tried} values of {name} are not numbers{example}"

    least = 1 if review.pattern is not None else _FEW
    if not tried and readings.absent >= least:
        return f"none of {readings.absent} events has {name}"

    return ""


#: Without a pattern, so many events are needed to say that none of them has a field.
_FEW: t.Final = 20
