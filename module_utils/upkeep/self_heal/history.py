# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When which unit was restarted by us, kept on the host: the only thing that stops an endless row of restarts."""

from __future__ import annotations

import json
import os
import tempfile
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

VERSION: t.Final = 1
_LARGEST: t.Final = 1 << 20
#: Older restarts than the longest window need not be known, s.
LONGEST: t.Final = 7 * 86400.0


class HistoryError(Exception):
    """Nobody knows how often a unit was restarted, so nothing may be.

    The message says what to do.
    """


def load(path: Path) -> dict[str, list[float]]:
    """Return the moments of restarts (s since 1970) by unit; empty without a file.

    Raises HistoryError.
    """
    try:
        with path.open("rb") as stream:
            raw = json.loads(stream.read(_LARGEST))

        if raw["version"] != VERSION:
            raise HistoryError(
                f"{path} was written by another version of Upkeep: look at it, then remove it"
            )

        return {
            str(unit): [float(moment) for moment in moments]
            for unit, moments in raw["restarts"].items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HistoryError(
            f"{path} is damaged: see in the journal what was restarted, then remove it"
        ) from error


def within(moments: Sequence[float], window: float, now: float) -> int:
    """Return how many restarts lie in the last ``window`` seconds.

    Those of a clock that was ahead count as well.
    """
    return sum(moment > now - window for moment in moments)


def save(path: Path, restarts: Mapping[str, Sequence[float]], now: float) -> None:
    """Write the moments, without those that no window can ask for; raises HistoryError."""
    kept = {
        unit: [moment for moment in moments if moment > now - LONGEST]
        for unit, moments in restarts.items()
    }
    text = json.dumps(
        {"version": VERSION, "restarts": {unit: m for unit, m in kept.items() if m}}, sort_keys=True
    )
    draft = ""

    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())

        Path(draft).replace(path)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        raise HistoryError(f"{path} cannot be written: {error.strerror}") from error
