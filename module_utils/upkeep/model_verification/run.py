# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call for all model files of a host: read them side by side, judge them, and where asked make their records."""

from __future__ import annotations

import datetime as dt
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..findings import Finding, finding
from .drift import drift_finding
from .findings import Recorded, file_findings, limits_finding
from .folders import Folder, folder_finding, parse_folders
from .in_use import in_use_finding
from .metadata import Figures, metadata_finding, read_metadata
from .reading import Reading, ReadingError, read
from .settings import (
    ALGORITHMS,
    Metadata,
    Model,
    ModelError,
    Record,
    RecordError,
    parse_models,
    parse_record,
)

MOST_WORKERS: t.Final = 16


@dataclass(frozen=True)
class Job:
    """Checked arguments of one call."""

    models: list[Model]
    folders: list[Folder]
    manifest: t.Mapping[str, t.Any]
    manifest_problem: str
    algorithms: list[str]
    workers: int
    replace: frozenset[str]
    approved_by: str
    recording: bool


@dataclass(frozen=True)
class Look:
    """What was read of one model, and its record."""

    model: Model
    record: Recorded
    reading: Reading | ReadingError
    figures: Figures | ReadingError | None


def parse_job(params: t.Mapping[str, t.Any]) -> Job:
    """Return the job of checked module arguments; raises ModelError."""
    models = parse_models(params["models"])
    recording = params["state"] == "recorded"
    replace = frozenset(params["replace"])
    strange = sorted(replace - {model.name for model in models})
    if strange:
        raise ModelError(f"replace: {strange[0]!r} is none of the models; they are named in models")
    if replace and not recording:
        raise ModelError("replace goes with state 'recorded' only")
    if recording and not params["approved_by"].strip():
        raise ModelError("approved_by is empty; say who approved the files that are to be recorded")
    if recording and params["manifest_problem"]:
        raise ModelError(f"nothing is recorded: {params['manifest_problem']}")
    if not params["algorithms"]:
        raise ModelError("algorithms is empty; give at least one, best sha256")
    if not 1 <= params["workers"] <= MOST_WORKERS:
        raise ModelError(f"workers is {params['workers']}; give 1 to {MOST_WORKERS}")

    return Job(
        models,
        parse_folders(params["folders"]),
        params["manifest"],
        params["manifest_problem"],
        [name for name in ALGORITHMS if name in params["algorithms"]],
        params["workers"],
        replace,
        params["approved_by"].strip(),
        recording,
    )


def run(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the module's answer to its arguments; raises ModelError."""
    job = parse_job(params)
    with ThreadPoolExecutor(job.workers) as pool:
        looks = list(pool.map(lambda model: _look(model, job), job.models))

    record = {
        look.model.name: entry for look in looks if (entry := _new_entry(look, job)) is not None
    }
    now = dt.datetime.now(dt.UTC)
    findings = [item for look in looks for item in _judge(look, look.model.name in record, now)]
    if not job.recording:
        findings += _drifts(looks, findings)

    findings += [folder_finding(folder, job.models) for folder in job.folders]
    if not findings:
        findings = [
            finding("model:none", "info", "No model is named for this host: nothing to verify.")
        ]

    return {
        "changed": False,
        "findings": findings,
        "models": [_row(look) for look in looks],
        "record": record,
    }


def _look(model: Model, job: Job) -> Look:
    record = _record(job, model.name)
    figures = _figures(model, model.metadata) if model.metadata else None
    try:
        return Look(model, record, read(model.path, model.root, job.algorithms), figures)
    except ReadingError as error:
        return Look(model, record, error, figures)


def _record(job: Job, name: str) -> Recorded:
    if job.manifest_problem:
        return RecordError(job.manifest_problem)
    if name not in job.manifest:
        return None

    try:
        return parse_record(job.manifest[name])
    except RecordError as error:
        return RecordError(f"it is damaged, {error}")


def _figures(model: Model, metadata: Metadata) -> Figures | ReadingError:
    try:
        return read_metadata(model, metadata)
    except ReadingError as error:
        return error


def _new_entry(look: Look, job: Job) -> dict[str, t.Any] | None:
    """Return the entry to be written for a file without a record, or one that is to be replaced by something else.

    A damaged record is a record: it is only replaced by name.
    """
    if not job.recording or isinstance(look.reading, ReadingError) or not look.reading.digests:
        return None
    if look.record is not None and look.model.name not in job.replace:
        return None

    entry = _entry(look.reading, look.figures, job.approved_by)

    return None if isinstance(look.record, Record) and look.record == parse_record(entry) else entry


def _entry(
    reading: Reading, figures: Figures | ReadingError | None, approved_by: str
) -> dict[str, t.Any]:
    entry: dict[str, t.Any] = {
        **reading.digests,
        "bytes": reading.bytes,
        "approved_by": approved_by,
    }
    if isinstance(figures, Figures):
        entry["metrics"] = figures.metrics
        if figures.trained_at:
            entry["trained_at"] = figures.trained_at

    return entry


def _judge(look: Look, recorded: bool, now: dt.datetime) -> t.Iterator[Finding]:
    """Yield the findings on one model.

    ``recorded``: this call makes its record, so there is nothing to compare.
    """
    model = look.model
    if recorded:
        message = f"A record of '{model.path}' was made of what lies there now; later runs compare with it."
        yield finding(f"model:{model.name}", "info", message, requirements=model.requirements)
    else:
        yield from file_findings(model, look.reading, look.record)

    if model.metadata and look.figures is not None:
        known = look.record if isinstance(look.record, Record) and not recorded else None
        yield metadata_finding(model, model.metadata, look.figures, known)

    if model.limits:
        yield limits_finding(model, model.limits, look.figures, look.record, now)

    if model.in_use:
        yield in_use_finding(model, model.in_use)


def _drifts(looks: t.Sequence[Look], findings: t.Sequence[Finding]) -> list[Finding]:
    """Return how well models still predict; only files that are the approved ones are loaded."""
    approved = {item["check"] for item in findings if item["status"] == "ok"}
    return [
        drift_finding(look.model, look.model.drift, approved=f"model:{look.model.name}" in approved)
        for look in looks
        if look.model.drift
    ]


def _row(look: Look) -> dict[str, t.Any]:
    """Return what was read of a model, for people and for other tasks."""
    if isinstance(look.reading, ReadingError):
        return {
            "name": look.model.name,
            "path": str(look.model.path),
            "readable": False,
            "reason": str(look.reading),
        }

    modified = dt.datetime.fromtimestamp(look.reading.modified, dt.UTC)

    return {
        "name": look.model.name,
        "path": str(look.model.path),
        "readable": True,
        "bytes": look.reading.bytes,
        "modified": modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **look.reading.digests,
    }
