# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``scrapers``, in PostgreSQL and SQLite alike."""

from __future__ import annotations

import typing as t

import pytest

from tests.unit.module_utils.data_quality.conftest import Make, Review, brief

RUNS: t.Final = (
    "CREATE TABLE runs (name text, status text, finished timestamp, found integer)",
    "INSERT INTO runs VALUES ('news', 'ok', {old}, 40), ('news', 'failed', {now}, 0),"
    " ('rides', 'failed', {old}, 0), ('rides', 'ok', {now}, 12), ('rides', 'ok', {old}, 1),"
    " ('rides', 'ok', NULL, NULL), ('sad', 'failed', {now}, 0)",
)


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
