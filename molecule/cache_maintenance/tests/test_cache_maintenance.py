# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is past its time is gone, what is needed is there, and what is due was run once."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

Finding = dict[str, t.Any]
FleetHost = Callable[[str], t.Any]
Runs = Callable[[str], list[Path]]
CHECK, FIRST, SECOND = 0, 1, 2
FILES, KEYS = "trailblaze-1", "fairedge-1"
CACHE = "/opt/trailblaze/cache"


def found(run: Path, host: str) -> dict[str, Finding]:
    """Return the findings of a host by check."""
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    findings = [event["finding"] for event in events if event["event"] == "finding"]

    return {item["check"]: item for item in findings if item["host"] == host}


def test_check_mode_foretold_the_run_and_the_next_run_changed_nothing(records: t.Any) -> None:
    check, first, second = records("converge")[: SECOND + 1]

    assert sorted(change["host"] for change in check["changes"]) == [KEYS, FILES]
    assert sorted(change["host"] for change in first["changes"]) == [KEYS, FILES]
    assert second["changes"] == []


@pytest.mark.requirement("R-trailblaze-103", "R-trailblaze-107")
def test_old_entries_are_gone_and_no_link_was_followed(runs: Runs, fleet_host: FleetHost) -> None:
    host = fleet_host(FILES)
    first = found(runs("converge")[FIRST], FILES)

    assert first["cache:calendar[html].expired"]["observed"] == 1
    assert not host.file(f"{CACHE}/aerc_calendar_2020-01.html").exists
    assert not host.file(f"{CACHE}/aerc_calendar_2020-02.html").exists
    assert host.file(f"{CACHE}/aerc_calendar_link.html").is_symlink
    assert host.file("/srv/outside.html").exists


@pytest.mark.requirement("R-trailblaze-114", "R-trailblaze-116", "R-trailblaze-117")
def test_an_entry_that_is_not_valid_made_the_scraper_refresh_everything(
    runs: Runs, fleet_host: FleetHost
) -> None:
    host = fleet_host(FILES)
    first, second = (found(runs("converge")[number], FILES) for number in (FIRST, SECOND))

    assert "with refresh, validate" in first["scraper:aerc_calendar"]["message"]
    assert first["scraper:aerc_calendar"]["status"] == "ok"
    assert first["scraper:aerc_calendar.sources"]["status"] == "ok"
    assert not host.file(f"{CACHE}/aerc_calendar_2020-03.json").exists
    assert "not due" in second["scraper:aerc_calendar"]["message"]
    assert host.run("ls /run/systemd/system/trailblaze-scraper.service.d").stdout == ""


@pytest.mark.requirement(
    "R-trailblaze-120", "R-trailblaze-121", "R-trailblaze-122", "R-trailblaze-123"
)
def test_figures_are_reported(runs: Runs) -> None:
    second = found(runs("converge")[SECOND], FILES)

    assert "lookups in 7 days were answered" in second["cache:calendar.hits"]["message"]
    assert second["cache:calendar.size"]["status"] == "ok"
    assert second["cache:calendar.age"]["status"] == "ok"
    assert second["cache:calendar.valid"]["observed"] == 100


@pytest.mark.requirement("R-fairedge-62")
def test_the_cache_was_warmed_once(runs: Runs, fleet_host: FleetHost) -> None:
    first, second = (found(runs("converge")[number], KEYS) for number in (FIRST, SECOND))

    assert first["warming:opportunities"]["status"] == "ok", first["warming:opportunities"]
    assert "not due" in second["warming:opportunities"]["message"]
    assert "opportunities:best" in fleet_host(KEYS).check_output("redis-cli -n 1 KEYS '*best'")


def test_young_databases_of_tests_stay(fleet_host: FleetHost) -> None:
    for user in ("fairedge", "trailblaze"):
        host = fleet_host(f"{user}-1")

        assert not host.file(f"/opt/{user}/tests/test_old.db").exists
        assert host.file(f"/opt/{user}/tests/test_young.db").exists


@pytest.mark.requirement("R-fairedge-58", "R-fairedge-59")
def test_emptying_takes_declared_keys_and_spares_the_queue(
    fleet_host: FleetHost, play: t.Any
) -> None:
    host = fleet_host(KEYS)
    asked = ["--limit", KEYS, "-e", "cache_maintenance_empty=all"]
    asked += ["-e", "production_guard_environment=production"]
    refused = play("converge", *asked)

    assert refused.returncode != 0
    assert "upkeep_confirm_production=fairedge" in refused.stdout
    assert host.check_output("redis-cli -n 1 EXISTS opportunities:planted") == "1"

    done = play("converge", *asked, "-e", "upkeep_confirm_production=fairedge")

    assert done.returncode == 0, done.stdout
    assert host.check_output("redis-cli -n 1 EXISTS opportunities:planted") == "0"
    assert host.check_output("redis-cli -n 1 EXISTS lock:opportunities") == "1"
    assert host.check_output("redis-cli LLEN planted") == "1"
