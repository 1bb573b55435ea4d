# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task queue of the shipped profile on a real broker, at every limit of its guide."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.task_queue import findings as report
from ansible.module_utils.upkeep.task_queue import retry
from ansible.module_utils.upkeep.task_queue import run as runs
from ansible.module_utils.upkeep.task_queue.beat import BeatFacts
from ansible.module_utils.upkeep.task_queue.change import run as change
from ansible.module_utils.upkeep.task_queue.settings import parse, parse_change
from ansible.module_utils.upkeep.task_queue.workers import (
    WorkerFacts,
    WorkerStatistics,
    WorkerTask,
)

from tests import evidence
from tests.unit.module_utils.task_queue.shop import Shop, opened
from tests.unit.profiles.limits import Entry, profile

(ENTRY,) = profile("fairedge")["system_task_queue"]
(APPLICATION,) = parse({"applications": [ENTRY]}).applications
TASKS: t.Final = {
    "odds_refresh": 300,
    "ev_calculation": 120,
    "cache_warming": 60,
    "user_cleanup": 30,
}
#: A task of the profile that fails.
FAILING: t.Final = """
@app.task(name="odds_refresh")
def odds(number):
    note(f"tried {number}")
    raise ValueError(number)
"""


def facts(*active: WorkerTask) -> WorkerFacts:
    """Return what a worker answers that runs these tasks."""
    statistics = (WorkerStatistics("w", 1, {"odds_refresh": 7}),)

    return WorkerFacts(names=("w",), active=active, statistics=statistics)


def by_aspect(found: t.Iterable[Finding]) -> dict[str, Finding]:
    """Return findings by aspect."""
    return {item["check"].partition(".")[2]: item for item in found}


@pytest.mark.requirement("R-fairedge-69", "R-fairedge-70", "R-fairedge-71", "R-fairedge-72")
@pytest.mark.parametrize(("task", "seconds"), TASKS.items())
def test_a_task_is_judged_at_the_limit_of_the_guide(task: str, seconds: float) -> None:
    within, beyond = (
        by_aspect(report.workers(APPLICATION, facts(WorkerTask("w", task, of))))[f"running_{task}"]
        for of in (seconds, seconds + 1)
    )

    assert within["status"] == "ok"
    assert beyond["status"] == "warning"
    assert beyond["limits"]["warning"] == seconds
    evidence.add("fairedge", [beyond], f"at most {seconds} s")


@pytest.mark.requirement("R-fairedge-63", "R-fairedge-64", "R-fairedge-65")
def test_what_workers_and_beat_say_is_told() -> None:
    told = by_aspect(report.workers(APPLICATION, facts(WorkerTask("w", "odds_refresh", 5))))
    beat = by_aspect(report.beat(APPLICATION, BeatFacts((7,), age=601.0)))

    assert "odds_refresh for 5 s" in told["active"]["message"]
    assert "odds_refresh 7" in told["statistics"]["message"]
    assert beat["beat"]["status"] == "ok"
    assert beat["beat.last_run"]["status"] == "warning"
    evidence.add("fairedge", [*told.values(), *beat.values()], "told")


@pytest.fixture
def shop(tmp_path: Path) -> t.Iterator[Shop]:
    """Give a broker."""
    with opened(tmp_path) as found:
        yield found


def entry(shop: Shop) -> Entry:
    """Return the shipped entry with the address of the test's broker."""
    return {**ENTRY, "broker": shop.broker}


def look(shop: Shop) -> dict[str, Finding]:
    """Return what a look at the broker finds as that of the profile, but for the workers."""
    settings = parse(
        {"applications": [entry(shop)], "state_file": str(shop.folder / "state.json"), "timeout": 5}
    )
    found, _ = runs.look(settings.applications[0], settings, runs.SeenApplication(), time.time())

    return by_aspect(found)


@pytest.mark.requirement("R-fairedge-66", "R-fairedge-68", "R-fairedge-73")
@pytest.mark.parametrize(("waiting", "status"), [(100, "ok"), (101, "warning")])
def test_the_broker_is_judged_by_the_figures_of_the_guide(
    shop: Shop, waiting: int, status: str
) -> None:
    shop.redis.ask("LPUSH", "celery", *(f"task {number}" for number in range(waiting)))
    shop.redis.ask("SET", "celery-task-meta-x", '{"status": "SUCCESS"}')
    shop.redis.ask("RPUSH", "celery_failed", json.dumps({"task": "planted", "task_id": "planted"}))
    found = look(shop)

    assert found["queue_celery"]["status"] == status
    assert found["results"]["observed"] == 1
    assert found["failed"]["status"] == "warning"
    assert "planted" in found["failed"]["message"]
    evidence.add("fairedge", [found["queue_celery"]], f"{waiting} waiting")
    evidence.add("fairedge", [found["results"], found["failed"]], "told")


@pytest.mark.requirement("R-fairedge-67")
def test_the_profile_allows_its_queue_to_be_purged(shop: Shop) -> None:
    shop.redis.ask("LPUSH", "celery", "one", "two")
    values = {"applications": [entry(shop)], "action": "purge", "queue": "celery"}
    purged = change(parse_change({**values, "folder": str(shop.folder / "copies")}), False)

    assert purged["number"] == 2
    assert shop.redis.ask("EXISTS", "celery") == 0
    evidence.add("fairedge", purged["findings"], "purged")


@pytest.mark.requirement("R-fairedge-74")
def test_failed_tasks_of_the_profile_are_started_again(shop: Shop) -> None:
    with (shop.folder / f"{shop.module}.py").open("a") as stream:
        stream.write(FAILING)
    shop.worker()
    shop.python("odds.delay(7)")
    shop.wait(lambda: "tried 7" in shop.notes and shop.redis.ask("KEYS", "celery-task-meta-*"))
    shop.wait(lambda: len(_failures(shop)) == 1)
    applications = [entry(shop)]
    first = shop.change("retry", applications=applications, task="odds_refresh")
    shop.wait(lambda: shop.notes.count("tried 7") == 2)
    shop.wait(lambda: len(_failures(shop)) == 2)
    again = shop.change("retry", applications=applications, task="odds_refresh", at_most=1)

    assert first["message"] == "1 failed tasks odds_refresh were started again"
    assert first["findings"][0]["requirements"] == ["R-fairedge-74"]
    assert again["number"] == 1  # the second try failed as well
    evidence.add("fairedge", first["findings"], "started again")


def _failures(shop: Shop) -> list[str]:
    keys = shop.redis.ask("KEYS", "celery-task-meta-*")

    return [key for key in keys if "FAILURE" in str(shop.redis.ask("GET", key))]


@pytest.mark.requirement("R-fairedge-74")
def test_the_profile_names_what_may_be_started_again() -> None:
    for task in (*TASKS, "tasks.retry_failed"):
        asked = {"applications": [ENTRY], "action": "retry", "task": task}
        assert parse_change(asked).task == task


@pytest.mark.requirement("R-fairedge-74")
def test_what_was_started_again_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "start_again", lambda *_: (2, "2 failed tasks were started again"))
    asked = {"applications": [ENTRY], "action": "retry", "task": "odds_refresh"}
    [found] = change(parse_change(asked), False)["findings"]

    assert found["check"] == "task_queue:fairedge.retry"
    assert found["observed"] == 2
    evidence.add("fairedge", [found], "started again")
