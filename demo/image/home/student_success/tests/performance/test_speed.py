# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast answers are.

Each figure is the median of many, so that one slow moment of the host does not count.
"""

from __future__ import annotations

import statistics
import time
import typing as t

Ask = t.Callable[..., tuple[int, t.Any]]
Record = t.Callable[[str, object], None]

ROUNDS: t.Final = 9


def milliseconds(work: t.Callable[[], t.Any]) -> float:
    """Return the median time of some work, ms, after a first round that warms caches."""
    taken = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1000)

    return statistics.median(taken[1:])


def test_prediction_time(
    ask: Ask, students: list[dict[str, t.Any]], record_property: Record
) -> None:
    def predict() -> None:
        assert ask("POST", "/api/predictions", students)[0] == 200

    took = milliseconds(predict)
    record_property("figure:prediction_time", f"{took:.2f} ms")
    record_property("figure:prediction_time_per_student", f"{took / len(students):.2f} ms")


def test_page_time(ask: Ask, record_property: Record) -> None:
    def show() -> None:
        assert ask("GET", "/")[0] == 200

    record_property("figure:page_time", f"{milliseconds(show):.2f} ms")
