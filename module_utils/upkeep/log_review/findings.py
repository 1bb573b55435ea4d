# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was counted means: findings on a log itself and on each of its reviews."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..base.text import contains_words
from ..findings import LONGEST_LINE, MOST_LINES, NO_LIMITS, Finding, Limits, Subject
from .events import shorten, show_line
from .measures import Measure, Spread
from .session import LogSession
from .settings import LogQuestion, LogSource
from .times import Window, format_time

#: Lines that a message shows, and groups.
_EXCERPT: t.Final = 5
_LINE: t.Final = 200
_GROUPS: t.Final = 5
_ADVICE: t.Final = ". Find their cause, newest first"
_SECRETS_ADVICE: t.Final = ". Change what was given away, and mask it where it is written"
#: A log whose first event comes after this share of a window does not reach back over it.
_LATE: t.Final = 0.25


class Gaps(t.NamedTuple):
    """What of a log could not be read, as clauses. Counts are then lower bounds."""

    clauses: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The clauses as the end of a sentence."""
        return f" Not all could be read: {'; '.join(self.clauses)}." if self.clauses else ""


def _subject(source: LogSource) -> Subject:
    return Subject(f"log:{source.name}", source.requirements)


def source_findings(
    source: LogSource, session: LogSession, gaps: Gaps, jumps: Sequence[str], now: float
) -> Iterator[Finding]:
    """Yield the findings on a log: whether it was read and is still written, and its records."""
    status, observed, message = _state(source, session, gaps, jumps, now)
    subject = _subject(source)
    yield subject.finding(status, message, observed=observed, expected=_expected_age(source))
    if source.fields:
        yield _form(subject, source, session)


def missing_finding(source: LogSource, clause: str) -> Finding:
    """Return the one finding on a log that could not be read at all, for its reviews as well.

    It is unknown; only a log that need not be there may be missing.
    """
    left_out = ", ".join(review.name for review in source.reviews)
    message = sentence(clause)
    if left_out:
        message += f" Not reviewed: {left_out}."
    if not source.optional:
        message += " Look whether the service runs and where it logs to."

    asked = {identity for review in source.reviews for identity in review.requirements}
    subject = Subject(f"log:{source.name}", tuple({*source.requirements, *asked}))

    return subject.finding("info" if source.optional else "unknown", message)


def sentence(clause: str) -> str:
    """Return a clause as a sentence."""
    return f"{clause[:1].upper()}{clause[1:]}."


def _expected_age(source: LogSource) -> str | None:
    if source.silent_after is None:
        return None
    return f"a line within {source.silent_after / 3600:g} h"


def _state(
    source: LogSource, session: LogSession, gaps: Gaps, jumps: Sequence[str], now: float
) -> tuple[str, str | None, str]:
    """Return status, what was observed, and a message."""
    newest = session.newest
    if gaps.clauses:
        return "unknown", None, f"Only a part was reviewed.{gaps.words}"

    if session.furthest is not None:
        time = format_time(session.furthest)
        message = f"Its newest line is of {time}, which is in the future: correct the clock of "
        return "warning", time, f"{message}this host or of the writer."

    if newest is None and session.undated:
        problem = session.unfit_words(session.fit)
        return "unknown", "no time stamp", f"None of its lines has a time that is known: {problem}."

    if session.fit.unfit_percent > source.unfit_percent:
        percent = f"{session.fit.unfit_percent:.0f} % of the lines do not fit"
        problem = sentence(session.unfit_words(session.fit))
        return "unknown", percent, f"{problem} Name the format it has, or describe it."

    observed = f"newest line {format_time(newest)}" if newest is not None else "no line"
    if source.silent_after is not None and (newest is None or now - newest > source.silent_after):
        hours = f"since {format_time(newest)}" if newest is not None else "at all"
        message = f"It has no line {hours}: look whether the service works and where it logs to."
        return "warning", observed, message

    if jumps:
        message = f"Time runs backwards in {', '.join(jumps)}, so it was read whole; "
        return "info", observed, f"{message}was a clock set back?"
    if newest is None:
        return "ok", observed, "It was read; it is empty."

    return "ok", observed, f"It was read as {', '.join(sorted(session.formats))}."


def _form(subject: Subject, source: LogSource, session: LogSession) -> Finding:
    """Return whether lines are records with their fields.

    A program that prints around its logger breaks that.
    """
    form = session.form
    expected = ", ".join(source.fields)
    missing = {name: count for name, count in form.missing.items() if count}
    if form.foreign:
        example = f" (e.g. {form.examples[0]})" if form.examples else ""
        message = f"{form.foreign} lines are not JSON records{example}: what writes them goes "
        return subject.finding(
            "warning",
            f"{message}around the logger.",
            aspect="format",
            observed=form.foreign,
            expected=0,
        )

    if missing:
        listed = ", ".join(
            f"{name} ({count} of {form.records})" for name, count in sorted(missing.items())
        )
        return subject.finding(
            "warning",
            f"Records lack fields: {listed}; correct the formatter of the application.",
            aspect="format",
            observed=", ".join(sorted(missing)),
            expected=expected,
        )

    if not form.records:
        return subject.finding("info", "There is no record in this window.", aspect="format")

    return subject.finding(
        "ok",
        f"{form.records} records were looked at; all have their fields.",
        aspect="format",
        observed=form.records,
        expected=expected,
    )


@dataclass(frozen=True)
class _Judged:
    """What a measure means before gaps and problems of the log are considered."""

    status: str
    observed: t.Any
    message: str
    limits: Limits = NO_LIMITS
    unit: str = ""
    expected: t.Any = None
    lines: bool = True


def review_finding(source: LogSource, measure: Measure, gaps: Gaps, problem: str) -> Finding:
    """Return the finding of one review.

    ``problem`` is why it cannot be judged by what was read, "" where it can.
    """
    review = measure.review
    judged = _JUDGES[review.measure](review, measure)
    status, message = judged.status, f"{judged.message}{gaps.words}"
    if problem:
        message += f" This cannot be judged: {problem}."
    # What was seen is at least that much: a limit that is passed stays passed, but nothing is fine.
    is_low = review.at_least is not None and measure.count < review.at_least
    if (problem or gaps.clauses) and (is_low or status in ("ok", "info")):
        status = "unknown"

    shown = min(MOST_LINES, review.show) if judged.lines else 0
    lines = [shorten(line, LONGEST_LINE) for line in measure.newest.lines[-shown:]] if shown else []
    tail = "".join(f"\n{shorten(line, _LINE)}" for line in lines[-_EXCERPT:])
    expected = judged.expected if judged.expected is not None else judged.limits.text

    return Subject(f"log:{source.name}.{review.name}", review.requirements).finding(
        status,
        f"{message}{tail}",
        observed=judged.observed,
        expected=expected,
        unit=judged.unit,
        limits=judged.limits.numbers,
        lines=lines if len(lines) > _EXCERPT else (),
    )


def _limits(review: LogQuestion) -> Limits:
    return Limits(review.warning, review.critical)


def _among(window: Window) -> str:
    return f"in {window.words}" if not window.words.startswith("today") else "today"


def _count(review: LogQuestion, measure: Measure) -> _Judged:
    if review.worst_of is not None:
        return _worst_count(review, measure, review.worst_of)
    if review.per is not None:
        return _rate(review, measure, review.per)

    count, unit, limits = measure.count, review.unit or "events", _limits(review)
    status = limits.judge(count)
    words = _among(measure.window)
    if review.at_least is not None and count < review.at_least:
        message = f"Only {count} {unit} {words}: look whether what writes them still runs."
        return _Judged("warning", count, message, Limits(review.at_least, side="below"), unit)

    if trend := _traffic(review, measure):
        return _count_with_trend(review, measure, trend)

    if limits.numbers is None and review.at_least is not None:
        limits = Limits(review.at_least, side="below")
    if not count:
        return _Judged(status, 0, f"None {words}.", limits, unit)

    message = f"{count} {words}"
    top = measure.messages.top(1)
    if top and count > 1 and top[0][1] > 1:
        message += f"; most often ({top[0][1]} times): {shorten(top[0][0], 160)}"
    if status != "ok":
        message += _advice(review, _SECRETS_ADVICE if review.secrets else _ADVICE)

    return _Judged(status if limits.numbers else "info", count, f"{message}.", limits, unit)


def _advice(review: LogQuestion, usual: str) -> str:
    """Return what to do beyond a limit, as the end of a sentence that has no full stop yet."""
    return f": {review.advice}" if review.advice else usual


def _rate(review: LogQuestion, measure: Measure, seconds: float) -> _Judged:
    """Judge how many events there are in a part of the window on average."""
    window, limits = measure.window, _limits(review)
    number = rounded(measure.count * seconds / (window.until - window.since))
    status = limits.judge(number)
    length = f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"
    message = f"{number:g} in {length} on average; {measure.count} {_among(window)}"
    advice = _advice(review, _ADVICE) if status != "ok" else ""
    unit = review.unit or f"events in {length}"

    return _Judged(
        status if limits.numbers else "info",
        number,
        f"{message}{advice}.",
        limits,
        unit,
        lines=False,
    )


def _worst_count(review: LogQuestion, measure: Measure, seconds: float) -> _Judged:
    """Judge the part of the window with the most events."""
    words, unit, limits = _among(measure.window), review.unit or "events", _limits(review)
    if not measure.parts:
        return _Judged(limits.judge(0), 0, f"None {words}.", limits, unit)

    worst = max(measure.parts, key=lambda part: (measure.parts[part], -part))
    count = measure.parts[worst]
    status = limits.judge(count)
    end = format_time(measure.window.until - worst * seconds)
    advice = _advice(review, _ADVICE) if status != "ok" else ""
    message = f"{count} in the worst {seconds / 60:g} minutes, up to {end}; {measure.count} {words}"

    return _Judged(status if limits.numbers else "info", count, f"{message}{advice}.", limits, unit)


def _count_with_trend(review: LogQuestion, measure: Measure, trend: tuple[bool, str]) -> _Judged:
    changed, words = trend
    limits, count = _limits(review), measure.count
    status = limits.judge(count)
    status = "warning" if changed and status == "ok" else status
    advice = ". Look who asks, and whether all do who should" if changed else ""
    usual = f"within {review.trend_percent:g} % of the previous window"
    message = f"{count} {_among(measure.window)}: {words}{advice}."

    return _Judged(status, count, message, limits, review.unit or "events", usual, lines=False)


def _too_few(review: LogQuestion, seen: str, words: str, unit: str, more: str = "") -> _Judged:
    message = f"Not enough events to judge ({seen}, at least {review.least_events}{more}) {words}."
    return _Judged("info", None, message, _limits(review), unit)


def _share(review: LogQuestion, measure: Measure) -> _Judged:
    words = _among(measure.window)
    if review.worst_of is not None:
        return _worst_share(review, measure, review.worst_of)

    of = "matching events" if review.of else "all events"
    if measure.total < review.least_events:
        return _too_few(review, f"{measure.count} of {measure.total}", words, "%")

    share = round(100 * measure.count / measure.total, 3)
    status = _limits(review).judge(share)
    advice = _advice(review, _ADVICE) if status != "ok" else ""
    message = f"{measure.count} against {measure.total} ({of}) {words}{advice}."

    return _Judged(status, share, message, _limits(review), "%", lines=status != "ok")


def _worst_share(review: LogQuestion, measure: Measure, seconds: float) -> _Judged:
    """Judge the part of the window with the largest share, among those with enough events."""
    words = _among(measure.window)
    enough = [part for part, total in measure.part_totals.items() if total >= review.least_events]
    if not enough:
        seen = f"{measure.count} of {measure.total}"
        return _too_few(review, seen, words, "%", f" in {seconds / 60:g} minutes")

    worst = max(enough, key=lambda part: (measure.parts[part] / measure.part_totals[part], -part))
    share = round(100 * measure.parts[worst] / measure.part_totals[worst], 3)
    status = _limits(review).judge(share)
    end = format_time(measure.window.until - worst * seconds)
    advice = _advice(review, _ADVICE) if status != "ok" else ""
    counted = f"{measure.parts[worst]} against {measure.part_totals[worst]}"
    message = f"{counted} in the worst {seconds / 60:g} minutes, up to {end}, {words}{advice}."

    return _Judged(status, share, message, _limits(review), "%", lines=status != "ok")


def _duration(review: LogQuestion, measure: Measure) -> _Judged:
    numbers, words, limits = measure.numbers, _among(measure.window), _limits(review)
    if numbers.count < review.least_events:
        return _too_few(review, f"{numbers.count} measurements", words, review.unit)

    value = _figure(review, numbers)
    status = limits.judge(value)
    message = (
        f"{numbers.count} measurements {words}: average {numbers.average:.4g}, "
        f"95th percentile {numbers.percentile(0.95):.4g}"
    )
    if trend := _trend(review, measure):
        message += f"; {trend[1]}"
        status = "warning" if trend[0] and status == "ok" else status
    if status != "ok":
        message += _advice(review, ". Look at the load and at what became slow")

    return _Judged(status, rounded(value), f"{message}.", limits, review.unit, lines=False)


def rounded(number: float) -> float:
    """Return a measured number with the digits that mean something."""
    return float(f"{number:.6g}")


def _figure(review: LogQuestion, numbers: Spread) -> float:
    return numbers.average if review.figure == "average" else numbers.percentile(0.95)


def _trend(review: LogQuestion, measure: Measure) -> tuple[bool, str] | None:
    """Return whether durations grew too much since the previous window, and how they changed."""
    former = measure.former
    if review.trend_percent is None:
        return None
    if former.count < review.least_events or former.average <= 0:
        return False, "nothing to compare with in the previous window"

    then = _figure(review, former)
    change = 100 * (_figure(review, measure.numbers) - then) / then

    return (
        change > review.trend_percent,
        f"{change:+.0f} % against the previous window ({then:.4g})",
    )


def _traffic(review: LogQuestion, measure: Measure) -> tuple[bool, str] | None:
    """Return whether far more or far fewer events came than in the previous window."""
    if review.trend_percent is None:
        return None

    former, window = measure.count_before, measure.window.previous
    # A log that begins within that window holds less than there was.
    late = measure.begin_before - window.since > (window.until - window.since) * _LATE
    if former < review.least_events or late:
        return False, "nothing to compare with in the previous window"

    change = 100 * (measure.count - former) / former

    return abs(
        change
    ) > review.trend_percent, f"{change:+.0f} % against the previous one ({former})"


def _ranking(review: LogQuestion, measure: Measure) -> _Judged:
    words, top = _among(measure.window), measure.groups.top(_GROUPS)
    limits, unit = _limits(review), review.unit or f"for one {review.by}"
    if not top:
        return _Judged(limits.judge(0), 0, f"None {words}.", limits, unit)

    biggest, missed = top[0][1], measure.groups.missed
    status = limits.judge(biggest)
    listed = ", ".join(f"{shorten(value, 80)}: {count}" for value, count in top)
    more = len(measure.groups.counts) - len(top)
    listed += f" and {more} more" if more > 0 else ""
    advice = _advice(review, ". Look at the first one") if status != "ok" else ""
    message = f"{measure.count} {words} by {review.by}: {listed}{advice}."
    if missed:
        message += f" There are more values than are kept: each may have {missed} more."
        status = "unknown" if status != limits.judge(biggest + missed) else status

    return _Judged(
        status if limits.numbers else "info", biggest, message, limits, unit, lines=False
    )


def _newest(review: LogQuestion, measure: Measure) -> _Judged:
    words, events = _among(measure.window), measure.newest.events
    if not events:
        message = f"There is no line about it {words}; has the application been started since?"
        return _Judged("unknown", None, message, expected=review.expected, lines=False)

    last = show_line(events[-1])
    if contains_words(events[-1].decode("utf-8", "replace"), review.expected):
        message = f"The newest line about it is as expected: {shorten(last)}"
        return _Judged("ok", review.expected, message, expected=review.expected, lines=False)

    message = f"The newest line about it is not as expected: {shorten(last)}"

    return _Judged("critical", shorten(last, 120), message, expected=review.expected, lines=False)


_JUDGES: t.Final[dict[str, t.Callable[[LogQuestion, Measure], _Judged]]] = {
    "count": _count,
    "share": _share,
    "duration": _duration,
    "ranking": _ranking,
    "newest": _newest,
}
