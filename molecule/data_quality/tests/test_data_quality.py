# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Data on live hosts: what was planted is found and nothing else, in one call.

A database that is down is unknown.
"""

from __future__ import annotations

import typing as t

import pytest

Findings = list[dict[str, t.Any]]


def by_check(findings: Findings, host: str) -> dict[str, dict[str, t.Any]]:
    return {item["check"]: item for item in findings if item["host"] == host}


def bad(findings: Findings, host: str) -> dict[str, str]:
    quiet = ("ok", "info")
    return {
        check: item["status"]
        for check, item in by_check(findings, host).items()
        if item["status"] not in quiet
    }


@pytest.mark.requirement("R-hyperopt-07", "R-hyperopt-08", "R-hyperopt-09", "R-hyperopt-10")
@pytest.mark.requirement("R-hyperopt-11", "R-hyperopt-12", "R-hyperopt-13", "R-hyperopt-14")
def test_the_market_is_judged_pair_by_pair(findings: Findings) -> None:
    assert bad(findings, "hyperopt-db") == {
        "series:market[AAA].prices": "warning",
        "series:market[AAA].volumes": "warning",
        "series:market[BBB].missing": "warning",
        "series:market[BBB].gaps": "warning",
        "series:market[CCC].points": "critical",
        "series:market[CCC].missing": "warning",
        "series:market[CCC].gaps": "warning",
        "series:market[CCC].age": "critical",
        "integrity:hyperopt[backtest_trades.strategy_id].orphans": "warning",
        "integrity:hyperopt[optimization_results.strategy_id].orphans": "warning",
        "integrity:hyperopt.constraints": "warning",
    }

    found = by_check(findings, "hyperopt-db")

    assert found["series:market[AAA].prices"]["observed"] == 2
    assert found["series:market[AAA].volumes"]["observed"] == 1
    assert 118 <= found["series:market[BBB].missing"]["observed"] <= 124
    assert not any("OLD" in check for check in found), "a pair that is not active needs no data"


def test_figures_of_the_business_and_storage_are_told(findings: Findings) -> None:
    found = by_check(findings, "hyperopt-db")

    assert found["figure:active-strategies"]["observed"] == 60
    assert 90 <= found["figure:optimisation-success"]["observed"] <= 100
    assert (
        found["figure:optimisation-seconds[p95]"]["observed"]
        > found["figure:optimisation-seconds[average]"]["observed"]
    )
    assert found["integrity:hyperopt.amcheck"]["status"] == "ok"


@pytest.mark.requirement(
    "R-trailblaze-04", "R-trailblaze-08", "R-trailblaze-109", "R-trailblaze-110", "R-trailblaze-111"
)
def test_scraper_cache_and_calendar_are_judged(findings: Findings) -> None:
    assert bad(findings, "trailblaze-1") == {
        "cache:aerc_calendar.rows": "warning",
        "cache:aerc_calendar.fields": "warning",
        "scraper:calendar[aerc_calendar].age": "warning",
    }

    found = by_check(findings, "trailblaze-1")

    assert "location is missing" in found["cache:aerc_calendar.fields"]["message"]
    assert "12 rows, 11 events" in found["cache:aerc_calendar.rows"]["message"]
    assert found["scraper:calendar[aerc_calendar].rows"]["observed"] == 72
    assert found["integrity:trailblaze.amcheck"]["status"] == "ok"
    assert found["cache:aerc_calendar[comparison_*.json].life"]["status"] == "ok"


def test_one_call_and_no_change(records: t.Any) -> None:
    for record in records("converge"):
        [role] = [role for role in record["roles"] if role["role"] == "data_quality"]
        assert role["remote_tasks_by_host"] == {"hyperopt-db": 1, "trailblaze-1": 1}
        assert record["changes"] == []


def test_a_database_that_is_down_is_unknown_and_files_are_still_judged(
    host: t.Any, play: t.Any, records: t.Any
) -> None:
    host.check_output("systemctl stop postgresql@*-main.service")
    try:
        done = play("converge", "--limit=trailblaze-1")
    finally:
        host.check_output(
            "systemctl start $(ls /etc/postgresql | sed 's/.*/postgresql@&-main.service/')"
        )

    assert done.returncode == 0, done.stdout

    found = {item["check"]: item for item in records("converge")[-1]["findings"]}

    assert found["integrity:trailblaze"]["status"] == "unknown"
    assert "check that its server runs" in found["integrity:trailblaze"]["message"]
    assert found["cache:aerc_calendar.fields"]["status"] == "warning"
