# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings on one model: is the file that of its record, do the figures keep their limits?"""

from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..base.text import visible
from ..findings import NO_LIMITS, Finding, Limits, worst
from .metadata import NO_FIGURES, TrainingFigures
from .reading import FileReading, ReadingError, quoted
from .records import REQUIRED, DamagedRecordError, ModelRecord, parse_time
from .settings import ModelLimits, ModelSettings

HOW_TO_RECORD: t.Final = (
    "when this file is the approved one, record it with playbooks/record_models.yml"
    " (-e model_verification_approved_by=<who>)"
)
#: Clocks may differ by this much before a training counts as done in the future.
CLOCK_SKEW: t.Final = dt.timedelta(hours=1)
_DAY: t.Final = dt.timedelta(days=1)

#: The record of a model, why it cannot be used, or None where there is none.
FoundRecord = ModelRecord | DamagedRecordError | None


def file_findings(
    model: ModelSettings, reading: FileReading | ReadingError, record: FoundRecord
) -> list[Finding]:
    """Return the finding on the file, and one for each digest that this host cannot compute."""
    if isinstance(reading, ReadingError):
        advice = " Restore the approved file." if reading.status == "critical" else ""
        message = f"{reading}{advice}"
        return [model.subject().finding(reading.status, message, expected="the approved file")]

    file = _compare(model, reading, record)

    return [file, *(_refused(name, model, file, record) for name in reading.unavailable)]


def _refused(name: str, model: ModelSettings, file: Finding, record: FoundRecord) -> Finding:
    """Return the finding on a digest that this host refuses: a side note where another one fits."""
    expected = record.digests.get(name) if isinstance(record, ModelRecord) else None

    return model.subject().finding(
        "info" if file["status"] == "ok" else "unknown",
        f"This host refuses to compute {name}; rely on another digest and leave this one out.",
        aspect=name,
        expected=expected,
    )


def _compare(model: ModelSettings, reading: FileReading, record: FoundRecord) -> Finding:
    subject, path, observed = model.subject(), quoted(model.path), _strongest(reading)
    if record is None:
        message = f"No record to compare {path} with; {HOW_TO_RECORD}."
        return subject.finding("unknown", message, observed=observed, expected="a record")
    if isinstance(record, DamagedRecordError):
        message = (
            f"No record of {path} can be used: {visible(str(record))}. Restore the manifest from"
            " version control."
        )
        return subject.finding("unknown", message, observed=observed, expected="a record")

    common = [name for name in reading.digests if name in record.digests]
    different = [name for name in common if reading.digests[name] != record.digests[name]]
    if record.bytes is not None and record.bytes != reading.bytes:
        different.append("bytes")

    if different:
        return _mismatch(model, reading, record, different)
    if REQUIRED not in common:
        message = f"{REQUIRED} of {path} could not be computed here, and nothing else proves it."
        return subject.finding("unknown", message, observed=observed, expected=REQUIRED)

    message = f"{path} is the approved file, by {' and '.join(common)}."
    value = f"{common[-1]} {record.digests[common[-1]]}"

    return subject.finding("ok", message, observed=value, expected=value)


def _strongest(reading: FileReading) -> str:
    """Return the last digest, which is the strongest one, or the size where there is none."""
    digests = [f"{name} {value}" for name, value in reading.digests.items()]
    return digests[-1] if digests else f"{reading.bytes} bytes"


def _mismatch(
    model: ModelSettings, reading: FileReading, record: ModelRecord, different: list[str]
) -> Finding:
    found: Mapping[str, object] = {**reading.digests, "bytes": reading.bytes}
    recorded: Mapping[str, object] = {**record.digests, "bytes": record.bytes}
    # The strongest digest stands last, the size only when no digest differs.
    named = next((name for name in reversed(different) if name != "bytes"), "bytes")

    return model.subject().finding(
        "critical",
        f"{quoted(model.path)} is not the approved file ({' and '.join(different)} differ): do not"
        " load it; restore the approved one, or have this one approved and replace the record.",
        observed=f"{named} {found[named]}",
        expected=f"{named} {recorded[named]}",
    )


@dataclass(frozen=True)
class _LimitResult:
    """One figure against its limit; ``value`` is None where the figure is not known."""

    status: str
    unit: str
    value: float | None
    limits: Limits
    observed: str
    expected: str
    message: str = ""


def limits_finding(
    model: ModelSettings,
    limits: ModelLimits,
    figures: TrainingFigures | ReadingError | None,
    record: FoundRecord,
    now: dt.datetime,
) -> Finding:
    """Return whether the figures keep the limits: those of the metadata, else of the record."""
    found = figures if isinstance(figures, TrainingFigures) else NO_FIGURES
    approved = record if isinstance(record, ModelRecord) else ModelRecord({})
    metrics = {**approved.metrics, **found.metrics}
    results = list(_results(limits, metrics, found.trained_at or approved.trained_at, now))
    subject = model.subject(limits.requirements)

    if not results:
        return subject.finding("info", "No limit is set for this model.", aspect="limits")

    message = "; ".join(result.message for result in results if result.message)
    # The numbers of one limit travel with the finding; several figures are words.
    only = results[0] if len(results) == 1 and results[0].limits.numbers else None

    return subject.finding(
        worst(result.status for result in results),
        f"{message}." if message else "The figures of the training keep their limits.",
        aspect="limits",
        observed=only.value if only else ", ".join(result.observed for result in results),
        expected=only.limits.text if only else ", ".join(result.expected for result in results),
        unit=only.unit if only else "",
        limits=only.limits.numbers if only else None,
    )


def _results(
    limits: ModelLimits, metrics: Mapping[str, float], trained_at: str | None, now: dt.datetime
) -> Iterator[_LimitResult]:
    for name, limit in (("accuracy", limits.accuracy), ("f1", limits.f1), ("r2", limits.r2)):
        if limit is not None:
            yield _at_least(name, limit, metrics.get(name))

    if limits.feature_count is not None:
        yield _features(limits.feature_count, metrics.get("feature_count"))

    if limits.max_age_days is not None:
        yield _age(limits.max_age_days, trained_at, now)


def _at_least(name: str, limit: float, value: float | None) -> _LimitResult:
    limits = Limits(warning=limit, side="below")
    expected = f"{name} {limits.text}"
    if value is None:
        message = f"{name} is neither in the metadata nor in the record"
        return _LimitResult("unknown", name, None, limits, f"{name} unknown", expected, message)

    status = limits.judge(value)
    message = f"{name} has fallen to {value}: consider training the model again"

    return _LimitResult(
        status, name, value, limits, f"{name} {value}", expected, "" if status == "ok" else message
    )


def _features(limit: int, value: float | None) -> _LimitResult:
    unit, expected = "features", f"{limit} features"
    if value is None:
        message = "feature_count is neither in the metadata nor in the record"
        return _LimitResult("unknown", unit, None, NO_LIMITS, "features unknown", expected, message)

    observed = f"{value} features"
    if value == limit:
        return _LimitResult("ok", unit, value, NO_LIMITS, observed, expected)

    message = (
        f"the model was trained with {value} features, the application gives {limit}: predictions"
        " may be wrong"
    )

    return _LimitResult("warning", unit, value, NO_LIMITS, observed, expected, message)


def _age(limit: float, trained_at: str | None, now: dt.datetime) -> _LimitResult:
    unit, limits = "days", Limits(warning=limit)
    expected = f"trained at most {limit:g} days ago"
    if trained_at is None:
        message = "when the model was trained is not known"
        return _LimitResult("unknown", unit, None, limits, "age unknown", expected, message)

    age = now - parse_time(trained_at)
    if age < -CLOCK_SKEW:
        message = f"the training lies in the future: {trained_at}"
        return _LimitResult(
            "unknown", unit, None, limits, f"trained {trained_at}", expected, message
        )

    days = max(age / _DAY, 0.0)
    status = limits.judge(days)
    message = f"the model is {days:.0f} days old: consider training it again"

    return _LimitResult(
        status,
        unit,
        round(days, 1),
        limits,
        f"trained {days:.1f} days ago",
        expected,
        "" if status == "ok" else message,
    )
