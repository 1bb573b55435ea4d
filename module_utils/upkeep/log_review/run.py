# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call for all log reviews of a host.

Each log is read in a process of its own: what stands in it was written by others, and must neither
hold up the run nor take its memory.
"""

from __future__ import annotations

import math
import time
import typing as t
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..base import isolated, state_file, systemd
from ..base.deadline import Deadline
from ..findings import Finding, finding, worst
from . import streams, times
from .events import Part, chunks
from .files import Meter, MovedError, Place, UnreadableError, live_paths, quoted
from .findings import (
    Gaps,
    missing_finding,
    review_finding,
    rounded,
    source_findings,
)
from .formats import FORMATS, ORDER
from .formats.line_format import Format, JsonFormat
from .measures import Measure
from .reading import FileReader, NoFormatError, Notes, wrap
from .session import LogSession
from .settings import LogQuestion, LogReviewSettings, LogSource
from .times import StampReader, Window

_VERSION: t.Final = 2
_ATTEMPTS: t.Final = 3
#: How often a followed log is looked at, seconds.
INTERVAL: t.Final = 2.0
#: Entries of the last seconds may still be on their way into the journal, so the next run is left
#: to count them.
_SETTLING: t.Final = 2.0
#: What a process that has to end itself gets before it is ended, seconds.
_GRACE: t.Final = 1.0


@dataclass
class _State:
    """Up to when and where the reviews since the previous run have read, by check."""

    until: dict[str, float] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)
    damage: str = ""

    def of(self, check: str) -> tuple[Place, ...] | None:
        """Return the places of a check, None when none are known."""
        return tuple(self.places.get(check, ())) or None


@dataclass
class _Review:
    """What one pass over all logs gave."""

    findings: list[Finding] = field(default_factory=list)
    rows: list[dict[str, t.Any]] = field(default_factory=list)
    marks: _State = field(default_factory=_State)
    bytes_read: int = 0

    @property
    def status(self) -> str:
        """The worst of the findings."""
        return worst(item["status"] for item in self.findings)


def run(settings: LogReviewSettings, check_mode: bool = False) -> dict[str, t.Any]:
    """Return the module's result."""
    state = _load(settings.state)
    is_followed = settings.follow_seconds > 0
    review = _follow(settings) if is_followed else _review(settings, state, time.time())

    if state.damage and review.marks.until:
        message = f"The state of the previous run is not used, reviews begin anew: {state.damage}."
        review.findings.append(finding("log:state", "info", message))
    if review.marks.until and not check_mode:
        _save(settings.state, state, review)
    if not review.findings:
        message = "No log is named for this host: nothing to review."
        review.findings.append(finding("log:none", "info", message))

    return {
        "changed": False,
        "findings": review.findings,
        "reviews": review.rows,
        "bytes_read": review.bytes_read,
    }


def _load(path: Path) -> _State:
    """Return the state; an empty one when there is none, or none that can be used."""
    try:
        raw = state_file.load(path, _VERSION)
        return _State() if raw is None else _checked(raw)
    except (state_file.StateFileError, ValueError, TypeError) as error:
        return _State(damage=str(error))


def _checked(raw: Mapping[str, t.Any]) -> _State:
    until = {str(check): float(moment) for check, moment in dict(raw["until"]).items()}
    if not all(math.isfinite(moment) for moment in until.values()):
        raise ValueError("a time is not finite")

    places = {
        str(check): [
            Place(str(digest), int(length), int(offset)) for digest, length, offset in rows
        ]
        for check, rows in dict(raw["places"]).items()
    }

    return _State(until, places)


def _save(path: Path, state: _State, review: _Review) -> None:
    marks = review.marks
    places = {**state.places, **marks.places}
    data = {"until": {**state.until, **marks.until}, "places": places}
    try:
        state_file.save(path, _VERSION, data)
    except state_file.StateFileError as error:
        message = f"{error}: the next run will count the same lines again."
        review.findings.append(finding("log:state", "warning", message))


def _review(settings: LogReviewSettings, state: _State, now: float) -> _Review:
    """Review each log in a process of its own, none longer than its part of the time."""
    review = _Review()
    deadline = Deadline(settings.timeout)
    for number, source in enumerate(settings.sources):
        rest = len(settings.sources) - number
        # Several slow logs share the time, the last one has all that is left.
        seconds = deadline.left * 2 / (rest + 1)
        _add(review, source, _isolated(settings, source, state, now, seconds))

    return review


def _isolated(
    settings: LogReviewSettings, source: LogSource, state: _State, now: float, seconds: float
) -> dict[str, t.Any] | str:
    """Return what a process gave that reviewed one log, or why it gave nothing."""
    if seconds <= 0:
        return f"reading all logs took longer than {settings.timeout:g} s"

    def work() -> Iterator[dict[str, t.Any]]:
        yield _SourceReview(settings, source, state, now, Deadline(seconds)).result()

    results, problem = isolated.run(work, seconds + _GRACE, limits=isolated.PARSING)

    return results[0] if results else (problem or "reading it gave nothing")


def _add(review: _Review, source: LogSource, result: dict[str, t.Any] | str) -> None:
    if isinstance(result, str):
        review.findings.append(missing_finding(source, result))
        return

    review.findings += result["findings"]
    review.rows += result["rows"]
    review.bytes_read += result["bytes_read"]
    review.marks.until |= result["until"]
    review.marks.places |= {
        check: [Place(*row) for row in rows] for check, rows in result["places"].items()
    }


def _follow(settings: LogReviewSettings) -> _Review:
    """Review what is written from now on, until a limit is passed or the time or count is over."""
    begun = time.time()
    end = time.monotonic() + settings.follow_seconds
    state = _ends(settings, begun)
    while True:
        # Nothing announces a line in a file, so the only way to know is to look.
        time.sleep(max(min(INTERVAL, end - time.monotonic()), 0.0))
        review = _review(settings, state, time.time())
        seen = sum(row["count"] for row in review.rows)
        is_enough = 0 < settings.follow_events <= seen
        if end <= time.monotonic() or review.status == "critical" or is_enough:
            review.marks = _State()
            return review


def _ends(settings: LogReviewSettings, now: float) -> _State:
    """Return where all logs end now."""
    state = _State()
    for source in settings.sources:

        def work(source: LogSource = source) -> Iterator[list[Place]]:
            ends = _SourceReview(settings, source, _State(), now, Deadline(settings.timeout)).ends()
            yield ends

        results, _ = isolated.run(work, settings.timeout, limits=isolated.PARSING)
        for review in source.reviews:
            check = _check(source, review)
            state.until[check] = now
            state.places[check] = [Place(*row) for row in (results[0] if results else ())]

    return state


def boot_time() -> float:
    """Return when this host was started, Unix seconds."""
    return time.time() - time.monotonic()


def _check(source: LogSource, review: LogQuestion) -> str:
    return f"log:{source.name}.{review.name}"


class _SourceReview:
    """The review of one log."""

    def __init__(
        self,
        settings: LogReviewSettings,
        source: LogSource,
        state: _State,
        now: float,
        deadline: Deadline,
    ) -> None:
        self.settings, self.source, self.state = settings, source, state
        self.now, self.deadline = now, deadline
        self.meter = Meter()
        self._findings: list[Finding] = []
        self._rows: list[dict[str, t.Any]] = []
        self._until: dict[str, float] = {}
        self._places: dict[str, list[Place]] = {}

    def result(self) -> dict[str, t.Any]:
        """Return findings, rows and marks as JSON."""
        try:
            self._review()
        except TimeoutError:
            clause = f"reading took longer than {self.deadline.seconds:.3g} s"
            self._findings = [missing_finding(self.source, clause)]
        except MemoryError:
            self._findings = [missing_finding(self.source, "reading it took too much memory")]
        except UnreadableError as error:
            self._findings = [missing_finding(self.source, str(error))]

        return {
            "findings": self._findings,
            "rows": self._rows,
            "until": self._until,
            "places": self._places,
            "bytes_read": self.meter.read,
        }

    def ends(self) -> list[Place]:
        """Return up to where each file of the log is written now."""
        if self.source.kind == "journal":
            return []

        places: list[Place] = []
        try:
            readers, _ = self._readers(None)
            for path, reader in readers.items():
                places += reader.places_of(path, self.now - 86400)
        except (UnreadableError, TimeoutError):
            return places

        return places

    def _review(self) -> None:
        spans = {review.name: self._window(review) for review in self.source.reviews}
        first = True
        for marks, reviews in self._by_marks(spans).items():
            part = _with_reviews(self.source, reviews)
            session, gaps, notes = self._read(part, spans, marks)
            if first:
                jumps = [quoted(path) for path in notes.jumps]
                self._findings += source_findings(part, session, gaps, jumps, self.now)
            for measure in session.measures:
                self._finish(session, measure, gaps, notes)
            first = False

    def _window(self, review: LogQuestion) -> Window:
        """Return the window of a review; raises UnreadableError for an unknown start of a unit."""
        name, now = review.window, self.now
        if self.settings.follow_seconds:
            begun = self.state.until[_check(self.source, review)]
            words = f"{now - begun:.0f} s of watching"
            is_journal = self.source.kind == "journal"
            return Window(begun, times.end_of(now), words, by_place=not is_journal)

        if name in ("today", "month", "last_month"):
            return times.calendar_window(name, now, self.settings.zone)
        if name == "all":
            return times.whole_window(now)
        if name == "since_last_run":
            return self._since_last_run(review)
        if name == "since_start":
            started, unit = self._started(), self.source.unit
            return Window(started, times.end_of(now), f"the time since {unit} was started")

        return times.rolling_window(name, now)

    def _since_last_run(self, review: LogQuestion) -> Window:
        """Return the window from the previous run on: a place in files, a time in the journal."""
        last = self.state.until.get(_check(self.source, review))
        window = times.window_since_last_run(last, self.now)
        if self.source.kind != "journal":
            return window

        return Window(window.since, self.now - _SETTLING, window.words)

    def _started(self) -> float:
        """Return when the main process of the unit was started, Unix seconds."""
        unit, name = self.source.unit, "ExecMainStartTimestampMonotonic"
        try:
            since_boot = systemd.show([unit], [name], self.deadline)[unit].get(name, "")
        except systemd.SystemdError as error:
            raise UnreadableError(f"it is not known when {unit} was started: {error}") from error

        if not since_boot.isdigit() or since_boot == "0":
            raise UnreadableError(f"systemd does not know when {unit} was started")

        return math.floor(boot_time() + int(since_boot) / 1e6)

    def _by_marks(
        self, spans: Mapping[str, Window]
    ) -> dict[tuple[Place, ...] | None, list[LogQuestion]]:
        """Return the reviews by the places from which they read; all others go with the first."""
        groups: dict[tuple[Place, ...] | None, list[LogQuestion]] = {}
        others = []
        for review in self.source.reviews:
            if spans[review.name].by_place:
                groups.setdefault(self.state.of(_check(self.source, review)), []).append(review)
            else:
                others.append(review)

        if not groups:
            return {None: others}

        first = next(iter(groups))
        groups[first] = [*others, *groups[first]]

        return groups

    def _read(
        self, source: LogSource, spans: Mapping[str, Window], marks: tuple[Place, ...] | None
    ) -> tuple[LogSession, Gaps, Notes]:
        """Return what one pass over a log gave; one that moves is read again from the start."""
        needs_places = any(spans[review.name].by_place for review in source.reviews)
        wanted = list(marks or ()) if needs_places else None
        default = times.rolling_window("24h", self.now)

        for attempt in range(1, _ATTEMPTS + 1):
            session = LogSession(source, spans, default, self.now, has_marks=marks is not None)
            try:
                if source.kind == "journal":
                    return session, Gaps(), self._read_journal(session)
                return session, *self._read_files(session, wanted)
            except MovedError:
                if attempt == _ATTEMPTS:
                    raise

        raise AssertionError("unreachable")

    def _reader(self) -> StampReader:
        return StampReader(self.source.zone, self.now)

    def _wrap(self, parts: Iterable[Part]) -> Iterator[Part]:
        source = self.source
        return wrap(parts, source.form, source.kind, self._reader(), source.form_name != "text")

    def _read_journal(self, session: LogSession) -> Notes:
        source = self.source
        events = streams.read_journal(source, session.since, self.meter, self.deadline)
        for chunk in chunks(self._wrap(streams.join(events))):
            session.take(chunk)

        if not session.bytes and not streams.journal_holds_any(source, self.deadline):
            named = ", ".join(streams.journal_matches(source)) or "anything"
            raise UnreadableError(f"the journal holds no line of {named}")

        return Notes()

    def _readers(self, marks: list[Place] | None) -> tuple[dict[Path, FileReader], list[str]]:
        """Return how to read each file, and what is not known; raises UnreadableError for none."""
        if self.source.kind == "file":
            paths = live_paths(self.source.paths)
            if not paths:
                raise UnreadableError(
                    f"no file matches {', '.join(map(quoted, self.source.paths))}"
                )

            reader = self._file_reader(self._forms(), None, marks)
            return dict.fromkeys(paths, reader), []

        known: set[tuple[int, int]] = set()
        logs, damaged = streams.find_containers(
            self.source.containers, self.settings.container_roots
        )
        readers = {}
        for log in logs:
            translate = self._container_translation(log.docker)
            raw = FORMATS["docker" if log.docker else "cri"]
            readers[log.path] = self._file_reader((raw,), translate, marks, known)

        return readers, damaged

    def _forms(self) -> tuple[Format, ...]:
        if self.source.form is not None:
            return (self.source.form,)
        if self.source.form_name == "text":
            return tuple(form for form in ORDER if not isinstance(form, JsonFormat))
        if self.source.fields:
            return tuple(form for form in ORDER if isinstance(form, JsonFormat))
        return ORDER

    def _file_reader(
        self,
        forms: tuple[Format, ...],
        translate: Callable[[Iterable[Part]], Iterator[Part]] | None,
        marks: list[Place] | None,
        known: set[tuple[int, int]] | None = None,
    ) -> FileReader:
        reader, known = self._reader(), set() if known is None else known
        return FileReader(forms, reader, translate, marks, self.meter, self.deadline, known)

    def _container_translation(self, docker: bool) -> Callable[[Iterable[Part]], Iterator[Part]]:
        def translate(parts: Iterable[Part]) -> Iterator[Part]:
            stream = streams.ContainerStream(docker, StampReader(None, self.now))
            return self._wrap(stream.translate(parts))

        return translate

    def _read_files(self, session: LogSession, marks: list[Place] | None) -> tuple[Gaps, Notes]:
        """Read file after file; one that cannot be read is a gap, unless it is the only one."""
        readers, _ = self._readers(marks)
        clauses: list[str] = []
        unknown_formats = 0
        all_notes = Notes()
        for path, reader in readers.items():
            try:
                notes = reader.read(path, session.since, session.take)
            except MovedError:
                raise
            except NoFormatError as error:
                unknown_formats += 1
                clauses.append(str(error))
            except UnreadableError as error:
                clauses.append(str(error))
            else:
                all_notes.jumps += notes.jumps
                all_notes.places += notes.places
                clauses += notes.gaps

        if len(clauses) >= len(readers) and not session.bytes and not unknown_formats:
            raise UnreadableError("; ".join(clauses))

        return Gaps(tuple(clauses)), all_notes

    def _finish(self, session: LogSession, measure: Measure, gaps: Gaps, notes: Notes) -> None:
        """Add the finding of a review, its figures, and up to where it has read."""
        problem = session.problem(measure)
        found = review_finding(self.source, measure, gaps, problem)
        self._findings.append(found)
        self._rows.append(_row(found, measure))
        if measure.review.window == "since_last_run" and not gaps.clauses:
            self._until[found["check"]] = measure.window.until
            self._places[found["check"]] = notes.places


def _with_reviews(source: LogSource, reviews: list[LogQuestion]) -> LogSource:
    return LogSource(**{**vars(source), "reviews": tuple(reviews)})


def _row(found: Finding, measure: Measure) -> dict[str, t.Any]:
    """Return the figures of a review, for people and for other tasks."""
    numbers = measure.numbers
    return {
        "check": found["check"],
        "status": found["status"],
        "window": measure.window.words,
        "count": measure.count,
        "total": measure.total,
        "average": rounded(numbers.average),
        "p95": rounded(numbers.percentile(0.95)),
        "lines": measure.newest.lines if measure.review.show else [],
        "messages": [{"message": text, "count": count} for text, count in measure.messages.top()],
        "groups": [{"value": value, "count": count} for value, count in measure.groups.top(20)],
    }
