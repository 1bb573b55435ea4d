# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The figures that a training left beside its model.

Whoever can write the model can write them: seen, not trusted.
"""

from __future__ import annotations

import json
import os
import typing as t
from dataclasses import dataclass, field

from ..findings import Finding, finding
from .reading import ReadingError, opened
from .settings import METRICS, SHARES, Metadata, Model, Record, RecordError, is_number, parse_time

#: A file of figures is small; more than this is something else, bytes.
LARGEST: t.Final = 1 << 20
ADVICE: t.Final = "restore it, or train the model again"


@dataclass(frozen=True)
class Figures:
    """What a metadata file gave: figures by name, time of the training, and what was wrong with the others."""

    metrics: dict[str, float] = field(default_factory=dict)
    trained_at: str | None = None
    faults: tuple[str, ...] = ()


def read_metadata(model: Model, metadata: Metadata) -> Figures:
    """Return the figures.

    Raises ReadingError with status ``warning`` where there are none to be had.
    """
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
            "warning", f"'{path}' is larger than {LARGEST} bytes: not a metadata file; {ADVICE}."
        )

    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReadingError("warning", f"'{path}' is no JSON ({error}); {ADVICE}.") from error

    if not isinstance(content, dict):
        raise ReadingError("warning", f"'{path}' holds no mapping; {ADVICE}.")

    return extract(content, metadata.keys)


def extract(content: t.Mapping[str, t.Any], keys: t.Mapping[str, str]) -> Figures:
    """Return the known figures of a metadata file.

    A key that was asked for by name and is missing is a fault.
    """
    metrics: dict[str, float] = {}
    faults: list[str] = []
    for name in METRICS:
        key = keys.get(name, name)
        if key not in content:
            faults += [f"{key} is missing"] if name in keys else []
        elif not is_number(content[key]):
            faults.append(f"{key} is {content[key]!r:.40}, not a number")
        elif name in SHARES and content[key] > 1:
            faults.append(f"{key} is {content[key]}, not a share up to 1")
        else:
            metrics[name] = content[key]

    trained_at, fault = _trained_at(content, keys)

    return Figures(metrics, trained_at, (*faults, *fault))


def _trained_at(
    content: t.Mapping[str, t.Any], keys: t.Mapping[str, str]
) -> tuple[str | None, list[str]]:
    key = keys.get("trained_at", "trained_at")
    if key not in content:
        return None, [f"{key} is missing"] if "trained_at" in keys else []

    try:
        parse_time(content[key])
    except RecordError as error:
        return None, [f"{key}: {error!s:.80}"]

    return str(content[key]), []


def metadata_finding(
    model: Model, metadata: Metadata, figures: Figures | ReadingError, record: Record | None
) -> Finding:
    """Return what the metadata file says, and whether the record says the same."""
    check = f"model:{model.name}.metadata"
    requirements = metadata.requirements or model.requirements
    if isinstance(figures, ReadingError):
        return finding(
            check,
            figures.status,
            str(figures),
            expected="a metadata file",
            requirements=requirements,
        )

    shown = describe(figures)
    against = _contradictions(figures, record) if record else []
    if against:
        message = f"The metadata is not that of the approved model: {'; '.join(against)}. Find out which one is right."
        return finding(
            check,
            "warning",
            message,
            observed=shown,
            expected="as recorded",
            requirements=requirements,
        )

    if figures.faults:
        message = f"Figures cannot be used: {'; '.join(figures.faults)}; {ADVICE}."
        return finding(
            check,
            "info",
            message,
            observed=shown,
            expected="all figures",
            requirements=requirements,
        )

    return finding(
        check, "ok", f"The training left: {shown}.", observed=shown, requirements=requirements
    )


def describe(figures: Figures) -> str:
    """Return the figures on one line."""
    shown = [f"{name} {value}" for name, value in figures.metrics.items()]
    return ", ".join([*shown, f"trained {figures.trained_at or 'at an unknown time'}"])


def _contradictions(figures: Figures, record: Record) -> list[str]:
    different = [
        f"{name} is {figures.metrics[name]}, the record says {value}"
        for name, value in record.metrics.items()
        if name in figures.metrics and figures.metrics[name] != value
    ]
    if (
        figures.trained_at
        and record.trained_at
        and parse_time(figures.trained_at) != parse_time(record.trained_at)
    ):
        different.append(
            f"it was trained {figures.trained_at}, the record says {record.trained_at}"
        )

    return different
