# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A program, not a library: loads a system's predictor and has it predict.

Run by the system's own interpreter.

JSON comes in on stdin, ``{"predictor", "class_name", "model", "text", "seconds"}``. JSON goes out
on stdout: ``{"predictions": [number, ...]}`` or ``{"error": text}``. It bounds itself before it
loads anything, and runs as the service user: loading a model runs whatever code the file holds.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
import typing as t
from pathlib import Path

#: Largest file that may be written, the answer included, bytes.
FILE: t.Final = 16 << 20
#: Most memory that may be asked for, bytes.
MEMORY: t.Final = 4 << 30


def bound(seconds: int) -> None:
    """Let others go first, and limit processor time (s), memory and files; no core dumps."""
    os.nice(5)
    limits = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_FSIZE: FILE,
        resource.RLIMIT_CORE: 0,
    }

    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def predict(request: dict[str, t.Any]) -> list[float]:
    """Return a number for each row of the text; raises whatever predictor and model raise."""
    spec = importlib.util.spec_from_file_location("predictor", request["predictor"])
    if spec is None or spec.loader is None:
        raise ImportError(f"{request['predictor']} is no Python file")

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    predictor = getattr(module, request["class_name"])(Path(request["model"]))

    return [float(value) for value in predictor.predict(predictor.read(request["text"]))]


def main() -> None:
    """Answer one request. What predictor and libraries print goes to stderr."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    bound(request["seconds"])

    try:
        said: dict[str, t.Any] = {"predictions": predict(request)}
    except Exception as error:
        said = {"error": f"{type(error).__name__}: {error}"}

    with answer:
        json.dump(said, answer)


if __name__ == "__main__":
    main()
