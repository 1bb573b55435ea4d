# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When units were restarted by us, kept on the host: what stops an endless row of restarts."""

from __future__ import annotations

import math
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base import state_file
from ..base.state_file import StateFileError
from .options import LONGEST_WINDOW

VERSION: t.Final = 1
#: Older restarts than the longest window need not be known, s.
LONGEST: t.Final = LONGEST_WINDOW * 60.0


class HistoryError(Exception):
    """Nobody knows how often a unit was restarted, so nothing may be.

    The message says what to do.
    """


def load(path: Path) -> dict[str, list[float]]:
    """Return the moments of restarts (s since 1970) by unit; empty without a file.

    Raises HistoryError.
    """
    try:
        raw = state_file.load(path, VERSION)
    except StateFileError as error:
        raise HistoryError(
            f"{error}: see in the journal what was restarted, then remove it"
        ) from error

    if raw is None:
        return {}

    try:
        restarts = {
            str(unit): [float(moment) for moment in moments]
            for unit, moments in raw["restarts"].items()
        }
        if not all(math.isfinite(moment) for moments in restarts.values() for moment in moments):
            raise ValueError("a moment is not a number")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise HistoryError(
            f"'{path}' is damaged: see in the journal what was restarted, then remove it"
        ) from error

    return restarts


def within(moments: Sequence[float], window: float, now: float) -> int:
    """Return how many restarts lie in the last ``window`` seconds.

    Those of a clock that was ahead count as well.
    """
    return sum(moment > now - window for moment in moments)


def save(path: Path, restarts: Mapping[str, Sequence[float]], now: float) -> None:
    """Write the moments, without those that no window can hold; raises HistoryError."""
    kept = {
        unit: recent
        for unit, moments in restarts.items()
        if (recent := [moment for moment in moments if moment > now - LONGEST])
    }
    try:
        state_file.save(path, VERSION, {"restarts": kept}, 0o644)
    except StateFileError as error:
        raise HistoryError(str(error)) from error
