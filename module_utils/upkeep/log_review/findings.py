# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was counted means: findings on a log itself and on each of its reviews."""

from __future__ import annotations

import typing as t

from ..findings import Finding, finding, judge
from .measures import Measure
from .redact import cut
from .session import Session
from .settings import Review, Source
from .stamps import shown
from .windows import Window

#: Lines that a message shows, and groups.
MOST_LINES: t.Final = 5
_LINE: t.Final = 200
_GROUPS: t.Final = 5
_ADVICE: t.Final = ". Find their cause, newest first"
#: A log whose first event comes after this share of a window does not reach back over it.
_LATE: t.Final = 0.25


class Gaps(t.NamedTuple):
    """What of a log could not be read, as clauses. Counts are then lower bounds."""

    clauses: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Return the clauses as the end of a sentence."""
        return f" Not all could be read: {'; '.join(self.clauses)}." if self.clauses else ""


def source_findings(
    source: Source, session: Session, gaps: Gaps, jumps: t.Sequence[str]
) -> t.Iterator[Finding]:
    """Yield what is told of a log: whether it could be read and still speaks, and the form of its records."""
    check = f"log:{source.name}"
    status, observed, message = _state(source, session, gaps, jumps)
    yield finding(
        check,
        status,
        message,
        observed=observed,
        expected=_expected_age(source),
        requirements=source.requirements,
    )
    if source.fields:
        yield _form(f"{check}.format", source, session)


def missing_finding(source: Source, clause: str) -> Finding:
    """Return what is told of a log that could not be read at all: one finding, which speaks for its reviews, too.

    It is unknown; only a log that need not be there may be missing.
    """
    left_out = ", ".join(review.name for review in source.reviews)
    message = sentence(clause)
    if left_out:
        message += f" Not reviewed: {left_out}."

    if not source.optional:
        message += " Look whether the service runs and where it logs to."

    asked = {identity for review in source.reviews for identity in review.requirements}
    status = "info" if source.optional else "unknown"

    return finding(
        f"log:{source.name}", status, message, requirements={*source.requirements, *asked}
    )


def sentence(clause: str) -> str:
    """Return a clause as a sentence."""
    return f"{clause[:1].upper()}{clause[1:]}."


def _expected_age(source: Source) -> str | None:
    return (
        f"a line within {source.silent_after / 3600:g} h"
        if source.silent_after is not None
        else None
    )


def _state(
    source: Source, session: Session, gaps: Gaps, jumps: t.Sequence[str]
) -> tuple[str, str | None, str]:
    """Return status, what was observed, and a message."""
    now, newest = session.layout.clock.now, session.newest
    if gaps.clauses:
        return "unknown", None, f"Only a part was reviewed.{gaps.words}"

    if session.furthest is not None:
        said = f"Its newest line is of {shown(session.furthest)}, which is still to come"
        return (
            "warning",
            shown(session.furthest),
            f"{said}: put the clock of this host or of the writer right.",
        )

    observed = f"newest line {shown(newest)}" if newest is not None else "no line"
    if newest is None and session.undated:
        return (
            "unknown",
            "no time stamp",
            "None of its lines carries a time stamp, so no window can be told.",
        )

    if source.silent_after is not None and (newest is None or now - newest > source.silent_after):
        hours = f"since {shown(newest)}" if newest is not None else "at all"
        return (
            "warning",
            observed,
            f"It says nothing {hours}: look whether the service works and where it logs to.",
        )

    if jumps:
        said = f"Time runs backwards in {', '.join(jumps)}, so it was read whole; was a clock set back?"
        return "info", observed, said
    if newest is None:
        return "ok", observed, "It was read; it is empty."

    return "ok", observed, "It was read."


def _form(check: str, source: Source, session: Session) -> Finding:
    """Return whether lines are records with their fields.

    A program that prints around its logger breaks that.
    """
    form = session.form
    expected = ", ".join(source.fields)
    missing = {name: count for name, count in form.missing.items() if count}
    if form.foreign:
        example = f" (e.g. {form.examples[0]})" if form.examples else ""
        message = f"{form.foreign} lines are no JSON records{example}: whoever writes them goes around the logger."
        return finding(
            check,
            "warning",
            message,
            observed=form.foreign,
            expected=0,
            requirements=source.requirements,
        )

    if missing:
        listed = ", ".join(
            f"{name} ({count} of {form.records})" for name, count in sorted(missing.items())
        )
        message = f"Records lack fields: {listed}; correct the formatter of the application."
        return finding(
            check,
            "warning",
            message,
            observed=", ".join(sorted(missing)),
            expected=expected,
            requirements=source.requirements,
        )

    if not form.records:
        return finding(
            check, "info", "No record to look at in this window.", requirements=source.requirements
        )

    message = f"{form.records} records were looked at; all carry their fields."

    return finding(
        check,
        "ok",
        message,
        observed=form.records,
        expected=expected,
        requirements=source.requirements,
    )


def review_finding(source: Source, measure: Measure, gaps: Gaps) -> Finding:
    """Return the finding of one review."""
    review = measure.review
    judged = _JUDGES[review.measure](review, measure)
    status = judged.status
    # What was seen is at least that much: a limit that is passed stays passed, but nothing is fine.
    if gaps.clauses and status in ("ok", "info"):
        status = "unknown"

    lines = measure.newest.lines[-min(MOST_LINES, review.show) :] if review.show else []
    tail = "".join(f"\n{cut(line, _LINE)}" for line in lines) if judged.lines else ""

    return finding(
        f"log:{source.name}.{review.name}",
        status,
        f"{judged.message}{gaps.words}{tail}",
        observed=judged.observed,
        expected=judged.expected,
        unit=judged.unit,
        requirements=review.requirements,
    )


class _Judged(t.NamedTuple):
    status: str
    observed: t.Any
    expected: t.Any
    message: str
    unit: str = ""
    lines: bool = True


def _limit(review: Review) -> str | None:
    limit = review.warning if review.warning is not None else review.critical
    return None if limit is None else f"at most {limit:g}"


def _among(window: Window) -> str:
    return f"in {window.words}" if not window.words.startswith("today") else "today"


def _count(review: Review, measure: Measure) -> _Judged:
    count, unit = measure.count, review.unit or "events"
    status = judge(count, review.warning, review.critical)
    words = _among(measure.window)
    if review.at_least is not None and count < review.at_least:
        message = f"Only {count} {unit} {words}: look whether what writes them still runs."
        return _Judged("warning", count, f"at least {review.at_least:g}", message, unit)

    trend = _traffic(review, measure)
    if trend:
        status = "warning" if trend[0] and status == "ok" else status
        usual = f"within {review.trend_percent:g} % of the time before"
        message = f"{count} {words}: {trend[1]}{'. Look who asks, and whether all do who should' if trend[0] else ''}."
        return _Judged(status, count, usual, message, unit, lines=False)

    expected = f"at least {review.at_least:g}" if review.at_least is not None else _limit(review)
    if not count:
        return _Judged(status, 0, expected, f"None {words}.", unit)

    message = f"{count} {words}"
    top = measure.messages.top(1)
    if top and count > 1 and top[0][1] > 1:
        message += f"; most often ({top[0][1]} times): {cut(top[0][0], 160)}"

    if status != "ok":
        message += (
            ". Change what was given away, and mask it where it is written"
            if review.secrets
            else _ADVICE
        )

    limits = (
        review.warning is not None or review.critical is not None or review.at_least is not None
    )

    return _Judged(status if limits else "info", count, expected, f"{message}.", unit)


def _share(review: Review, measure: Measure) -> _Judged:
    words = _among(measure.window)
    if review.worst_of is not None:
        return _worst_share(review, measure, review.worst_of)

    of = "matching events" if review.of else "all events"
    if measure.total < review.least_events:
        message = f"{measure.count} of {measure.total} events {words}: too few to judge (at least {review.least_events})."
        return _Judged("info", None, _limit(review), message, "%")

    share = round(100 * measure.count / measure.total, 3)
    status = judge(share, review.warning, review.critical)
    advice = " Find their cause, newest first." if status != "ok" else ""
    message = f"{measure.count} against {measure.total} ({of}) {words}.{advice}"

    return _Judged(status, share, _limit(review), message, "%", lines=status != "ok")


def _worst_share(review: Review, measure: Measure, seconds: float) -> _Judged:
    """Judge the part of the window with the largest share, among those with enough events."""
    words = _among(measure.window)
    enough = [part for part, total in measure.part_totals.items() if total >= review.least_events]
    if not enough:
        told = f"{measure.count} of {measure.total} events {words}"
        message = f"{told}: too few to judge (at least {review.least_events} in {seconds / 60:g} minutes)."
        return _Judged("info", None, _limit(review), message, "%")

    worst = max(enough, key=lambda part: (measure.parts[part] / measure.part_totals[part], -part))
    share = round(100 * measure.parts[worst] / measure.part_totals[worst], 3)
    status = judge(share, review.warning, review.critical)
    end = measure.window.until - worst * seconds
    advice = " Find their cause, newest first." if status != "ok" else ""
    counted = f"{measure.parts[worst]} against {measure.part_totals[worst]}"
    message = (
        f"{counted} in the worst {seconds / 60:g} minutes, up to {shown(end)}, {words}.{advice}"
    )

    return _Judged(status, share, _limit(review), message, "%", lines=status != "ok")


def _duration(review: Review, measure: Measure) -> _Judged:
    numbers, words = measure.numbers, _among(measure.window)
    if numbers.count < review.least_events:
        message = f"{numbers.count} measurements {words}: too few to judge (at least {review.least_events})."
        return _Judged("info", None, _limit(review), message, review.unit)

    p95 = numbers.percentile(0.95)
    value = numbers.average if review.figure == "average" else p95
    status = judge(value, review.warning, review.critical)
    message = f"{numbers.count} measurements {words}: average {numbers.average:.4g}, 95th percentile {p95:.4g}"
    trend = _trend(review, measure)
    if trend:
        message += f"; {trend[1]}"
        status = "warning" if trend[0] and status == "ok" else status

    if status != "ok":
        message += ". Look at the load and at what became slow"

    return _Judged(status, round(value, 4), _limit(review), f"{message}.", review.unit, lines=False)


def _trend(review: Review, measure: Measure) -> tuple[bool, str] | None:
    """Return whether durations grew beyond what is allowed since the window before, and how they changed."""
    former, now = measure.former, measure.numbers
    if review.trend_percent is None:
        return None
    if former.count < review.least_events or former.average <= 0:
        return False, "nothing to compare with in the time before"

    then = former.average if review.figure == "average" else former.percentile(0.95)
    value = now.average if review.figure == "average" else now.percentile(0.95)
    change = 100 * (value - then) / then

    return change > review.trend_percent, f"{change:+.0f} % against the time before ({then:.4g})"


def _traffic(review: Review, measure: Measure) -> tuple[bool, str] | None:
    """Return whether as many events as usual came: neither far more nor far fewer than in the window before."""
    if review.trend_percent is None:
        return None

    former, window = measure.count_before, measure.window.before
    # A log that begins within that window tells less than was there.
    late = measure.begin_before - window.since > (window.until - window.since) * _LATE
    if former < review.least_events or late:
        return False, "nothing to compare with in the time before"

    change = 100 * (measure.count - former) / former

    return abs(change) > review.trend_percent, f"{change:+.0f} % against the time before ({former})"


def _ranking(review: Review, measure: Measure) -> _Judged:
    words, top = _among(measure.window), measure.groups.top(_GROUPS)
    unit = review.unit or f"for one {review.by}"
    if not top:
        return _Judged(
            judge(0, review.warning, review.critical),
            0,
            _limit(review),
            f"None {words}.",
            review.unit or f"for one {review.by}",
        )

    biggest = top[0][1]
    status = judge(biggest, review.warning, review.critical)
    listed = ", ".join(f"{cut(value, 80)}: {count}" for value, count in top)
    more = len(measure.groups.counts) - len(top)
    listed += f" and {more} more" if more > 0 else ""
    advice = " Look at the first one." if status != "ok" else ""
    limits = review.warning is not None or review.critical is not None
    message = f"{measure.count} {words} by {review.by}: {listed}.{advice}"

    return _Judged(
        status if limits else "info", biggest, _limit(review), message, unit, lines=False
    )


def _newest(review: Review, measure: Measure) -> _Judged:
    words, lines = _among(measure.window), measure.newest.lines
    if not lines:
        message = f"No line says it {words}; has the application been started since?"
        return _Judged("unknown", None, review.expected, message, lines=False)

    last = lines[-1]
    if review.expected in last:
        return _Judged(
            "ok",
            review.expected,
            review.expected,
            f"The newest line about it says so: {cut(last)}",
            lines=False,
        )

    message = f"The newest line about it says otherwise: {cut(last)}"

    return _Judged("critical", cut(last, 120), review.expected, message, lines=False)


_JUDGES: t.Final[dict[str, t.Callable[[Review, Measure], _Judged]]] = {
    "count": _count,
    "share": _share,
    "duration": _duration,
    "ranking": _ranking,
    "newest": _newest,
}
