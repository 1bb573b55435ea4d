# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call for all log reviews of a host."""

from __future__ import annotations

import subprocess
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ..findings import Finding, finding, worst
from . import containers, journal, windows
from .blocks import Meter
from .chunks import chunks
from .errors import Deadline, LogReviewError, MovedError, UnreadableError, shown_path
from .findings import Gaps, missing_finding, review_finding, source_findings
from .layout import Keys, Layout
from .measures import Measure
from .opening import live_paths
from .reading import Reader
from .session import Session
from .settings import Source, parse_sources
from .stamps import Clock, ZoneError, zone_of
from .state import State, load, save
from .windows import Window
from .wrapping import from_docker, from_podman

_ATTEMPTS: t.Final = 3
_DAY: t.Final = "24h"
#: How often a followed log is looked at, seconds.
INTERVAL: t.Final = 2.0


@dataclass
class Answer:
    """What one pass over all sources gave; ``marks`` are ends of windows for the state."""

    findings: list[Finding] = field(default_factory=list)
    reviews: list[dict[str, t.Any]] = field(default_factory=list)
    marks: dict[str, float] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)

    @property
    def status(self) -> str:
        """Return the worst of the findings."""
        return worst(item["status"] for item in self.findings)


@dataclass(frozen=True)
class Job:
    """Checked arguments of one call."""

    sources: list[Source]
    time_zone: str
    state: Path
    container_roots: tuple[str, ...]
    timeout: float
    follow_seconds: float
    follow_events: int


def parse_job(params: t.Mapping[str, t.Any]) -> Job:
    """Return the job of checked module arguments; raises LogReviewError."""
    sources = parse_sources(params["sources"], params["components"], params["cadence"])
    for name in {params["time_zone"], *(source.time_zone for source in sources)}:
        _zone(name)

    if not 0 < params["timeout"] <= 3600:
        raise LogReviewError(f"timeout is {params['timeout']:g}; give 1 to 3600 seconds")
    if not 0 <= params["follow_seconds"] <= 86400 or params["follow_events"] < 0:
        raise LogReviewError("follow_seconds must be 0 to 86400, and follow_events at least 0")

    same = ("time_zone", "timeout", "follow_seconds", "follow_events")

    return Job(
        sources,
        **{key: params[key] for key in same},
        state=Path(params["state"]),
        container_roots=tuple(params["container_roots"]),
    )


def _zone(name: str) -> t.Any:
    try:
        return zone_of(name)
    except ZoneError as error:
        raise LogReviewError(str(error)) from error


def run(params: t.Mapping[str, t.Any], check_mode: bool = False) -> dict[str, t.Any]:
    """Return the module's answer to its arguments; raises LogReviewError."""
    job = parse_job(params)
    state = load(job.state)
    answer = _followed(job, state) if job.follow_seconds else _look(job, state, time.time(), None)
    if state.damage and answer.marks:
        message = f"Begun anew, since the state of the last run is of no use: {state.damage}."
        answer.findings.append(finding("log:state", "info", message))

    if answer.marks and not check_mode:
        _keep(job.state, {**state.until, **answer.marks}, answer)

    if not answer.findings:
        answer.findings.append(
            finding("log:none", "info", "No log is named for this host: nothing to review.")
        )

    return {
        "changed": False,
        "findings": answer.findings,
        "reviews": answer.reviews,
        "bytes_read": answer.meter.read,
    }


def _keep(path: Path, until: dict[str, float], answer: Answer) -> None:
    try:
        save(path, until)
    except OSError as error:
        message = f"'{path}' cannot be written ({error.strerror}): the next run will count the same lines again."
        answer.findings.append(finding("log:state", "warning", message))


def _followed(job: Job, state: State) -> Answer:
    """Look at what is written from now on, again and again, until a limit is passed or the time or count is reached."""
    begun = time.time()
    end = time.monotonic() + job.follow_seconds
    while True:
        left = end - time.monotonic()
        # Nothing announces a line in a file, so the only way to know is to look.
        time.sleep(max(min(INTERVAL, left), 0.0))
        now = time.time()
        window = Window(begun, now + 0.001, f"{now - begun:.0f} s of watching")
        answer = _look(job, state, now, window)
        seen = sum(row["count"] for row in answer.reviews)
        if end <= time.monotonic() or answer.status == "critical" or 0 < job.follow_events <= seen:
            answer.marks.clear()
            return answer


def _look(job: Job, state: State, now: float, followed: Window | None) -> Answer:
    answer = Answer()
    deadline = Deadline(job.timeout)
    for source in job.sources:
        try:
            spans = {
                review.name: followed or _window(job, source, review, state, now)
                for review in source.reviews
            }
            default = followed or windows.rolling(_DAY, now)
            session, gaps, jumps = _read(job, source, spans, default, now, answer.meter, deadline)
        except UnreadableError as error:
            answer.findings.append(missing_finding(source, str(error)))
            continue

        answer.findings += source_findings(source, session, gaps, jumps)
        for measure in session.measures:
            found = review_finding(source, measure, gaps)
            answer.findings.append(found)
            answer.reviews.append(_row(found, measure))
            if measure.review.window == "since_last_run" and not gaps.clauses:
                answer.marks[found["check"]] = measure.window.until

    return answer


def _window(job: Job, source: Source, review: t.Any, state: State, now: float) -> Window:
    """Return the window of a review.

    Raises UnreadableError when a unit's start is not to be had.
    """
    name = review.window
    if name in ("today", "month", "last_month"):
        return windows.calendar(name, now, _zone(job.time_zone))
    if name == "all":
        return Window(0.0, now + 0.001, "the whole log")
    if name == "since_last_run":
        last = state.until.get(f"log:{source.name}.{review.name}")
        return windows.since_last_run(last, windows.rolling(_DAY, now), now)
    if name == "since_start":
        return Window(
            _started(source.unit), now + 0.001, f"the time since {source.unit} was started"
        )

    return windows.rolling(name, now)


def _started(unit: str) -> float:
    """Return when the main process of a unit was started, Unix seconds; raises UnreadableError."""
    command = [
        "systemctl",
        "show",
        "--property=ExecMainStartTimestamp",
        "--value",
        "--timestamp=unix",
        unit,
    ]

    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnreadableError(
            f"systemd cannot be asked when {unit} was started: {type(error).__name__}"
        ) from error

    said = done.stdout.strip().lstrip("@")
    if not said.isdigit():
        raise UnreadableError(f"systemd does not say when {unit} was started")

    return float(said)


def _read(
    job: Job,
    source: Source,
    spans: dict[str, Window],
    default: Window,
    now: float,
    meter: Meter,
    deadline: Deadline,
) -> tuple[Session, Gaps, list[str]]:
    """Return what one pass over a source gave; a log that moves is read again from the start."""
    clock = Clock(_zone(source.time_zone), now)
    keys = Keys(source.timestamp_key, source.level_key, source.message_key)
    layout = Layout(source.format, clock, keys, wrapped=source.kind != "file")

    for attempt in range(1, _ATTEMPTS + 1):
        session = Session(source, spans, default, layout)
        try:
            if source.kind == "journal":
                return session, *_read_journal(source, session, meter, deadline)
            return session, *_read_files(_readers(job, source, layout, meter, deadline), session)
        except MovedError:
            if attempt == _ATTEMPTS:
                raise

    raise AssertionError("unreachable")


def _read_journal(
    source: Source, session: Session, meter: Meter, deadline: Deadline
) -> tuple[Gaps, list[str]]:
    for chunk in chunks(journal.read(source, session.since, meter, deadline), session.layout):
        session.take(chunk)

    if not session.bytes and not journal.holds_any(source, deadline):
        raise UnreadableError(
            f"the journal holds no line of {', '.join(journal.matches(source)) or 'anything'}"
        )

    return Gaps(), []


def _readers(
    job: Job, source: Source, layout: Layout, meter: Meter, deadline: Deadline
) -> dict[Path, Reader]:
    """Return how to read each file of a source; raises UnreadableError when there is none."""
    if source.kind == "file":
        paths = live_paths(source.paths)
        if not paths:
            raise UnreadableError(f"no file fits {', '.join(map(shown_path, source.paths))}")

        return {path: Reader(layout, layout, None, meter, deadline) for path in paths}

    readers = {}

    for log in containers.find(source.containers, job.container_roots):
        raw = Layout("json" if log.docker else "text", layout.clock, Keys(timestamp="time"))
        translate = from_docker if log.docker else from_podman

        def lines(
            blocks: t.Iterable[bytes], raw: Layout = raw, make: t.Any = translate
        ) -> t.Iterator[bytes]:
            return t.cast(t.Iterator[bytes], make(blocks, raw, source.format))

        readers[log.path] = Reader(layout, raw, lines, meter, deadline)

    return readers


def _read_files(readers: dict[Path, Reader], session: Session) -> tuple[Gaps, list[str]]:
    """Read file after file; one that cannot be read is a gap, unless it is the only one."""
    clauses: list[str] = []
    jumps: list[str] = []
    for path, reader in readers.items():
        try:
            notes = reader.read(path, session.since, session.take)
            jumps += [shown_path(jump) for jump in notes.jumps]
        except MovedError:
            raise
        except UnreadableError as error:
            clauses.append(str(error))

    if len(clauses) == len(readers):
        raise UnreadableError("; ".join(clauses))

    return Gaps(tuple(clauses)), jumps


def _row(found: Finding, measure: Measure) -> dict[str, t.Any]:
    """Return the figures of a review, for people and for other tasks."""
    numbers = measure.numbers
    return {
        "check": found["check"],
        "status": found["status"],
        "window": measure.window.words,
        "count": measure.count,
        "total": measure.total,
        "average": round(numbers.average, 4),
        "p95": round(numbers.percentile(0.95), 4),
        "lines": measure.newest.lines if measure.review.show else [],
        "messages": [{"message": text, "count": count} for text, count in measure.messages.top()],
        "groups": [{"value": value, "count": count} for value, count in measure.groups.top(20)],
    }
