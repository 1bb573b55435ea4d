# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a reading means: does the file equal its record, do the model's figures keep their limits?"""

from __future__ import annotations

import datetime as dt
import typing as t

from ..findings import Finding, finding, worst
from .metadata import Figures
from .reading import Reading, ReadingError
from .settings import Limits, Model, Record, RecordError, parse_time

HOW_TO_RECORD: t.Final = (
    "when this file is the approved one, record it with playbooks/record_models.yml"
    " (-e model_verification_approved_by=<who>)"
)
#: Clocks may differ by this much before a training counts as done in the future.
CLOCK_SKEW: t.Final = dt.timedelta(hours=1)

Recorded = Record | RecordError | None


def file_findings(model: Model, reading: Reading | ReadingError, record: Recorded) -> list[Finding]:
    """Return the finding on the file, and one for each digest that this host cannot compute."""
    check = f"model:{model.name}"
    if isinstance(reading, ReadingError):
        advice = " Restore the approved file." if reading.status == "critical" else ""
        message = f"{reading}{advice}"
        return [
            finding(
                check,
                reading.status,
                message,
                expected="the approved file",
                requirements=model.requirements,
            )
        ]

    file = _compare(check, model, reading, record)

    return [file, *(_refused(name, model, file, record) for name in reading.unavailable)]


def _refused(name: str, model: Model, file: Finding, record: Recorded) -> Finding:
    """Return the finding on a digest that this host refuses.

    Another one that fits makes it a side note.
    """
    return finding(
        f"model:{model.name}.{name}",
        "info" if file["status"] == "ok" else "unknown",
        f"This host refuses to compute {name}; rely on another digest and leave this one out.",
        expected=_expected(name, record),
        requirements=model.requirements,
    )


def _expected(name: str, record: Recorded) -> str | None:
    return record.digests.get(name) if isinstance(record, Record) else None


def _compare(check: str, model: Model, reading: Reading, record: Recorded) -> Finding:
    shown = _strongest(reading)
    if record is None:
        message = f"No record to compare '{model.path}' with; {HOW_TO_RECORD}."
        return finding(
            check,
            "unknown",
            message,
            observed=shown,
            expected="a record",
            requirements=model.requirements,
        )

    if isinstance(record, RecordError):
        message = f"No record of '{model.path}' can be used: {record}. Put the manifest right from version control."
        return finding(
            check,
            "unknown",
            message,
            observed=shown,
            expected="a record",
            requirements=model.requirements,
        )

    common = [name for name in reading.digests if name in record.digests]
    different = [name for name in common if reading.digests[name] != record.digests[name]]
    if record.bytes is not None and record.bytes != reading.bytes:
        different.append("bytes")

    if different:
        return _mismatch(check, model, reading, record, different)
    if not common:
        message = f"The record of '{model.path}' holds no digest that could be computed here; {HOW_TO_RECORD}."
        return finding(check, "unknown", message, observed=shown, requirements=model.requirements)

    message = f"'{model.path}' is the approved file, by {' and '.join(common)}."
    value = f"{common[-1]} {record.digests[common[-1]]}"

    return finding(
        check, "ok", message, observed=value, expected=value, requirements=model.requirements
    )


def _strongest(reading: Reading) -> str:
    """Return the last digest, which is the strongest one, for people.

    The size where there is none.
    """
    shown = [f"{name} {value}" for name, value in reading.digests.items()]
    return shown[-1] if shown else f"{reading.bytes} bytes"


def _mismatch(
    check: str, model: Model, reading: Reading, record: Record, different: list[str]
) -> Finding:
    seen = {**reading.digests, "bytes": reading.bytes}
    wanted = {**record.digests, "bytes": record.bytes}
    # The strongest digest stands last, the size only when no digest differs.
    telling = next((name for name in reversed(different) if name != "bytes"), "bytes")
    message = (
        f"'{model.path}' is not the approved file ({' and '.join(different)} differ): do not load it;"
        " restore the approved one, or have this one approved and replace the record."
    )

    return finding(
        check,
        "critical",
        message,
        observed=f"{telling} {seen[telling]}",
        expected=f"{telling} {wanted[telling]}",
        requirements=model.requirements,
    )


class _Verdict(t.NamedTuple):
    """On one limit: status, what was seen, what was asked for, and what to say when it is not ok."""

    status: str
    observed: str
    expected: str
    message: str = ""


def limits_finding(
    model: Model,
    limits: Limits,
    figures: Figures | ReadingError | None,
    record: Recorded,
    now: dt.datetime,
) -> Finding:
    """Return whether the figures of the metadata, or where it gives none those of the record, keep the limits."""
    seen = figures if isinstance(figures, Figures) else Figures()
    approved = record if isinstance(record, Record) else Record({})
    metrics = {**approved.metrics, **seen.metrics}
    verdicts = [
        _at_least(name, limit, metrics.get(name))
        for name, limit in (("accuracy", limits.accuracy), ("f1", limits.f1), ("r2", limits.r2))
        if limit is not None
    ]
    if limits.feature_count is not None:
        verdicts.append(_features(limits.feature_count, metrics.get("feature_count")))

    if limits.max_age_days is not None:
        verdicts.append(_age(limits.max_age_days, seen.trained_at or approved.trained_at, now))

    requirements = limits.requirements or model.requirements
    check = f"model:{model.name}.limits"
    if not verdicts:
        return finding(check, "info", "No limit is set for this model.", requirements=requirements)

    said = "; ".join(verdict.message for verdict in verdicts if verdict.message)

    return finding(
        check,
        worst(verdict.status for verdict in verdicts),
        f"{said}." if said else "The figures of the training keep their limits.",
        observed=", ".join(verdict.observed for verdict in verdicts),
        expected=", ".join(verdict.expected for verdict in verdicts),
        requirements=requirements,
    )


def _at_least(name: str, limit: float, value: float | None) -> _Verdict:
    expected = f"{name} at least {limit}"
    if value is None:
        return _Verdict(
            "unknown",
            f"{name} unknown",
            expected,
            f"{name} is neither in the metadata nor in the record",
        )

    if value < limit:
        message = f"{name} has fallen to {value}: consider training the model again"
        return _Verdict("warning", f"{name} {value}", expected, message)

    return _Verdict("ok", f"{name} {value}", expected)


def _features(limit: int, value: float | None) -> _Verdict:
    expected = f"{limit} features"
    if value is None:
        return _Verdict(
            "unknown",
            "features unknown",
            expected,
            "feature_count is neither in the metadata nor in the record",
        )

    if value != limit:
        message = f"the model was trained with {value} features, the application gives {limit}: predictions may be wrong"
        return _Verdict("warning", f"{value} features", expected, message)

    return _Verdict("ok", f"{value} features", expected)


def _age(limit: float, trained_at: str | None, now: dt.datetime) -> _Verdict:
    expected = f"trained at most {limit:g} days ago"
    if trained_at is None:
        return _Verdict(
            "unknown", "age unknown", expected, "when the model was trained is not known"
        )

    age = now - parse_time(trained_at)
    if age < -CLOCK_SKEW:
        return _Verdict(
            "unknown",
            f"trained {trained_at}",
            expected,
            f"the training lies in the future: {trained_at}",
        )

    days = age / dt.timedelta(days=1)
    shown = f"trained {max(days, 0):.1f} days ago"
    if days > limit:
        return _Verdict(
            "warning",
            shown,
            expected,
            f"the model is {days:.0f} days old: consider training it again",
        )

    return _Verdict("ok", shown, expected)
