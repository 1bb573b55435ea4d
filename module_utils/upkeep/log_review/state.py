# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Up to when the reviews of the window "since last run" have looked.

A small JSON file on the host, replaced whole.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

_VERSION: t.Final = 1
#: A state file is small; anything larger is none, bytes.
_MOST_BYTES: t.Final = 1 << 20


@dataclass(frozen=True)
class State:
    """``until`` is Unix time by check name; ``damage`` says why an existing file was not used."""

    until: t.Mapping[str, float]
    damage: str = ""


def load(path: Path) -> State:
    """Return the state; an empty one when there is none, or none that could be used."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return State({})
    except OSError as error:
        return State({}, f"'{path}' cannot be read: {error.strerror}")

    try:
        with os.fdopen(descriptor, "rb") as stream:
            return State(_checked(json.loads(stream.read(_MOST_BYTES))))
    except (OSError, ValueError, RecursionError) as error:
        return State({}, f"'{path}' is damaged: {error}")


def _checked(raw: t.Any) -> dict[str, float]:
    if (
        not isinstance(raw, dict)
        or raw.get("version") != _VERSION
        or not isinstance(raw.get("until"), dict)
    ):
        raise ValueError("it does not hold what this version writes")

    until = raw["until"]

    for check, moment in until.items():
        if (
            isinstance(moment, bool)
            or not isinstance(moment, (int, float))
            or not math.isfinite(moment)
        ):
            raise ValueError(f"the time of {check!r} is {moment!r}")

    return {check: float(moment) for check, moment in until.items()}


def save(path: Path, until: t.Mapping[str, float]) -> None:
    """Write the state beside the old one and put it in its place; raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"version": _VERSION, "until": dict(until)}, stream, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        Path(draft).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise
