# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The figures that a training left beside its model.

Whoever can write the model can write them: reported, not trusted.
"""

from __future__ import annotations

import json
import os
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..findings import Finding
from .reading import ReadingError, opened, quoted
from .records import METRICS, SHARES, DamagedRecordError, ModelRecord, is_number, parse_time
from .settings import MetadataFile, ModelSettings

#: A file of figures is small; more than this is something else, bytes.
LARGEST: t.Final = 1 << 20
ADVICE: t.Final = "restore it, or train the model again"


@dataclass(frozen=True)
class TrainingFigures:
    """The figures of a metadata file by name, time of the training, what is wrong with the rest."""

    metrics: Mapping[str, float]
    trained_at: str | None
    faults: tuple[str, ...]


NO_FIGURES: t.Final = TrainingFigures({}, None, ())


def read_metadata(model: ModelSettings, metadata: MetadataFile) -> TrainingFigures:
    """Return the figures; raises ReadingError with status ``warning`` where there are none."""
    path = model.path.parent / metadata.path
    try:
        with opened(path, model.root) as descriptor:
            # The size is limited by what is read, so that a file that grows cannot fill the memory.
            text = os.read(descriptor, LARGEST + 1)
    except ReadingError as error:
        if error.status == "unknown":
            raise
        raise ReadingError(
            "warning", f"No metadata: {str(error).rstrip('.')}; {ADVICE}."
        ) from error

    if len(text) > LARGEST:
        raise ReadingError(
            "warning",
            f"{quoted(path)} is larger than {LARGEST} bytes: not a metadata file; {ADVICE}.",
        )

    return parse_text(text, path, metadata.keys)


def parse_text(text: bytes, path: Path, keys: Mapping[str, str]) -> TrainingFigures:
    """Return the figures in the text of a metadata file; raises ReadingError."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = f"{error!s:.80}"
        raise ReadingError(
            "warning", f"{quoted(path)} is not JSON ({reason}); {ADVICE}."
        ) from error

    if not isinstance(content, dict):
        raise ReadingError("warning", f"{quoted(path)} does not hold a mapping; {ADVICE}.")

    return extract(content, keys)


def extract(content: Mapping[str, t.Any], keys: Mapping[str, str]) -> TrainingFigures:
    """Return the known figures of a metadata file.

    A key that the profile names and that is missing is a fault.
    """
    metrics: dict[str, float] = {}
    faults: list[str] = []

    for name in METRICS:
        key = keys.get(name, name)
        if key not in content:
            faults += [f"{key} is missing"] if name in keys else []
        elif fault := _fault(name, content[key]):
            faults.append(f"{key} is {content[key]!r:.40}, {fault}")
        else:
            metrics[name] = content[key]

    trained_at, fault_of_time = _trained_at(content, keys)

    return TrainingFigures(metrics, trained_at, (*faults, *fault_of_time))


def _fault(name: str, value: t.Any) -> str:
    """Return why a value cannot be this figure, '' when it can."""
    if not is_number(value):
        return "not a number"
    if name in SHARES and value > 1:
        return "not a share up to 1"

    return ""


def _trained_at(
    content: Mapping[str, t.Any], keys: Mapping[str, str]
) -> tuple[str | None, list[str]]:
    key = keys.get("trained_at", "trained_at")
    if key not in content:
        return None, [f"{key} is missing"] if "trained_at" in keys else []

    try:
        parse_time(content[key])
    except DamagedRecordError as error:
        return None, [f"{key}: {error!s:.80}"]

    return str(content[key]), []


def metadata_finding(
    model: ModelSettings,
    metadata: MetadataFile,
    figures: TrainingFigures | ReadingError,
    record: ModelRecord | None,
) -> Finding:
    """Return what the metadata file holds, and whether it contradicts the record."""
    subject = model.subject(metadata.requirements)
    if isinstance(figures, ReadingError):
        return subject.finding(
            figures.status, str(figures), aspect="metadata", expected="a metadata file"
        )

    observed = describe(figures)
    if against := _contradictions(figures, record) if record else []:
        return subject.finding(
            "warning",
            f"The metadata is not that of the approved model: {'; '.join(against)}. Find out which"
            " one is right.",
            aspect="metadata",
            observed=observed,
            expected="as recorded",
        )
    if figures.faults:
        return subject.finding(
            "info",
            f"Figures cannot be used: {'; '.join(figures.faults)}; {ADVICE}.",
            aspect="metadata",
            observed=observed,
            expected="all figures",
        )

    return subject.finding(
        "ok", f"The training left: {observed}.", aspect="metadata", observed=observed
    )


def describe(figures: TrainingFigures) -> str:
    """Return the figures on one line."""
    metrics = [f"{name} {value}" for name, value in figures.metrics.items()]
    return ", ".join([*metrics, f"trained {figures.trained_at or 'at an unknown time'}"])


def _contradictions(figures: TrainingFigures, record: ModelRecord) -> list[str]:
    different = [
        f"{name} is {figures.metrics[name]}, the record has {value}"
        for name, value in record.metrics.items()
        if name in figures.metrics and figures.metrics[name] != value
    ]
    if (
        figures.trained_at
        and record.trained_at
        and parse_time(figures.trained_at) != parse_time(record.trained_at)
    ):
        different.append(f"it was trained {figures.trained_at}, the record has {record.trained_at}")

    return different
