# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``figure``, in PostgreSQL and SQLite alike."""

from __future__ import annotations

import sqlite3
import typing as t
from pathlib import Path

import pytest

from tests.unit.module_utils.data_quality.conftest import OFFERS, Make, Review, brief


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


def test_labels_of_any_text_are_short_and_printable(make: Make, review: Review) -> None:
    query = "SELECT 'a' || char(10) || char(27) || 'b' || " + "|| ".join(["'xxxxxxxxxx'"] * 20)
    place = make(*OFFERS)
    if "database" in place:
        query = query.replace("char(", "chr(")
    found = review(
        {"name": "odd", "kind": "figure", "labelled": True, "query": f"{query}, 1", **place}
    )
    [check] = found

    assert check.startswith(r"figure:odd[a\n\x1bbxxx")
    assert len(check) < 100


def test_text_that_is_not_utf_8_ends_no_query(review: Review, tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT CAST(X'61FF62' AS TEXT) AS label")
    connection.close()

    found = review(
        {
            "name": "odd",
            "kind": "figure",
            "labelled": True,
            "query": "SELECT label, 1 FROM t",
            "sqlite": str(path),
        }
    )

    assert list(found) == [r"figure:odd[a\xffb]"]
