# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``table``, in PostgreSQL and SQLite alike."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import typing as t
from pathlib import Path

import pytest

from tests.unit.module_utils.data_quality.conftest import OFFERS, Make, Review, brief
from tests.unit.module_utils.postgresql.server import Server


@pytest.mark.requirement("R-fairedge-17", "R-fairedge-18")
def test_rows_that_count_and_their_age(make: Make, review: Review) -> None:
    table = {"kind": "table", "table": "offers", "time": "updated_at", **make(*OFFERS)}
    limits = {"rows": {"warning": 2, "critical": 1}, "age": {"warning": 600, "critical": 3600}}
    found = review(
        {**table, "name": "tennis", "where": {"sport": "tennis"}, "aspects": limits},
        {**table, "name": "hockey", "where": {"sport": "hockey"}, "aspects": limits},
        {
            **table,
            "name": "none",
            "where": {"sport": "'; DROP TABLE offers; --"},
            "aspects": limits,
        },
        {**table, "name": "all"},
    )
    seen = brief(found)

    assert seen["table:tennis.rows"] == ("ok", 2)
    assert seen["table:tennis.age"][0] == "ok"
    assert seen["table:hockey.rows"] == ("warning", 1)
    assert seen["table:hockey.age"][0] == "critical"
    assert abs(seen["table:hockey.age"][1] - 3 * 3600) < 60
    assert seen["table:none.rows"] == ("critical", 0)
    assert seen["table:none.age"][0] == "critical"
    assert seen["table:all.rows"] == ("ok", 3)
    assert found["table:hockey.age"]["expected"] == "at most 600"


@pytest.mark.parametrize("word", ["table", "column", "file"])
def test_what_is_not_there_is_unknown_and_others_are_judged(
    make: Make, review: Review, word: str
) -> None:
    place = make(*OFFERS)
    wrong: dict[str, t.Any] = {
        "table": {"table": "gone", **place},
        "column": {"table": "offers", "time": "gone", **place},
        "file": {"table": "offers", "sqlite": "/nowhere/data.db"},
    }[word]
    found = review(
        {"name": "wrong", "kind": "table", **wrong},
        {"name": "right", "kind": "table", "table": "offers", **place},
    )

    assert found["table:wrong"]["status"] == "unknown"
    assert found["table:right.rows"]["status"] == "ok"


def test_nothing_is_ever_written(make: Make, review: Review, pg: Server) -> None:
    place = make(*OFFERS, "CREATE TABLE log (at timestamp)")
    writing = "DELETE FROM offers" if "sqlite" in place else "SELECT nextval('seq')"
    if "database" in place:
        pg.run(place["database"], "CREATE SEQUENCE seq")

    found = review({"name": "bad", "kind": "figure", "query": writing, **place})

    assert found["figure:bad"]["status"] == "unknown"

    again = review({"name": "offers", "kind": "table", "table": "offers", **place})

    assert again["table:offers.rows"]["observed"] == 3

    if "database" in place:
        assert pg.query(place["database"], "SELECT is_called FROM seq") == [(False,)]


def sqlite_file(path: Path, *values: t.Any) -> dict[str, t.Any]:
    """Make a file with a table whose rows have these times."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (at, ok BOOLEAN)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(value, True) for value in values])

    limits = {"rows": {"warning": 1}, "age": {"warning": 600, "critical": 3600}}
    return {"name": "t", "kind": "table", "table": "t", "sqlite": str(path), "aspects": limits}


@pytest.mark.parametrize(
    "form",
    [
        lambda now: int(now.timestamp()),
        lambda now: int(now.timestamp() * 1000),
        lambda now: now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        lambda now: now.strftime("%Y-%m-%d %H:%M:%S+00"),
        lambda now: now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    ],
    ids=["seconds", "milliseconds", "UTC", "short zone", "ISO"],
)
def test_a_time_in_any_usual_form_of_sqlite_has_its_age(
    review: Review, tmp_path: Path, form: t.Callable[[dt.datetime], t.Any]
) -> None:
    place = sqlite_file(tmp_path / "t.db", form(dt.datetime.now(dt.UTC)))

    found = review({**place, "time": "at"})

    assert found["table:t.age"]["status"] == "ok"


@pytest.mark.parametrize("value", ["31.01.2026", "unknown", "now", b"x"])
def test_a_time_that_cannot_be_read_is_not_a_missing_row(
    review: Review, tmp_path: Path, value: t.Any
) -> None:
    place = sqlite_file(tmp_path / "t.db", "2026-01-31", value)

    found = review({**place, "time": "at"})

    assert found["table:t.rows"]["observed"] == 2
    assert found["table:t.age"]["status"] == "unknown"
    assert "cannot be read" in found["table:t.age"]["message"]


@pytest.mark.parametrize(("value", "rows"), [(True, 1), (False, 0)])
def test_a_boolean_condition_fits_what_sqlite_keeps(
    review: Review, tmp_path: Path, value: bool, rows: int
) -> None:
    place = sqlite_file(tmp_path / "t.db", "2026-01-31")

    found = review({**place, "where": {"ok": value}})

    assert found["table:t.rows"]["observed"] == rows


def test_rows_without_any_time_are_not_missing_rows(make: Make, review: Review) -> None:
    place = make("CREATE TABLE odd (at timestamp)", "INSERT INTO odd VALUES (NULL)")
    check = {"name": "odd", "kind": "table", "table": "odd", "time": "at", **place}

    found = review({**check, "aspects": {"age": {"warning": 600}}})

    assert found["table:odd.rows"]["observed"] == 1
    assert found["table:odd.age"]["status"] == "unknown"
    assert "No row of public.odd has a time" in found["table:odd.age"]["message"]


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_row_of_infinity_is_neither_fresh_nor_old(pg: Server, review: Review, sign: str) -> None:
    row = f"INSERT INTO odd VALUES ('{sign}infinity')"  # noqa: S608 - a test's own row
    name = pg.create_database("", "CREATE TABLE odd (at timestamptz)", row)

    found = review({"name": "odd", "kind": "table", "table": "odd", "time": "at", "database": name})

    assert [item["status"] for item in found.values() if item["observed"] != 1] == ["unknown"]
