# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program, not a library: loads a system's predictor and has it predict.

The system's own interpreter runs it.

JSON comes in on stdin, ``{"predictor", "class_name", "model", "text", "seconds", "strict"}``, where
``strict`` makes warnings of loading errors. JSON goes out on stdout:
``{"predictions": [number, ...]}`` or ``{"error": text}``. It bounds itself before it loads
anything, and runs as the service user: loading a model runs whatever code the file holds.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import resource
import sys
import typing as t
import warnings
from pathlib import Path

#: Largest file that may be written, the answer included, bytes.
FILE: t.Final = 16 << 20
#: Most memory that may be asked for, bytes.
MEMORY: t.Final = 4 << 30
#: Most files that may be open, and most processes and threads of the user.
OPEN_FILES: t.Final = 256
PROCESSES: t.Final = 512
#: PR_SET_NO_NEW_PRIVS of prctl(2).
NO_NEW_PRIVS: t.Final = 38


def bound(seconds: int) -> None:
    """Gain no rights, let others go first, and limit CPU time (s), memory, files and processes."""
    if ctypes.CDLL(None).prctl(NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError("the process cannot give up gaining rights")

    os.nice(5)
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_FSIZE: FILE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: PROCESSES,
    }

    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def predict(request: dict[str, t.Any]) -> list[float]:
    """Return a number for each row of the text; raises whatever predictor and model raise."""
    spec = importlib.util.spec_from_file_location("predictor", request["predictor"])
    if spec is None or spec.loader is None:
        raise ImportError(f"{request['predictor']} is not a Python file")

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings():
        if request.get("strict"):
            refuse_warnings()
        predictor = getattr(module, request["class_name"])(Path(request["model"]))

    return [float(value) for value in predictor.predict(predictor.read(request["text"]))]


def refuse_warnings() -> None:
    """Have warnings raise, such as that a model was made by another version of its library.

    Not those for developers of the libraries, which say nothing about a model.
    """
    warnings.simplefilter("error")
    for kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning):
        warnings.simplefilter("ignore", kind)


def main() -> None:
    """Answer one request. What predictor and libraries print goes to stderr."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    bound(request["seconds"])

    try:
        outcome: dict[str, t.Any] = {"predictions": predict(request)}
    except Exception as error:
        outcome = {"error": f"{type(error).__name__}: {error}"}

    with answer:
        json.dump(outcome, answer)


if __name__ == "__main__":
    main()
