# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The run over all places: time that is up, and a process that ends early."""

from __future__ import annotations

import sqlite3
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.data_quality import run as running
from ansible.module_utils.upkeep.data_quality.kinds import figure

from tests.unit.module_utils.data_quality.conftest import ROWS, Review, only, table
from tests.unit.module_utils.postgresql.server import Server


def test_a_place_that_ends_its_process_is_unknown(
    review: Review, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def die(*_: t.Any) -> t.Any:
        raise SystemExit(9)

    monkeypatch.setattr(running, "_read", die)
    (tmp_path / "data.db").touch()
    status, message = only(
        review(
            {"name": "rows", "kind": "table", "table": "rows", "sqlite": str(tmp_path / "data.db")}
        )
    )

    assert status == "unknown"
    assert "ended with 1" in message


def test_time_that_is_up_is_unknown_for_what_is_left(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS)
    slow = {"name": "slow", "kind": "figure", "query": "SELECT 1 FROM pg_sleep(60)"}

    found = review({**slow, "database": name}, {**table("other"), "name": "later"}, max_seconds=1)

    assert {item["status"] for item in found.values()} == {"unknown"}
    assert "time for all checks was used up" in found["table:later"]["message"]


@pytest.mark.parametrize(
    "error", [OverflowError("odd"), KeyError("x"), RecursionError(), MemoryError()]
)
def test_an_error_that_nobody_thought_of_costs_one_check(
    review: Review, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    with sqlite3.connect(tmp_path / "data.db") as connection:
        connection.execute("CREATE TABLE rows (id integer)")
    connection.close()

    def fail(*_: t.Any) -> t.NoReturn:
        raise error

    monkeypatch.setattr(figure, "_figure", fail)
    place = {"sqlite": str(tmp_path / "data.db")}
    found = review(
        {"name": "odd", "kind": "figure", "query": "SELECT 1", **place},
        {"name": "rows", "kind": "table", "table": "rows", **place},
    )

    assert found["figure:odd"]["status"] == "unknown"
    assert type(error).__name__ in found["figure:odd"]["message"]
    assert found["table:rows.rows"]["status"] == "ok"


def test_findings_are_bounded_in_number_and_size(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_FINDINGS", 2)
    long = "y" * 5000
    found = review(
        *(
            {"name": f"c{number}", "kind": "table", "table": long, "database": "gone"}
            for number in range(4)
        )
    )

    assert list(found) == ["table:c0", "table:c1", "data:more"]
    assert found["data:more"]["status"] == "unknown"
    assert all(len(item["message"]) <= running.LONGEST_MESSAGE for item in found.values())
