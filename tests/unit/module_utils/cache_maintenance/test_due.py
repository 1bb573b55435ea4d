# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a warming or a scraper is due, and when it waits."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance.due import scraper_due, warming_due
from ansible.module_utils.upkeep.cache_maintenance.file_caches import ClassReport
from ansible.module_utils.upkeep.cache_maintenance.settings import Scraper, Warming
from ansible.module_utils.upkeep.cache_maintenance.state import LastRun

from tests.unit.module_utils.cache_maintenance.folders import file_cache, settings

NOW: t.Final = 1_000_000.0
LIVES: t.Final = {"html": 86400.0, "json": 43200.0}


def warming() -> Warming:
    """Return a warming of every six hours."""
    redis = {"name": "r", "patterns": [{"name": "a", "pattern": "a:*"}]}
    entry = {
        "name": "w",
        "user": "root",
        "folder": "/",
        "argv": ["true"],
        "restart": {"argv": ["true"]},
        "redis_cache": "r",
        "every_hours": 6,
    }

    return settings(Path("/x"), redis_caches=[redis], warmings=[entry]).warmings[0]


def scraper(**options: t.Any) -> Scraper:
    """Return a scraper with triggers and switches."""
    entry = {
        "name": "s",
        "unit": "s.service",
        "file_cache": "calendar",
        "due_classes": ["json"],
        "refresh": {"variable": "REFRESH"},
        "validate": {"variable": "VALIDATE"},
        "triggers": {},
        **options,
    }

    return settings(Path("/x"), file_caches=[file_cache(Path("/x"))], scrapers=[entry]).scrapers[0]


@pytest.mark.parametrize(
    ("last", "run_id", "scope"),
    [
        (LastRun(), "a", "all"),
        (LastRun(NOW - 7 * 3600, NOW - 7 * 3600, "a"), "a", "all"),
        (LastRun(NOW - 3600, NOW - 3600, "a"), "a", ""),
        (LastRun(NOW - 3600, NOW - 3600, "a"), "b", "important"),
        (LastRun(NOW - 3600, NOW - 3600, "a"), "", ""),
        (LastRun(NOW - 60, NOW - 60, "a"), "b", ""),
        (LastRun(NOW - 60, 0.0, ""), "a", ""),
        (LastRun(NOW - 3600, 0.0, ""), "a", "all"),
        (LastRun(NOW + 99, NOW + 99, "a"), "a", "all"),
    ],
)
def test_a_warming_is_due(last: LastRun, run_id: str, scope: str) -> None:
    assert warming_due(warming(), last, run_id, NOW).scope == scope


def reports(age: float | None, **html: t.Any) -> dict[str, ClassReport]:
    """Return what was seen of a cache whose newest entry is so old."""
    return {
        "html": ClassReport(count=1, newest_valid=60.0, **html),
        "json": ClassReport(count=1, newest_valid=age),
    }


@pytest.mark.parametrize(
    ("seen", "is_due", "switches"),
    [
        (reports(60.0), False, ()),
        (reports(43201.0), True, ()),
        (reports(None), True, ()),
        (reports(60.0, invalid=["a (b)"]), True, ("refresh", "validate")),
        (reports(60.0, change=60.0), True, ("refresh", "validate")),
        (reports(60.0, change=90_000.0), False, ()),
    ],
)
def test_a_scraper_is_due(
    seen: dict[str, ClassReport], is_due: bool, switches: tuple[str, ...]
) -> None:
    last = LastRun(NOW - 7200, NOW - 7200)
    decision = scraper_due(scraper(), last, seen, LIVES, NOW)

    assert decision.is_due is is_due
    assert decision.switches == switches


def test_a_scraper_that_failed_waits() -> None:
    decision = scraper_due(scraper(), LastRun(NOW - 60, 0.0), reports(None), LIVES, NOW)

    assert not decision.is_due
    assert "the last try is less than 50 minutes ago" in decision.reason


def test_without_triggers_nothing_is_refreshed() -> None:
    seen = reports(60.0, invalid=["a (b)"], change=1.0)

    assert not scraper_due(scraper(triggers=None), LastRun(), seen, LIVES, NOW).is_due
