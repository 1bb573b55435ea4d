# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tables, scrapers, figures and integrity, in PostgreSQL and SQLite alike."""

from __future__ import annotations

import sqlite3
import typing as t
from pathlib import Path

import pytest

from tests.unit.module_utils.data_quality.conftest import Review
from tests.unit.module_utils.postgresql.server import Server

OFFERS: t.Final = (
    "CREATE TABLE offers (id integer PRIMARY KEY, sport text, active boolean, updated_at timestamp)",
    "INSERT INTO offers VALUES (1, 'tennis', true, {now}), (2, 'hockey', true, {old}), (3, 'tennis', false, {old})",
)
RUNS: t.Final = (
    "CREATE TABLE runs (name text, status text, finished timestamp, found integer)",
    "INSERT INTO runs VALUES ('news', 'ok', {old}, 40), ('news', 'failed', {now}, 0), ('rides', 'failed', {old}, 0),"
    " ('rides', 'ok', {now}, 12), ('rides', 'ok', {old}, 1), ('rides', 'ok', NULL, NULL), ('sad', 'failed', {now}, 0)",
)
FAMILIES: t.Final = (
    "CREATE TABLE parents (id integer PRIMARY KEY)",
    "CREATE TABLE children (id integer, parent_id integer, teacher_id integer)",
    "INSERT INTO parents VALUES (1), (2)",
    "INSERT INTO children VALUES (1, 1, 1), (2, NULL, 2), (3, 9, 1), (4, 9, 2)",
)
NOW: t.Final = {
    "postgresql": ("now()", "now() - interval '3 h'"),
    "sqlite": ("datetime('now')", "datetime('now', '-3 hours')"),
}

Make = t.Callable[..., dict[str, str]]


@pytest.fixture(params=["postgresql", "sqlite"])
def make(request: pytest.FixtureRequest, pg: Server, tmp_path: Path) -> Make:
    """Return a function that makes a database from statements and returns the option that names it."""
    now, old = NOW[request.param]

    def database(*statements: str) -> dict[str, str]:
        filled = [statement.format(now=now, old=old) for statement in statements]
        if request.param == "postgresql":
            return {"database": pg.create_database("", *filled)}

        path = tmp_path / "data.db"
        with sqlite3.connect(path) as connection:
            for statement in filled:
                connection.execute(statement)

        connection.close()

        return {"sqlite": str(path)}

    return database


def brief(found: t.Mapping[str, t.Mapping[str, t.Any]]) -> dict[str, tuple[str, t.Any]]:
    return {check: (item["status"], item["observed"]) for check, item in found.items()}


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

    assert (seen["table:tennis.rows"], seen["table:tennis.age"][0]) == (("ok", 2), "ok")
    assert (seen["table:hockey.rows"], seen["table:hockey.age"][0]) == (("warning", 1), "critical")
    assert abs(seen["table:hockey.age"][1] - 3 * 3600) < 60
    assert (seen["table:none.rows"], seen["table:none.age"][0]) == (("critical", 0), "critical")
    assert seen["table:all.rows"] == ("ok", 3)
    assert found["table:hockey.age"]["expected"] == "at most 600"


@pytest.mark.requirement("R-trailblaze-04")
def test_each_scraper_tells_success_age_and_rows(make: Make, review: Review) -> None:
    check = {
        **{
            "name": "runs",
            "kind": "scrapers",
            "table": "runs",
            "key": "name",
            "keys": ["news", "rides", "sad", "new"],
        },
        **{"status": "status", "good": "ok", "time": "finished", "rows": "found"},
        "aspects": {"age": {"warning": 7200}, "rows": {"warning": 5}},
    }
    seen = brief(review({**check, **make(*RUNS)}))

    assert seen["scraper:runs[news].age"][0] == "warning"
    assert seen["scraper:runs[news].rows"] == ("ok", 40)
    assert seen["scraper:runs[news].last"] == ("warning", "failed")
    assert seen["scraper:runs[rides].age"][0] == "ok"
    assert seen["scraper:runs[rides].rows"] == ("ok", 12)
    assert seen["scraper:runs[rides].last"] == ("ok", "ok")
    assert seen["scraper:runs[sad].age"] == ("critical", None)
    assert seen["scraper:runs[new].age"] == ("unknown", None)


@pytest.mark.requirement("R-fairedge-11", "R-fairedge-20", "R-hyperopt-03")
def test_figures_come_from_the_queries_of_the_profile(make: Make, review: Review) -> None:
    place = make(*OFFERS)
    count = "SELECT count(*) FROM offers"
    by_sport = "SELECT sport, count(*) FROM offers GROUP BY sport ORDER BY sport"
    queries: dict[str, dict[str, t.Any]] = {
        "offers": {"query": f"{count} WHERE sport LIKE '%e%'", "unit": "rows"},
        "few": {"query": count, "worse": "below", "aspects": {"value": {"warning": 5}}},
        "sports": {"query": by_sport, "labelled": True, "aspects": {"value": {"warning": 1}}},
        "traffic": {
            "query": f"SELECT ({count}), 10",
            "baseline": True,
            "aspects": {"baseline": {"warning": 50}},
        },
        "usual": {
            "query": f"SELECT ({count}), 3.1",
            "baseline": True,
            "aspects": {"baseline": {"warning": 50}},
        },
        "new": {"query": f"SELECT ({count}), NULL", "baseline": True},
        "nothing": {"query": "SELECT max(id) FROM offers WHERE id > 99"},
        "many": {"query": "SELECT id FROM offers"},
        "wide": {"query": "SELECT 1, 2"},
        "text": {"query": "SELECT 'many'"},
    }
    checks = [{"name": name, "kind": "figure", **query, **place} for name, query in queries.items()]
    found = review(*checks, {"name": "revenue", "kind": "figure"})

    assert brief(found) == {
        "figure:offers": ("ok", 3),
        "figure:few": ("warning", 3),
        "figure:sports[hockey]": ("ok", 1),
        "figure:sports[tennis]": ("warning", 2),
        "figure:traffic": ("warning", 3),
        "figure:usual": ("ok", 3),
        "figure:new": ("info", 3),
        "figure:nothing": ("unknown", None),
        "figure:many": ("unknown", None),
        "figure:wide": ("unknown", None),
        "figure:text": ("unknown", None),
        "figure:revenue": ("unknown", None),
    }
    assert found["figure:offers"]["unit"] == "rows"
    assert "70 % away" in found["figure:traffic"]["message"]


@pytest.mark.requirement("R-trailblaze-08")
def test_orphans_are_counted_for_each_reference(make: Make, review: Review) -> None:
    references = [
        {"table": "children", "column": "parent_id", "parent": "parents"},
        {"table": "children", "column": "teacher_id", "parent": "parents", "parent_column": "id"},
    ]
    found = review(
        {"name": "family", "kind": "integrity", "references": references, **make(*FAMILIES)}
    )
    seen = {check: value for check, value in brief(found).items() if "orphans" in check}

    assert seen == {
        "integrity:family[children.parent_id].orphans": ("warning", 2),
        "integrity:family[children.teacher_id].orphans": ("ok", 0),
    }


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
