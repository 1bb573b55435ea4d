# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whole calls: what is swept, emptied, refreshed and warmed, and what is only told."""

from __future__ import annotations

import os
import pwd
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance import scraper_units
from ansible.module_utils.upkeep.cache_maintenance.run import run

from tests.unit.module_utils.cache_maintenance.folders import (
    events,
    file_cache,
    page,
    put,
    settings,
)
from tests.unit.module_utils.redis_tune.server import RedisServer

ME: t.Final = pwd.getpwuid(os.geteuid()).pw_name
SCRAPER: t.Final[dict[str, t.Any]] = {
    "name": "s",
    "unit": "s.service",
    "file_cache": "calendar",
    "due_classes": ["html"],
    "refresh": {"variable": "REFRESH", "requirements": ["R-trailblaze-100"]},
    "debug": {"variable": "DEBUG", "requirements": ["R-trailblaze-101"]},
    "triggers": {"requirements": ["R-trailblaze-114"]},
    "requirements": ["R-trailblaze-116"],
}


def kept(root: Path, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
    """Return a call's answer, its findings by check."""
    answer = run(settings(root, **options), check_mode)
    answer["findings"] = {found["check"]: found for found in answer["findings"]}

    return answer


class Unit:
    """Stands for the scraper's unit: notes its switches and does what a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.runs: list[list[str]] = []
        self.work: t.Callable[[], None] = lambda: None
        monkeypatch.setattr(scraper_units, "run", self._run)

    def _run(self, _scraper: t.Any, switches: t.Sequence[str]) -> None:
        self.runs.append(list(switches))
        self.work()


@pytest.fixture
def unit(monkeypatch: pytest.MonkeyPatch) -> Unit:
    """Give a unit that succeeds and writes nothing."""
    return Unit(monkeypatch)


def test_a_sweep_removes_and_a_second_one_has_nothing_to_do(tmp_path: Path) -> None:
    page(tmp_path / "cache", "old", 300)
    page(tmp_path / "cache", "new", 1)
    caches = {"file_caches": [file_cache(tmp_path)], "work": ["sweep", "look"]}

    foretold = kept(tmp_path, check_mode=True, **caches)
    first = kept(tmp_path, **caches)
    second = kept(tmp_path, **caches)

    assert foretold["findings"]["cache:calendar[html].expired"]["status"] == "info"
    assert foretold["diff"] == first["diff"]
    assert first["actions"] == ["remove 1 expired entries of calendar.html"]
    assert first["findings"]["cache:calendar[html].expired"]["status"] == "ok"
    assert second["changed"] is False


def test_what_nobody_has_accepted_or_another_run_holds_is_left_alone(tmp_path: Path) -> None:
    page(tmp_path / "cache", "old", 300)
    page(tmp_path / "cache", "new", 1)
    caches = {"file_caches": [file_cache(tmp_path)]}
    unknown = {"require_acceptance": True, "accepted_file": str(tmp_path / "none")}

    for why in (unknown, {"forbidden": "another run holds the lock"}):
        answer = kept(tmp_path, **caches, **why)
        assert answer["changed"] is False
        assert answer["findings"]["cache:calendar[html].expired"]["status"] == "info"

    assert (tmp_path / "cache" / "page_old.html").exists()


def test_the_last_good_entry_stays_with_a_warning(tmp_path: Path) -> None:
    page(tmp_path / "cache", "old", 300)
    page(tmp_path / "cache", "new", 1, rows=0)
    answer = kept(tmp_path, file_caches=[file_cache(tmp_path)], work=["sweep"])

    assert answer["findings"]["cache:calendar[html].kept"]["status"] == "warning"
    assert (tmp_path / "cache" / "page_old.html").exists()


def test_figures_are_reported_with_their_limits(tmp_path: Path) -> None:
    page(tmp_path / "cache", "a", 1)
    events(tmp_path / "cache", "a", 13)
    put(tmp_path / "cache", "page_b.json", "{}", 1)
    cache = file_cache(tmp_path, size={"warning": 1}, age={}, valid={"warning": 100})
    found = kept(tmp_path, file_caches=[cache], work=["look"])["findings"]

    assert found["cache:calendar[html].fresh"]["limits"]["warning"] == 24
    assert found["cache:calendar[json].fresh"]["status"] == "info"
    assert found["cache:calendar.size"]["status"] == "ok"
    assert found["cache:calendar.valid"]["observed"] == 66.7
    assert found["cache:calendar.valid"]["status"] == "warning"
    assert "html 1.0" in found["cache:calendar.age"]["message"]


def test_a_folder_that_is_not_there_is_unknown_and_the_next_is_looked_at(tmp_path: Path) -> None:
    page(tmp_path / "cache", "a", 1)
    gone = file_cache(tmp_path, name="gone", folder=str(tmp_path / "none"))
    found = kept(tmp_path, file_caches=[gone, file_cache(tmp_path)], work=["look"])["findings"]

    assert found["cache:gone"]["status"] == "unknown"
    assert found["cache:calendar[html].fresh"]["status"] == "ok"


@pytest.mark.parametrize(
    ("hours", "rows", "runs"),
    [(1, 2, []), (30, 2, [[]]), (1, 0, [["refresh"]])],
    ids=["fresh", "stale", "not valid"],
)
def test_a_scraper_runs_when_it_is_due(
    tmp_path: Path, unit: Unit, hours: float, rows: int, runs: list[list[str]]
) -> None:
    page(tmp_path / "cache", "a", hours, rows)
    answer = kept(
        tmp_path, file_caches=[file_cache(tmp_path)], scrapers=[SCRAPER], work=["refresh"]
    )

    assert unit.runs == runs
    assert answer["changed"] is bool(runs)
    assert answer["findings"]["scraper:s"]["status"] == "ok"


def test_what_is_not_valid_goes_only_when_the_refresh_succeeded(tmp_path: Path, unit: Unit) -> None:
    bad = page(tmp_path / "cache", "bad", 1, rows=0)
    good = page(tmp_path / "cache", "good", 1)
    caches = {"file_caches": [file_cache(tmp_path)], "scrapers": [SCRAPER], "work": ["refresh"]}

    def fail() -> None:
        raise scraper_units.ScraperError("it ended with exit-code")

    unit.work = fail
    failed = kept(tmp_path, **caches)
    assert failed["findings"]["scraper:s"]["status"] == "warning"
    assert bad.exists()

    waits = kept(tmp_path, **caches)
    assert "the last try is less than" in waits["findings"]["scraper:s"]["message"]

    unit.work = lambda: None
    (tmp_path / "state.json").unlink()
    done = kept(tmp_path, **caches)
    assert done["findings"]["scraper:s"]["status"] == "ok"
    assert "R-trailblaze-114" in done["findings"]["scraper:s"]["requirements"]
    assert not bad.exists()
    assert good.exists()


def test_a_silent_source_holds_the_scraper(tmp_path: Path, unit: Unit) -> None:
    page(tmp_path / "cache", "a", 99)
    scraper = {**SCRAPER, "sources": [{"name": "site", "url": "http://127.0.0.1:1/"}]}
    answer = kept(
        tmp_path, file_caches=[file_cache(tmp_path)], scrapers=[scraper], work=["refresh"]
    )

    assert unit.runs == []
    assert answer["findings"]["scraper:s.sources"]["status"] == "warning"
    assert "what is stale is kept" in answer["findings"]["scraper:s"]["message"]


def test_a_scraper_that_is_asked_for_gets_its_switches(tmp_path: Path, unit: Unit) -> None:
    page(tmp_path / "cache", "a", 1)
    answer = kept(
        tmp_path,
        file_caches=[file_cache(tmp_path)],
        scrapers=[SCRAPER],
        run=["s"],
        switches=["refresh", "debug"],
    )

    assert unit.runs == [["refresh", "debug"]]
    ids = answer["findings"]["scraper:s"]["requirements"]
    assert ids == ["R-trailblaze-100", "R-trailblaze-101", "R-trailblaze-116"]


def test_emptying_renews_first_and_removes_what_was_not_renewed(tmp_path: Path, unit: Unit) -> None:
    folder = tmp_path / "cache"
    page(folder, "a", 1)
    page(folder, "gone", 1)
    events(folder, "a", 1)

    def renew() -> None:
        page(folder, "a", 0)

    unit.work = renew
    caches = {"file_caches": [file_cache(tmp_path)], "scrapers": [SCRAPER]}
    counted = kept(tmp_path, check_mode=True, empty=["calendar.html"], **caches)
    answer = kept(tmp_path, empty=["calendar.html"], **caches)

    assert counted["findings"]["cache:calendar[html].emptying"]["observed"] == 2
    assert unit.runs == [["refresh"]]
    assert answer["findings"]["cache:calendar[html].emptying"]["observed"] == 1
    assert sorted(path.name for path in folder.iterdir()) == ["page_a.html", "page_a.json"]


def test_a_cache_that_cannot_be_renewed_is_not_emptied(tmp_path: Path, unit: Unit) -> None:
    path = page(tmp_path / "cache", "a", 1)

    def fail() -> None:
        raise scraper_units.BusyError("s.service runs already")

    unit.work = fail
    caches = {"file_caches": [file_cache(tmp_path)], "scrapers": [SCRAPER]}
    answer = kept(tmp_path, empty=["all"], **caches)

    assert answer["findings"]["cache:calendar.emptying"]["status"] == "warning"
    assert path.exists()


def redis_cache(server: RedisServer, **options: t.Any) -> dict[str, t.Any]:
    """Return an entry of the profile for a server."""
    pattern = {"name": "all", "pattern": "cached:*", **options.pop("keys", {})}

    return {"name": "shop", "port": server.port, "patterns": [pattern], **options}


def test_emptying_keys_counts_first_and_spares_the_broker(
    tmp_path: Path, redis: RedisServer
) -> None:
    for number in range(10):
        redis.ask("SET", f"cached:{number}", "x")
    redis.ask("LPUSH", "celery", "task")
    caches = {"redis_caches": [redis_cache(redis)], "empty": ["all"]}

    counted = kept(tmp_path, check_mode=True, **caches)
    answer = kept(tmp_path, **caches)
    again = kept(tmp_path, **caches)

    assert counted["findings"]["cache:shop[all].emptying"]["observed"] == 10
    assert answer["actions"] == ["remove 10 keys of shop.all"]
    assert redis.ask("LLEN", "celery") == 1
    assert again["changed"] is False


def test_hits_are_those_since_the_previous_run(tmp_path: Path, redis: RedisServer) -> None:
    caches = {
        "redis_caches": [redis_cache(redis, hits={"warning": 90, "min_lookups": 10})],
        "work": ["look"],
    }
    redis.ask("SET", "cached:1", "x")
    for _ in range(20):
        redis.ask("GET", "none")
    first = kept(tmp_path, **caches)
    for _ in range(20):
        redis.ask("GET", "cached:1")
    second = kept(tmp_path, **caches)

    assert first["findings"]["cache:shop.hits"]["status"] == "warning"
    assert second["findings"]["cache:shop.hits"]["observed"] == 100
    redis.stop()
    assert kept(tmp_path, **caches)["findings"]["cache:shop"]["status"] == "unknown"


def test_a_sweep_takes_the_keys_that_nobody_reads(tmp_path: Path, redis: RedisServer) -> None:
    redis.ask("SET", "cached:1", "x")
    young = redis_cache(redis, keys={"sweep_idle_hours": 1}, lifetimes={})
    answer = kept(tmp_path, redis_caches=[young])

    assert answer["changed"] is False
    assert answer["findings"]["cache:shop[all].swept"]["status"] == "ok"
    assert answer["findings"]["cache:shop[all].lifetimes"]["observed"] == 0


def test_a_warming_runs_once_and_again_after_a_restart(tmp_path: Path, redis: RedisServer) -> None:
    script = [sys.executable, "-c", "import sys; open('out', 'a').write(sys.argv[1])"]
    warming = {
        "name": "w",
        "user": ME,
        "folder": str(tmp_path),
        "argv": [*script, "a"],
        "restart": {"argv": [*script, "h"]},
        "redis_cache": "shop",
        "every_hours": 6,
        "min_minutes": 1,
    }
    caches = {
        "redis_caches": [redis_cache(redis)],
        "warmings": [warming],
        "work": ["refresh"],
    }

    first, second = kept(tmp_path, **caches), kept(tmp_path, **caches)
    redis.restart()
    state = tmp_path / "state.json"
    state.write_text(state.read_text().replace(f'"at": {int(time.time())}', '"at": 1'))
    age_state(state)
    third = kept(tmp_path, **caches)

    assert first["findings"]["warming:w"]["message"].startswith("last warmed never")
    assert second["changed"] is False
    assert "the server was restarted" in third["findings"]["warming:w"]["message"]
    assert (tmp_path / "out").read_text() == "ah"


def age_state(path: Path) -> None:
    """Make the last warming five minutes older."""
    import json

    state = json.loads(path.read_text())
    for one in state["warmings"].values():
        one["at"] -= 300
        one["good_at"] -= 300
    path.write_text(json.dumps(state))


def test_a_warming_that_fails_is_a_warning_and_waits(tmp_path: Path) -> None:
    warming = {
        "name": "w",
        "user": ME,
        "folder": str(tmp_path),
        "argv": [sys.executable, "-c", "raise SystemExit('no database')"],
        "every_hours": 6,
    }
    first = kept(tmp_path, warmings=[warming], work=["refresh"])
    second = kept(tmp_path, warmings=[warming], work=["refresh"])

    assert "no database" in first["findings"]["warming:w"]["message"]
    assert "less than 10 minutes ago" in second["findings"]["warming:w"]["message"]


def test_leftovers_go_and_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    put(tmp_path / "tests", "test_a.db", "x", 30)
    left = [{"name": "tests", "root": str(tmp_path), "files": "test_*.db"}]

    assert kept(tmp_path, check_mode=True, leftovers=left)["changed"] is True
    assert kept(tmp_path, leftovers=left)["changed"] is True
    second = kept(tmp_path, leftovers=left)
    assert second["changed"] is False
    assert second["findings"]["leftovers:tests"]["status"] == "ok"


def test_a_state_that_cannot_be_kept_is_a_finding(tmp_path: Path) -> None:
    warming = {
        "name": "w",
        "user": ME,
        "folder": str(tmp_path),
        "argv": ["true"],
        "every_hours": 6,
    }
    (tmp_path / "state.json").mkdir()
    found = kept(tmp_path, warmings=[warming], work=["refresh"])["findings"]

    assert found["cache:state"]["status"] == "warning"


def test_a_host_without_caches_has_one_finding(tmp_path: Path) -> None:
    assert kept(tmp_path)["findings"]["cache:none"]["status"] == "info"
