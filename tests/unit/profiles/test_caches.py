# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Caches of the shipped profiles: each life time at its boundary, each switch, trigger and pattern.

Folders, servers and programs are real and this test's own. The unit of a scraper, the journal and
the addresses of sites are replaced.
"""

from __future__ import annotations

import json
import os
import pwd
import sys
import time
import typing as t
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance import journal_hits, scraper_units, sources
from ansible.module_utils.upkeep.cache_maintenance.journal_hits import HitCount
from ansible.module_utils.upkeep.cache_maintenance.run import run
from ansible.module_utils.upkeep.cache_maintenance.settings import parse
from ansible.module_utils.upkeep.findings import Finding

from tests import evidence
from tests.unit.module_utils.redis_tune.server import RedisServer, running
from tests.unit.profiles.limits import Entry, profile

HOUR: t.Final = 3600.0
ROW: t.Final = "<tr><td>a</td><td>b</td><td>2026-01-01</td><td>2026-01-01</td><td>25</td></tr>"
EVENT: t.Final = {
    "name": "a",
    "location": "b",
    "date_start": "2026-01-01",
    "date_end": "2026-01-01",
    "distance_miles": "25",
}
TEXTS: t.Final = {
    "html": ROW,
    "json": json.dumps({"events": [EVENT]}),
    "comparison": json.dumps({"changed": 0}),
    "outside_api": json.dumps({"answer": "x"}),
}
NAMES: t.Final = {
    "html": "aerc_calendar_{}.html",
    "json": "aerc_calendar_{}.json",
    "comparison": "comparison_{}.json",
    "outside_api": "gemini_{}.json",
}
CLASSES: t.Final = profile("trailblaze")["system_file_caches"][0]["classes"]
ME: t.Final = pwd.getpwuid(os.geteuid()).pw_name


class Calendar:
    """trailblaze's cache below a folder of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "cache"
        self.folder.mkdir()
        shipped = profile("trailblaze")
        place = {"folder": str(self.folder), "root": str(root)}
        self.options: Entry = {
            "file_caches": [{**entry, **place} for entry in shipped["system_file_caches"]],
            "scrapers": shipped["system_scrapers"],
            "state_file": str(root / "state.json"),
            "require_acceptance": False,
            "timeout": 20,
        }

    def put(self, kind: str, month: str, hours: float, text: str | None = None) -> Path:
        """Write an entry that is so old."""
        path = self.folder / NAMES[kind].format(month)
        path.write_text(TEXTS[kind] if text is None else text)
        moment = time.time() - hours * HOUR
        os.utime(path, (moment, moment))

        return path

    def fill(self, hours: float = 0.1) -> None:
        """Write a fresh entry of each class."""
        for kind in TEXTS:
            self.put(kind, "2026-11", hours)

    def keep(self, **options: t.Any) -> dict[str, Finding]:
        """Return the findings of a call by check."""
        answer = run(parse({**self.options, **options}), False)

        return {found["check"]: found for found in answer["findings"]}


@pytest.fixture
def calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calendar:
    """Give trailblaze's cache, with sites that answer and a journal with hits."""
    monkeypatch.setattr(sources, "silent", lambda *_: {})
    monkeypatch.setattr(journal_hits, "read", lambda *_: HitCount(20, 24))

    return Calendar(tmp_path)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Give the switches of the scraper's runs, which all succeed."""
    found: list[list[str]] = []

    def note(_scraper: t.Any, switches: Sequence[str]) -> None:
        found.append(list(switches))

    monkeypatch.setattr(scraper_units, "run", note)

    return found


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: str(kind["name"]))
def test_an_entry_is_stale_beyond_its_life_and_goes_beyond_three(
    calendar: Calendar, kind: Entry
) -> None:
    name, hours = kind["name"], kind["hours"]
    calendar.put(name, "2026-10", hours - 0.1)
    within = calendar.keep(work=["look"])[f"cache:calendar[{name}].fresh"]
    calendar.put(name, "2026-10", hours + 0.1)
    beyond = calendar.keep(work=["look"])[f"cache:calendar[{name}].fresh"]

    assert within["status"] == "ok"
    assert beyond["status"] == "info"
    assert beyond["limits"]["warning"] == hours

    old = calendar.put(name, "2020-01", 3 * hours + 0.1)
    young = calendar.put(name, "2020-02", 3 * hours - 0.1)
    swept = calendar.keep(work=["sweep"])[f"cache:calendar[{name}].expired"]
    assert not old.exists()
    assert young.exists()
    evidence.add("trailblaze", [beyond, swept], f"hours {hours:g}")


def test_figures_of_the_cache_are_reported(calendar: Calendar) -> None:
    calendar.fill()
    good = calendar.keep(work=["look"])
    calendar.put("html", "2026-12", 1, "<tr>")
    bad = calendar.keep(work=["look"])

    assert good["cache:calendar.hits"]["observed"] == 83.3
    assert good["cache:calendar.size"]["status"] == "ok"
    assert good["cache:calendar.age"]["status"] == "ok"
    assert good["cache:calendar.valid"]["status"] == "ok"
    assert bad["cache:calendar.valid"]["status"] == "warning"
    evidence.add("trailblaze", [good[f"cache:calendar.{name}"] for name in ("hits", "size", "age")])
    evidence.add("trailblaze", [bad["cache:calendar.valid"]])


@pytest.mark.parametrize("name", ["html", "json", "comparison"])
def test_the_scraper_is_due_when_the_newest_entry_is_stale(
    calendar: Calendar, runs: list[list[str]], name: str
) -> None:
    calendar.fill()
    fresh = calendar.keep(work=["refresh"])["scraper:aerc_calendar"]
    assert runs == []

    hours = next(kind["hours"] for kind in CLASSES if kind["name"] == name)
    calendar.put(name, "2026-11", hours + 0.1)
    due = calendar.keep(work=["refresh"])["scraper:aerc_calendar"]

    assert "not due" in fresh["message"]
    assert runs == [[]]
    evidence.add("trailblaze", [due], "aerc_calendar")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("html", "<tr><th>a</th></tr>"),
        ("json", json.dumps({"events": [{"name": "a"}]})),
        ("json", json.dumps({"events": [EVENT, EVENT]})),
        ("comparison", json.dumps({"changed": 3})),
    ],
    ids=["structure", "schema", "count", "schedule"],
)
def test_a_trigger_refreshes_everything(
    calendar: Calendar, runs: list[list[str]], kind: str, text: str
) -> None:
    calendar.fill()
    calendar.put(kind, "2026-11", 0.05, text)
    found = calendar.keep(work=["refresh"])["scraper:aerc_calendar"]

    assert runs == [["refresh", "validate"]]
    evidence.add("trailblaze", [found], "with refresh, validate")


@pytest.mark.parametrize("switch", ["refresh", "validate", "debug"])
def test_a_switch_is_for_one_run(calendar: Calendar, runs: list[list[str]], switch: str) -> None:
    calendar.fill()
    asked = calendar.keep(run=["aerc_calendar"], switches=[switch])["scraper:aerc_calendar"]
    variable = profile("trailblaze")["system_scrapers"][0][switch]["variable"]

    assert runs == [[switch]]
    evidence.add("trailblaze", [asked], f"{variable}=true")


def test_the_sites_are_asked_before_the_scraper_runs(
    calendar: Calendar, runs: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar.fill(30)
    monkeypatch.setattr(sources, "silent", lambda *_: {"gemini": "it answers 503"})
    silent = calendar.keep(work=["refresh"])
    assert runs == []

    monkeypatch.setattr(sources, "silent", lambda *_: {})
    well = calendar.keep(work=["refresh"])
    assert runs == [[]]
    assert silent["scraper:aerc_calendar.sources"]["status"] == "warning"
    assert well["scraper:aerc_calendar.sources"]["status"] == "ok"
    evidence.add("trailblaze", [silent["scraper:aerc_calendar.sources"]])


@pytest.mark.parametrize("asked", ["all", "calendar", "calendar.json"])
def test_the_cache_is_emptied_on_demand(
    calendar: Calendar, runs: list[list[str]], asked: str
) -> None:
    calendar.fill()
    found = calendar.keep(empty=[asked])
    left = sorted(path.name for path in calendar.folder.iterdir())

    assert runs == [["refresh"]]
    assert ("aerc_calendar_2026-11.json" in left) is False
    assert ("aerc_calendar_2026-11.html" in left) is (asked == "calendar.json")
    evidence.add("trailblaze", [found["cache:calendar[json].emptying"]], asked)


def prove(findings: Sequence[Finding], figure: str, *numbers: int) -> None:
    """Keep what a test saw of some requirements of fairedge."""
    wanted = {f"R-fairedge-{number}" for number in numbers}
    evidence.add(
        "fairedge",
        [{**one, "requirements": sorted(wanted & {*one["requirements"]})} for one in findings],
        figure,
    )


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server that keeps nothing."""
    with running(tmp_path, "save ''") as server:
        yield server


def redis_caches(system: str, server: RedisServer) -> Entry:
    """Return the options of a system's caches on a server of the test."""
    return {
        "redis_caches": [
            {**entry, "port": server.port} for entry in profile(system)["system_redis_caches"]
        ],
        "state_file": str(server.folder / "state.json"),
        "require_acceptance": False,
    }


def kept(options: Entry) -> dict[str, Finding]:
    """Return the findings of a call by check."""
    return {found["check"]: found for found in run(parse(options), False)["findings"]}


def test_keys_of_fairedge_are_judged_by_use_and_emptied_beside_the_queue(
    redis: RedisServer,
) -> None:
    options = redis_caches("fairedge", redis)
    with_database = "for i=1,200 do redis.call('SET','opportunities:'..i,'x','EX',300) end"
    redis.ask("EVAL", f"redis.call('SELECT',1) {with_database}", 0)
    redis.ask("LPUSH", "celery", "task")
    looked = kept({**options, "work": ["look"]})
    emptied = kept({**options, "empty": ["all"]})

    assert looked["cache:opportunities[best].lifetimes"]["observed"] == 0
    assert looked["cache:opportunities.hits"]["status"] in ("ok", "info")
    assert emptied["cache:opportunities[best].emptying"]["observed"] == 200
    assert redis.ask("LLEN", "celery") == 1
    evidence.add("fairedge", looked.values())
    evidence.add("fairedge", emptied.values(), "opportunities:*")


def test_the_cache_of_hyperopt_is_looked_at_and_swept(redis: RedisServer) -> None:
    redis.ask("SET", "cache:1", "x")
    found = kept({**redis_caches("hyperopt", redis), "work": ["sweep", "look"]})

    assert found["cache:results[cached].swept"]["status"] == "ok"
    assert found["cache:results[cached].lifetimes"]["status"] == "ok"
    evidence.add("hyperopt", found.values())


def test_the_cache_is_warmed_every_six_hours_and_after_a_restart(redis: RedisServer) -> None:
    (shipped,) = profile("fairedge")["system_cache_warmings"]
    note = [sys.executable, "-c", "import sys; open('out', 'a').write(' '.join(sys.argv[1:]))"]
    warming = {
        **shipped,
        "user": ME,
        "folder": str(redis.folder),
        "environment_file": None,
        "argv": [*note, *shipped["argv"][2:]],
        "restart": {**shipped["restart"], "argv": [*note, *shipped["restart"]["argv"][2:]]},
    }
    options = {**redis_caches("fairedge", redis), "warmings": [warming], "work": ["refresh"]}
    state, out = redis.folder / "state.json", redis.folder / "out"

    first = kept(options)["warming:opportunities"]
    make_older(state, 5.9)
    early = kept(options)["warming:opportunities"]
    redis.restart()
    restarted = kept(options)["warming:opportunities"]
    make_older(state, 0.2)
    again = kept(options)["warming:opportunities"]

    assert "not due" in early["message"]
    assert "the server was restarted" in restarted["message"]
    assert out.read_text() == "--all--priority=high--all"
    assert [found["status"] for found in (first, restarted, again)] == ["ok", "ok", "ok"]
    prove([again], "every 6 h", 62)
    prove([restarted], "--priority=high", 61, 62)


def test_the_whole_cache_is_warmed_after_a_deployment(redis: RedisServer) -> None:
    (shipped,) = profile("fairedge")["system_cache_warmings"]
    note = [sys.executable, "-c", "import sys; open('out', 'a').write(' '.join(sys.argv[1:]))"]
    warming = {
        **shipped,
        "user": ME,
        "folder": str(redis.folder),
        "environment_file": None,
        "argv": [*note, *shipped["argv"][2:]],
    }
    options = {**redis_caches("fairedge", redis), "warmings": [warming], "work": ["refresh"]}
    kept(options)

    # As roles/predictor_deploy/tasks/warm.yml has it; it is not due.
    deployed = kept({**options, "run": [shipped["name"]]})["warming:opportunities"]

    assert deployed["status"] == "ok"
    assert (redis.folder / "out").read_text() == "--all--all"
    prove([deployed], "--all", 87)


def make_older(path: Path, hours: float) -> None:
    """Put the warmings that a state file has back in time."""
    state = json.loads(path.read_text())
    for one in state["warmings"].values():
        one["at"] -= hours * HOUR
        one["good_at"] -= hours * HOUR
    path.write_text(json.dumps(state))


def test_databases_that_tests_left_go_after_a_day(tmp_path: Path) -> None:
    (shipped,) = profile("student_success")["system_leftovers"]
    old, young = tmp_path / "deep" / "test_a.db", tmp_path / "test_b.db"
    old.parent.mkdir()
    for path, hours in ((old, 24.1), (young, 23.9)):
        path.write_text("x")
        os.utime(path, (time.time() - hours * HOUR,) * 2)

    entry = {**shipped, "root": str(tmp_path)}
    found = kept(
        {
            "leftovers": [entry],
            "require_acceptance": False,
            "state_file": str(tmp_path / "state.json"),
        }
    )

    assert not old.exists()
    assert young.exists()
    evidence.add("student_success", found.values(), shipped["files"])
