# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module data_quality: arguments, cadences, and a host without checks."""

from __future__ import annotations

import sqlite3
import typing as t
from pathlib import Path

import pytest

from library import data_quality
from tests.unit.library.module_calls import Call, by_check, caller

SERIES: t.Final[dict[str, t.Any]] = {
    "component": "postgresql",
    "name": "m",
    "kind": "series",
    "database": "shop",
    "table": "market",
    "key": "symbol",
    "keys": ["AAA"],
    "time": "at",
    "interval_seconds": 60,
}
TABLE: t.Final[dict[str, t.Any]] = {
    "component": "postgresql",
    "name": "t",
    "kind": "table",
    "database": "shop",
    "table": "orders",
}
CACHE: t.Final[dict[str, t.Any]] = {
    "component": "app",
    "name": "c",
    "kind": "cache",
    "folder": "/srv/cache",
    "pages": "*.html",
    "entries": "*.json",
    "items": "events",
    "fields": {"name": "text"},
}


SQLITE: t.Final[dict[str, t.Any]] = {"database": None, "sqlite": "/x"}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(data_quality, capsys)


@pytest.fixture
def table(tmp_path: Path) -> dict[str, t.Any]:
    """Return a check of an SQLite table with one row."""
    with sqlite3.connect(tmp_path / "data.db") as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")

    connection.close()

    return {
        "component": "app",
        "name": "orders",
        "kind": "table",
        "table": "orders",
        "sqlite": str(tmp_path / "data.db"),
    }


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_it_looks_and_changes_nothing(
    call: Call, table: dict[str, t.Any], check_mode: bool, journal: str
) -> None:
    with sqlite3.connect(table["sqlite"]) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")

    connection.close()
    before = Path(table["sqlite"]).read_bytes()

    for _ in range(2):
        answer = call(checks=[table], _ansible_check_mode=check_mode)
        assert answer["changed"] is False
        assert by_check(answer)["table:orders.rows"]["status"] == "ok"

    assert Path(table["sqlite"]).read_bytes() == before
    assert [path.name for path in Path(table["sqlite"]).parent.iterdir()] == ["data.db"]


def test_rows_that_stand_in_the_log_of_an_open_file_count(
    call: Call, table: dict[str, t.Any]
) -> None:
    writer = sqlite3.connect(table["sqlite"], isolation_level=None)
    writer.execute("PRAGMA journal_mode = wal")
    writer.execute("INSERT INTO orders VALUES (2)")
    assert by_check(call(checks=[table]))["table:orders.rows"]["observed"] == 2
    writer.close()


@pytest.mark.parametrize("password", ["orders", "ok", "e", "R-shop-01", "a-real-password-7531"])
def test_a_password_is_in_no_answer_and_blots_out_nothing(
    call: Call, table: dict[str, t.Any], password: str
) -> None:
    check = {**table, "requirements": ["R-shop-01"]}
    answer = call(checks=[check], login_password=password)
    found = by_check(answer)["table:orders.rows"]

    assert found["status"] == "ok"
    assert found["requirements"] == ["R-shop-01"]
    assert "a-real-password-7531" not in str(answer)


def test_nothing_to_look_at_is_said(call: Call) -> None:
    assert [(item["check"], item["status"]) for item in call(checks=[])["findings"]] == [
        ("data:none", "info")
    ]


def test_the_cadence_chooses(call: Call, table: dict[str, t.Any]) -> None:
    checks = [
        {**table, "name": "daily", "cadences": ["daily"]},
        {**table, "name": "weekly", "cadences": ["weekly"], "component": "sqlite"},
        {**table, "name": "always"},
    ]
    chosen = {
        cadence: [item["check"] for item in call(checks=checks, cadence=cadence)["findings"]]
        for cadence in ("daily", "weekly", "")
    }

    assert chosen == {
        "daily": ["table:daily.rows", "table:always.rows"],
        "weekly": ["table:weekly.rows", "table:always.rows"],
        "": ["table:daily.rows", "table:weekly.rows", "table:always.rows"],
    }


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({**TABLE, "name": "a b"}, "a b"),
        ({**TABLE, "database": None}, "exactly one of database, sqlite"),
        ({**TABLE, "sqlite": "/x"}, "exactly one of database, sqlite"),
        ({**TABLE, "folder": "/x", "database": None}, "'folder' is not a known name"),
        ({**TABLE, "sqlite": "data.db", "database": None}, "must match /"),
        ({**TABLE, "table": ""}, "table is empty"),
        ({**TABLE, "query": "SELECT 1"}, "'query' is not a known name"),
        (
            {**TABLE, "aspects": {"size": {"warning": 1}}},
            "aspects: 'size' is not a known name; known are: age, rows",
        ),
        ({**TABLE, "aspects": {"rows": {"alarm": 1}}}, "'alarm' is not a known name"),
        ({**TABLE, "aspects": {"rows": {"warning": "few"}}}, "must be a number"),
        ({**TABLE, "timeout": 0}, "timeout is 0"),
        ({**TABLE, "cadences": ["yearly"]}, "yearly"),
        ({**CACHE, "aspects": {"rows": {"warning": 1}}}, "'warning' is not a known name"),
        ({**SERIES, "keys": None}, "give either keys or keys_from"),
        ({**SERIES, "interval_seconds": -1}, "interval_seconds is -1"),
        ({**SERIES, "interval_seconds": 90000}, "longer than the window"),
        ({**CACHE, "pages": "*"}, ""),
        ({**CACHE, "pages": "page.html"}, "one '*'"),
        ({**CACHE, "entries": "a/*.json"}, "one '*'"),
        ({**CACHE, "row_pattern": "("}, "not a regular expression"),
        ({**CACHE, "fields": {"name": "string"}}, "choose one of text"),
        (
            {**TABLE, "kind": "integrity", "table": None, "amcheck": True, **SQLITE},
            "amcheck is for PostgreSQL",
        ),
    ],
)
def test_input_that_cannot_be_worked_with_is_named(
    call: Call, check: dict[str, t.Any], words: str
) -> None:
    answer = call(checks=[check])
    assert answer.get("failed", False) is bool(words)
    assert words in answer.get("msg", "")


def test_a_duplicate_name_is_an_error(call: Call) -> None:
    assert "duplicate name" in call(checks=[TABLE, TABLE])["msg"]


def test_the_time_for_all_must_make_sense(call: Call) -> None:
    assert "max_seconds is 0" in call(checks=[], max_seconds=0)["msg"]
