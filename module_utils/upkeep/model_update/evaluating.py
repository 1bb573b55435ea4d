# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measure a candidate in the target environment, beside the model that serves.

Both are loaded as the service user by the program of ``model_verification``, within its bounds.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from ..base.files import open_resolved, reason_of
from ..findings import Finding, Limits, Subject
from ..model_verification import drift
from ..model_verification.drift import DriftError
from ..model_verification.reading import ReadingError
from ..model_verification.settings import DriftCheck, ModelSettings
from .copies import BESIDE, UpdateError
from .settings import Evaluation, UpdatedModel


@dataclass(frozen=True)
class Measured:
    """R2 of the candidate and of the serving model, None where that one cannot tell."""

    r2: float
    serving_r2: float | None
    rows: int


@dataclass(frozen=True)
class Difference:
    """How many predictions are different, the largest share of difference, and the row of it."""

    rows: int
    different: int
    largest: float
    row: int

    @property
    def share(self) -> float:
        """The share of predictions that are different."""
        return self.different / self.rows if self.rows else 0.0


def evaluate(model: UpdatedModel, evaluation: Evaluation) -> tuple[list[Finding], str]:
    """Return what was measured, and why the candidate is refused ('' when it is not).

    Raises UpdateError when nothing can be measured.
    """
    check, beside = _check(model, evaluation), f"{BESIDE}{model.file}"
    try:
        text, known = drift.read_reference(check, Path(model.root))
        new = drift.predictions(_loaded(model, beside), check, text, strict=True)
        r2 = drift.r_squared(known, new)
    except (DriftError, ReadingError) as error:
        reason = str(error).replace("approved model", "candidate").rstrip(".")
        raise UpdateError(f"the candidate was loaded and asked: {reason}") from error

    old, serving_r2 = _of_serving(model, check, text, known)
    found = Measured(r2, serving_r2, len(known))
    difference = compare(new, old, evaluation.differs_by) if old else None
    if difference and evaluation.inputs:
        asked = _last_inputs(evaluation, model.root)
        difference = _sum(difference, _on_inputs(model, evaluation, check, asked))

    subject = model.subject._replace(requirements=evaluation.requirements or model.requirements)
    findings = [_r2_finding(subject, evaluation, found)]
    if difference:
        findings.append(_shadow_finding(subject, evaluation, difference))

    return findings, _refusal(evaluation, found, difference)


def _on_inputs(
    model: UpdatedModel, evaluation: Evaluation, check: DriftCheck, asked: str
) -> Difference:
    new, old = (
        _predicted(model, check, name, asked) for name in (f"{BESIDE}{model.file}", model.file)
    )

    return compare(new, old, evaluation.differs_by)


def _predicted(model: UpdatedModel, check: DriftCheck, file: str, asked: str) -> list[float]:
    try:
        return drift.predictions(_loaded(model, file), check, asked)
    except (DriftError, ReadingError) as error:
        reason = str(error).replace("approved model", "model").rstrip(".")
        raise UpdateError(f"'{file}' was asked what was asked last: {reason}") from error


def compare(new: list[float], old: list[float], by: float) -> Difference:
    """Return how the predictions of two models differ; raises UpdateError for unequal numbers."""
    if len(new) != len(old):
        raise UpdateError(f"the candidate gave {len(new)} predictions, the serving one {len(old)}")

    shares = [
        abs(a - b) / max(abs(b), 1e-9) if math.isfinite(a) else math.inf
        for a, b in zip(new, old, strict=True)
    ]
    largest = max(shares, default=0.0)

    return Difference(
        len(shares),
        sum(share > by for share in shares),
        largest,
        shares.index(largest) + 1 if shares else 0,
    )


def last_rows(text: str, most: int) -> str:
    """Return a CSV text with its header and its last rows."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([*rows[:1], *rows[1:][-most:]])

    return out.getvalue()


def _sum(one: Difference, other: Difference) -> Difference:
    larger = max((one, other), key=lambda each: each.largest)

    return Difference(
        one.rows + other.rows, one.different + other.different, larger.largest, larger.row
    )


def _check(model: UpdatedModel, evaluation: Evaluation) -> DriftCheck:
    return DriftCheck(
        reference=Path(evaluation.reference),
        target=evaluation.target,
        predictor=Path(evaluation.predictor),
        class_name=evaluation.class_name,
        user=model.user,
        r2=evaluation.r2,
        interpreter=evaluation.interpreter,
        timeout=evaluation.seconds,
        requirements=model.requirements,
    )


def _loaded(model: UpdatedModel, file: str) -> ModelSettings:
    path, root = Path(model.folder) / file, Path(model.root)

    return ModelSettings(model.name, path, root, None, None, None, None, model.requirements)


def _of_serving(
    model: UpdatedModel, check: DriftCheck, text: str, known: list[float]
) -> tuple[list[float], float | None]:
    """Return predictions and R2 of the model that serves, nothing where it cannot predict."""
    try:
        old = drift.predictions(_loaded(model, model.file), check, text)
        return old, drift.r_squared(known, old)
    except (DriftError, ReadingError):
        return [], None


def _last_inputs(evaluation: Evaluation, root: str) -> str:
    try:
        with open_resolved(evaluation.inputs, root, max_bytes=drift.LARGEST) as stream:
            return last_rows(stream.read(drift.LARGEST).decode(), evaluation.last)
    except OSError as error:
        reason = reason_of(error)
        raise UpdateError(f"'{evaluation.inputs}' cannot be read: {reason}") from error
    except (ValueError, csv.Error) as error:
        raise UpdateError(f"'{evaluation.inputs}' is not CSV: {error}") from error


def _r2_finding(subject: Subject, evaluation: Evaluation, found: Measured) -> Finding:
    serving = "cannot tell" if found.serving_r2 is None else f"has {found.serving_r2:.4f}"

    return subject.measured(
        math.floor(found.r2 * 10_000) / 10_000,
        Limits(warning=evaluation.r2, side="below"),
        f"R2 of the candidate for {found.rows} rows; the serving model {serving}",
        "train it again, or keep the serving one",
        aspect="evaluation",
        unit="R2",
    )


def _shadow_finding(subject: Subject, evaluation: Evaluation, seen: Difference) -> Finding:
    return subject.measured(
        round(seen.share, 4),
        Limits(warning=evaluation.most_different),
        f"share of {seen.rows} predictions that differ by more than {evaluation.differs_by:.0%}"
        f" from the serving model; the largest by {seen.largest:.1%} in row {seen.row}",
        "have somebody look at these rows",
        aspect="shadow",
    )


def _refusal(evaluation: Evaluation, found: Measured, seen: Difference | None) -> str:
    if found.r2 < evaluation.r2:
        return f"its R2 is {found.r2:.4f}, at least {evaluation.r2:g} is accepted"
    if found.serving_r2 is not None and found.r2 < found.serving_r2 - evaluation.worse_by:
        return (
            f"its R2 is {found.r2:.4f}, the serving model has {found.serving_r2:.4f} (at most"
            f" {evaluation.worse_by:g} less is accepted)"
        )
    if seen and seen.share > evaluation.most_different:
        return (
            f"{seen.different} of {seen.rows} predictions differ from the serving model by more"
            f" than {evaluation.differs_by:.0%} (at most {evaluation.most_different:.0%} may)"
        )

    return ""
