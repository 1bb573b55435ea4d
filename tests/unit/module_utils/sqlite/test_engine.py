# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What SQLite itself calls corrupt, and is not: newer syntax, and rows that break a rule."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from library import sqlite_maintenance
from tests.unit.library.module_calls import Call, caller
from tests.unit.library.sqlite_files import entry, make, statuses, verbs


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(sqlite_maintenance, capsys)


def message(answer: dict[str, Any], aspect: str = "") -> str:
    check = f"sqlite:app.{aspect}" if aspect else "sqlite:app"

    return str(next(item["message"] for item in answer["findings"] if item["check"] == check))


def plant_schema(path: Path, kind: str, name: str, text: str) -> None:
    """Write a line of the schema as a newer SQLite would, with its version in the header."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql)"
            " VALUES (?, ?, ?, 0, ?)",
            (kind, name, name, text),
        )

    with path.open("r+b") as file:
        file.seek(96)
        file.write((3_999_002).to_bytes(4, "big"))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("view", "CREATE VIEW v AS SELECT group_concat(name, ',' ORDER BY id FANCY) FROM visits"),
        ("view", "CREATE VIEW v AS SELECT 1 @@ 2"),
        ("trigger", "CREATE TRIGGER v AFTER TRUNCATE ON visits BEGIN SELECT 1; END"),
        ("table", "CREATE TABLE v (id INTEGER, CHECK id COULD BE 1)"),
    ],
)
def test_a_schema_that_is_newer_than_the_hosts_sqlite_is_unknown(
    call: Call, tmp_path: Path, kind: str, text: str
) -> None:
    path = make(tmp_path / "app.db", delete=2500)
    plant_schema(path, kind, "v", text)
    before = path.read_bytes()
    answer = call(databases=[entry(path)])

    assert statuses(answer) == {"app": "unknown"}
    assert "last written by SQLite 3.999.2" in message(answer)
    assert sqlite3.sqlite_version in message(answer)
    assert "backup" not in message(answer)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            ("CREATE TABLE t (n CHECK (n > 10))", "INSERT INTO t VALUES (5), (6)"),
            "CREATE TABLE t (n CHECK (n > 10))",
            ["CHECK constraint failed in t"],
        ),
        (
            ("CREATE TABLE t (n)", "INSERT INTO t VALUES (NULL)"),
            "CREATE TABLE t (n NOT NULL)",
            ["NULL value in t.n"],
        ),
        (
            ("CREATE TABLE t (n BLOB)", "INSERT INTO t VALUES (7)"),
            "CREATE TABLE t (n TEXT) STRICT",
            ["non-TEXT value in t.n", "NUMERIC value in t.n"],
        ),
    ],
)
def test_rows_that_break_a_rule_are_a_warning_and_the_work_goes_on(
    call: Call, tmp_path: Path, before: tuple[str, ...], after: str, words: list[str]
) -> None:
    path = make(tmp_path / "app.db", delete=2500)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for statement in before:
            connection.execute(statement)

        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 't'", (after,))

    answer = call(databases=[entry(path)])
    found = statuses(answer)

    assert found["app"] == "ok"
    assert found["app.constraints"] == "warning"
    assert any(word in message(answer, "constraints") for word in words)
    assert ("vacuum", "done") in verbs(answer)


def test_damage_beside_broken_rules_is_still_damage(call: Call, tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", delete=2500)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("CREATE TABLE t (n CHECK (n > 10))")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,)] * 50)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master"
            " WHERE name = 'visits') WHERE name = 'visits_name'"
        )

    answer = call(databases=[entry(path)])

    assert statuses(answer) == {"app": "critical"}
    assert verbs(answer) == []


def test_an_encrypted_file_is_not_simply_called_damaged(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_bytes(random.Random(1).randbytes(3 * 4096))  # noqa: S311 - as a cipher leaves it
    before = path.read_bytes()
    answer = call(databases=[entry(path)])

    assert statuses(answer) == {"app": "critical"}
    assert "is damaged, or encrypted" in message(answer)
    assert path.read_bytes() == before


def test_a_damaged_page_is_not_called_encrypted(call: Call, tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", delete=0)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)

    answer = call(databases=[entry(path)])

    assert statuses(answer)["app"] == "critical"
    assert "is damaged" in message(answer)
    assert "encrypted" not in message(answer)
