# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call for the models of a host: read them, judge them and, where asked, make their records."""

from __future__ import annotations

import datetime as dt
import typing as t
from collections.abc import Iterator, Sequence

from ..base.deadline import Deadline
from ..findings import Finding, finding
from .drift import drift_finding
from .findings import FoundRecord, file_findings, limits_finding
from .folders import folder_finding
from .in_use import in_use_finding
from .metadata import TrainingFigures, metadata_finding
from .reader import ModelReading, read_models
from .reading import FileReading, ReadingError, quoted
from .records import DamagedRecordError, ModelRecord, parse_record
from .settings import VerificationSettings

#: Of the module's time, what reading and predicting may take; then it reports what it has.
SHARE: t.Final = 0.9


def run(settings: VerificationSettings) -> dict[str, t.Any]:
    """Return the module's answer: findings, what was read, and new records."""
    now = dt.datetime.now(dt.UTC)
    deadline = Deadline(settings.max_seconds * SHARE)
    records = {model.name: find_record(settings, model.name) for model in settings.models}
    readings = read_models(settings, records, deadline)
    made = {
        reading.model.name: entry
        for reading in readings
        if (entry := new_entry(settings, reading, records[reading.model.name])) is not None
    }
    findings = [
        found
        for reading in readings
        for found in _model_findings(reading, records[reading.model.name], made, now)
    ]
    if not settings.recording:
        findings += _drift_findings(settings, findings, deadline)

    findings += [folder_finding(folder, settings.models) for folder in settings.folders]
    if not findings:
        message = "No model is named for this host: nothing to verify."
        findings = [finding("model:none", "info", message)]

    return {
        "changed": False,
        "findings": findings,
        "models": [_row(reading) for reading in readings],
        "record": made,
    }


def find_record(settings: VerificationSettings, name: str) -> FoundRecord:
    """Return the record of a model, why it cannot be used, or None where there is none."""
    if settings.manifest_problem:
        return DamagedRecordError(settings.manifest_problem)
    if name not in settings.manifest:
        return None

    try:
        return parse_record(settings.manifest[name])
    except DamagedRecordError as error:
        return DamagedRecordError(f"it is damaged, {error}")


def new_entry(
    settings: VerificationSettings, reading: ModelReading, record: FoundRecord
) -> dict[str, t.Any] | None:
    """Return the entry for a file without a record, or whose record is to be replaced.

    None where the record stays. A damaged record is a record: it is only replaced by name.
    """
    if not settings.recording or isinstance(reading.file, ReadingError):
        return None
    if record is not None and reading.model.name not in settings.replace:
        return None

    entry = _entry(reading.file, reading.figures, settings.approved_by)
    try:
        parsed = parse_record(entry)
    except DamagedRecordError:  # as where this host refuses the digest that a record must hold
        return None

    return None if record == parsed else entry


def _entry(
    file: FileReading, figures: TrainingFigures | ReadingError | None, approved_by: str
) -> dict[str, t.Any]:
    entry: dict[str, t.Any] = {**file.digests, "bytes": file.bytes, "approved_by": approved_by}
    if isinstance(figures, TrainingFigures):
        entry["metrics"] = dict(figures.metrics)
        if figures.trained_at:
            entry["trained_at"] = figures.trained_at

    return entry


def _model_findings(
    reading: ModelReading,
    record: FoundRecord,
    made: t.Mapping[str, t.Any],
    now: dt.datetime,
) -> Iterator[Finding]:
    """Yield the findings on one model; one whose record is made now has nothing to compare with."""
    model = reading.model
    if model.name in made:
        message = f"A record of {quoted(model.path)} as it is now was made; later runs compare it."
        yield model.subject().finding("info", message)
    else:
        yield from file_findings(model, reading.file, record)

    if model.metadata and reading.figures is not None:
        known = record if isinstance(record, ModelRecord) and model.name not in made else None
        yield metadata_finding(model, model.metadata, reading.figures, known)

    if model.limits:
        yield limits_finding(model, model.limits, reading.figures, record, now)

    if model.in_use:
        yield in_use_finding(model, model.in_use, reading.line)


def _drift_findings(
    settings: VerificationSettings, findings: Sequence[Finding], deadline: Deadline
) -> list[Finding]:
    """Return how well models still predict; only files that are the approved ones are loaded."""
    approved = {found["check"] for found in findings if found["status"] == "ok"}

    return [
        drift_finding(model, model.drift, deadline, approved=f"model:{model.name}" in approved)
        for model in settings.models
        if model.drift
    ]


def _row(reading: ModelReading) -> dict[str, t.Any]:
    """Return what was read of a model, for people and for other tasks."""
    name, path = reading.model.name, str(reading.model.path)
    if isinstance(reading.file, ReadingError):
        return {"name": name, "path": path, "readable": False, "reason": str(reading.file)}

    return {
        "name": name,
        "path": path,
        "readable": True,
        "bytes": reading.file.bytes,
        "modified": _time(reading.file.modified),
        **reading.file.digests,
    }


def _time(seconds: float) -> str:
    """Return a time in UTC; whoever owns a file can give it one that no calendar has."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} s since 1970"
