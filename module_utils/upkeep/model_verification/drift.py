# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does an approved model still predict well?

It predicts a reference set whose answers are known, as its service user would.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import inspect
import io
import json
import math
import os
import signal
import subprocess
import tempfile
import typing as t
from pathlib import Path

from ..base.deadline import Deadline
from ..base.isolated import IsolatedError, account_of, program_rights
from ..base.redact import redact
from ..base.text import limit_text, visible
from ..findings import Finding, Limits
from . import predicting
from .reading import ReadingError, opened, quoted
from .settings import DriftCheck, ModelSettings

#: Largest reference set, bytes; the program's output is bounded by predicting.FILE.
LARGEST: t.Final = predicting.FILE
#: With fewer rows R2 means nothing.
LEAST_ROWS: t.Final = 10
#: Seconds that a killed program may take to be gone.
GRACE: t.Final = 5
#: Characters of an error of the program that are shown.
SHOWN: t.Final = 200


class DriftError(Exception):
    """There is no R2: the status of the finding, and why in a sentence."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


def drift_finding(
    model: ModelSettings, drift: DriftCheck, deadline: Deadline, *, approved: bool
) -> Finding:
    """Return whether the model predicts its reference set well enough.

    One that is not ``approved`` is not loaded.
    """
    subject = model.subject(drift.requirements)
    limits = Limits(warning=drift.r2, side="below")

    try:
        if not approved:
            raise DriftError("unknown", "Not tried: only the approved file is loaded.")
        if deadline.is_over():
            raise DriftError("unknown", f"Not tried: no time was left of {deadline.seconds:g} s.")

        bounded = dataclasses.replace(drift, timeout=math.ceil(min(drift.timeout, deadline.left)))
        text, known = read_reference(drift, model.root)
        r2 = r_squared(known, predictions(model, bounded, text))
    except (DriftError, ReadingError) as error:
        return subject.finding(
            error.status,
            str(error),
            aspect="drift",
            expected=limits.text,
            unit="R2",
            limits=limits.numbers,
        )

    return subject.measured(
        math.floor(r2 * 10_000) / 10_000,  # just below a limit must not read as within it
        limits,
        f"R2 of the predictions for {len(known)} rows of {quoted(drift.reference)}",
        "the model has drifted, consider training it again",
        aspect="drift",
        unit="R2",
    )


def read_reference(drift: DriftCheck, root: Path) -> tuple[str, list[float]]:
    """Return the text of the reference set and its known answers; raises DriftError."""
    try:
        with (
            opened(drift.reference, root) as descriptor,
            os.fdopen(os.dup(descriptor), "rb") as stream,
        ):
            content = stream.read(LARGEST + 1)
    except ReadingError as error:
        raise DriftError("unknown", f"No reference set: {error}") from error

    name = quoted(drift.reference)
    if len(content) > LARGEST:
        message = f"{name} is larger than {LARGEST} bytes; keep a smaller sample."
        raise DriftError("unknown", message)

    try:
        text = content.decode("utf-8")
        known = [float(row[drift.target]) for row in csv.DictReader(io.StringIO(text, newline=""))]
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        reason = visible(f"{error!r:.{SHOWN}}")
        message = f"{name} is not CSV with numbers in a column '{drift.target}': {reason}."
        raise DriftError("unknown", message) from error

    if len(known) < LEAST_ROWS or not all(map(math.isfinite, known)):
        message = f"{name} needs at least {LEAST_ROWS} rows with finite numbers."
        raise DriftError("unknown", message)

    return text, known


def predictions(
    model: ModelSettings, drift: DriftCheck, text: str, *, strict: bool = False
) -> list[float]:
    """Return what the model predicts, by the system's own interpreter and user.

    With ``strict`` a warning while it is loaded is an error. Raises DriftError.
    """
    with opened(drift.predictor, model.root):
        pass

    request = {
        "predictor": str(drift.predictor),
        "class_name": drift.class_name,
        "model": str(model.path),
        "text": text,
        "seconds": drift.timeout,
        "strict": strict,
    }

    try:
        answer = json.loads(_output(drift, json.dumps(request)))
        if "error" not in answer:
            return [float(value) for value in answer["predictions"]]
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        reason = visible(f"{error!r:.{SHOWN}}")
        message = f"The prediction gave no usable answer: {reason}."
        raise DriftError("unknown", message) from error

    reason = _shown(str(answer["error"]))

    raise DriftError("critical", f"The approved model cannot predict: {reason}.")


def _shown(text: str) -> str:
    """Return what a program printed, for a message."""
    return limit_text(visible(redact(" ".join(text.split()))), SHOWN)


def _output(drift: DriftCheck, request: str) -> str:
    """Run the program and return what it prints; raises DriftError.

    It is given files, not pipes, so nothing can hang.
    """
    command = [drift.interpreter, "-I", "-B", "-c", inspect.getsource(predicting)]
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as taken,
        tempfile.TemporaryFile() as noise,
    ):
        given.write(request.encode())
        given.seek(0)
        try:
            program = subprocess.Popen(  # noqa: S603 - argv list from the profile
                command,
                stdin=given,
                stdout=taken,
                stderr=noise,
                cwd="/",
                start_new_session=True,
                **_identity(drift.user),
            )
        except OSError as error:
            raise DriftError(
                "unknown", f"'{drift.interpreter}' cannot be run as {drift.user}: {error}."
            ) from error

        code = _ended(program, drift.timeout)
        taken.seek(0)
        output = taken.read(predicting.FILE).decode("utf-8", "replace")
        if code == 0 and output:
            return output

        noise.seek(max(noise.seek(0, os.SEEK_END) - SHOWN, 0))
        last = _shown(noise.read(SHOWN).decode("utf-8", "replace"))

    raise DriftError(
        "unknown", f"The prediction ended with {_name(code)}: {last or 'it printed nothing'}."
    )


def _identity(user: str) -> dict[str, t.Any]:
    """Return the arguments that make a program run as a user with that user's groups.

    Raises DriftError.
    """
    try:
        account = account_of(user)
    except IsolatedError as error:
        raise DriftError("unknown", f"The prediction cannot be run: {error}.") from error

    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": account.pw_dir, **one_thread}
    if account.pw_uid == 0:
        raise DriftError("unknown", "A model is not loaded as root: name its service user.")
    if os.geteuid() not in (0, account.pw_uid):
        raise DriftError("unknown", f"Only root can run it as '{user}'; let the play become root.")

    return {"env": env, **program_rights(account)}


def _ended(program: subprocess.Popen[bytes], seconds: int) -> int:
    """Wait for the end and return the exit code; raises DriftError when it had to be killed."""
    try:
        return program.wait(seconds)
    except subprocess.TimeoutExpired as error:
        # With all that it started; its number cannot belong to anybody else before somebody has
        # waited for it.
        os.killpg(program.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(GRACE)

        raise DriftError(
            "unknown", f"The prediction did not end within {seconds} s and was stopped."
        ) from error


def _name(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def r_squared(known: t.Sequence[float], predicted: t.Sequence[float]) -> float:
    """Return the coefficient of determination, 1 at best.

    Raises DriftError where it is not defined.

    It is 1 minus the squared errors over the squared distances from the mean, as scikit-learn's
    ``r2_score`` has it.
    """
    if len(known) != len(predicted) or not all(map(math.isfinite, predicted)):
        raise DriftError(
            "critical",
            f"The approved model gave {len(predicted)} predictions for {len(known)} rows, or some"
            " that are not a number.",
        )

    mean = math.fsum(known) / len(known)

    try:
        spread = math.fsum((value - mean) ** 2 for value in known)
        errors = math.fsum((a - b) ** 2 for a, b in zip(known, predicted, strict=True))
    except OverflowError as error:
        raise DriftError(
            "critical", "Predictions and known answers are too far apart to be compared."
        ) from error

    if spread == 0:
        raise DriftError(
            "unknown", "All rows of the reference set have the same answer, so R2 is not defined."
        )

    return 1 - errors / spread
