# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the history of key figures takes and gives: its address, its terms and its rows."""

from __future__ import annotations

import typing as t
from pathlib import Path

from upkeep.kpi.downsampling import Keep
from upkeep.run.types import Bounds

FILE_NAME: t.Final = "kpis.sqlite"


class FigureHistoryError(Exception):
    """The history cannot be read or written.

    The message says what to do and never holds a password.
    """


class FigureDay(t.NamedTuple):
    """One figure of one system on one day (``2026-03-01``), over all its hosts."""

    day: str
    system: str
    kpi: str
    samples: int
    mean: float
    low: float
    high: float


class FigureDefinition(t.NamedTuple):
    """What a figure is called, and the bounds that it should keep to."""

    system: str
    kpi: str
    title: str
    unit: str
    target: Bounds | None
    alert: Bounds | None


def address_of(store: str, given: str = "") -> str:
    """Return the SQLAlchemy address of the history of a store.

    It is the given one, the database of the store, or a file in its directory.
    """
    for place in (given, store):
        if "://" in place:
            return place

    return f"sqlite:///{Path(given or store).expanduser() / FILE_NAME}"


def parse_keep(text: str) -> Keep:
    """Return for how long figures are kept, from text such as ``90,365,3650`` (days).

    Raises FigureHistoryError.
    """
    if not text:
        return Keep()

    try:
        keep = Keep(*(int(word) for word in text.split(",")))
    except (TypeError, ValueError):
        raise FigureHistoryError(
            f"'{text}' must be up to three numbers of days, such as 90,365,3650"
        ) from None

    for problem in keep.problems():
        raise FigureHistoryError(problem)

    return keep
