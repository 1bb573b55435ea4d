# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The run over all places: time that is up, and a process that ends early."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.data_quality import run as running

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
