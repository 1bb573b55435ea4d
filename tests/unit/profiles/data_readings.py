# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a database would have answered to the checks of data quality; all behind it is real."""

from __future__ import annotations

import contextlib
import math
import typing as t
from collections.abc import Callable, Iterator

import pytest
from ansible.module_utils.upkeep.data_quality import run
from ansible.module_utils.upkeep.data_quality.kinds.series import SeriesFigures
from ansible.module_utils.upkeep.findings import Finding

from tests.unit.profiles.limits import Limit

Rows = list[tuple[t.Any, ...]]
#: The usual value of a figure that is held against one.
_USUAL: t.Final = 1000


class Answers:
    """A session with a database that has one answer."""

    moment = "{}"
    login = None

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def rows(self, *_: t.Any) -> Rows:
        """Return the answer."""
        return self._rows

    def own_rows(self, *_: t.Any) -> Rows:
        """Return the answer."""
        return self._rows

    def age_of(self, answer: t.Any) -> t.Any:
        """Return the age, which is the answer itself."""
        return answer


def judged(patch: pytest.MonkeyPatch, limit: Limit, reading: float) -> list[Finding]:
    """Return the findings of the module's run on the shipped entry when the database says this."""
    rows = SEAMS[limit.kind](limit, reading)

    @contextlib.contextmanager
    def opened(*_: t.Any) -> Iterator[Answers]:
        yield Answers(rows)

    patch.setattr(run, "open_postgresql", opened)
    answer = run.run({"checks": [limit.entry], "run_as": ""})

    return t.cast(list[Finding], answer["findings"])


def _table(limit: Limit, reading: float) -> Rows:
    """Return the number of rows and the age of the newest; what is not read is far from a limit."""
    is_age = limit.path[1] == "age"

    return [(10**9 if is_age else int(reading), reading if is_age else 0.0)]


def _figure(limit: Limit, reading: float) -> Rows:
    if limit.path[1] == "baseline":
        return [(_USUAL + _USUAL * reading / 100, _USUAL)]

    return [("label", reading)] if limit.entry.get("labelled") else [(reading,)]


def _series(limit: Limit, reading: float) -> Rows:
    """Return the figures of a key with all its points but for the one that is read."""
    interval = limit.entry["interval_seconds"]
    slots = int(limit.entry["window_hours"] * 3600 // interval)
    read = {limit.path[1]: reading}
    longest = math.ceil(read.get("gaps", 0) / interval)
    figures = SeriesFigures(
        key="BTC-USD",
        points=slots,
        filled=slots - int(read.get("missing", 0)),
        before=0,
        after=0,
        holes=min(longest, 1),
        longest=longest,
        prices=int(read.get("prices", 0)),
        worst_price="2026-11-27",
        volumes=int(read.get("volumes", 0)),
        worst_volume="2026-11-27",
        age=read.get("age", 0.0),
    )

    return [tuple(figures)]


def _scrapers(limit: Limit, reading: float) -> Rows:
    """Return the one success of a scraper."""
    options, read = limit.entry, {limit.path[1]: reading}
    rows, age = int(read.get("rows", 10**6)), read.get("age", 0.0)

    return [(options["keys"][0], options["good"], "2026-11-27", rows, age)]


#: Kind of a check of data -> the one place where its reading is replaced.
SEAMS: t.Final[dict[str, Callable[[Limit, float], Rows]]] = {
    "table": _table,
    "figure": _figure,
    "series": _series,
    "scrapers": _scrapers,
}
