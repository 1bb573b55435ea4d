# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at real brokers: what waits, what is in hand, what failed, and what cannot be known."""

from __future__ import annotations

import json
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.broker import SEPARATOR
from ansible.module_utils.upkeep.findings import Finding, validate_partial
from ansible.module_utils.upkeep.task_queue import run as runs
from ansible.module_utils.upkeep.task_queue.settings import parse
from ansible.module_utils.upkeep.task_queue.state import SeenApplication

from tests.unit.module_utils.redis_tune.server import running
from tests.unit.module_utils.task_queue.shop import Shop

NOW: t.Final = 1_800_000_000.0
FAILED: t.Final[dict[str, t.Any]] = {"failed": {"warning": 0}}


def look(shop: Shop, check_mode: bool = False, **options: t.Any) -> dict[str, Finding]:
    """Return the findings of a look that asks no workers, by aspect; all must be valid."""
    answer = runs.run(parse(shop.values(**options)), check_mode)
    for found in answer["findings"]:
        validate_partial(found)

    assert answer["changed"] is False

    return {item["check"].partition(".")[2]: item for item in answer["findings"]}


def looked(
    shop: Shop, before: SeenApplication, now: float, **options: t.Any
) -> tuple[dict[str, Finding], SeenApplication]:
    """Return the findings of a look at a moment, and what has been seen."""
    settings = parse(shop.values(**options))
    findings, seen = runs.look(settings.applications[0], settings, before, now)

    return {item["check"].partition(".")[2]: item for item in findings}, seen


def message(name: str) -> str:
    """Return a message of Celery."""
    return json.dumps({"headers": {"id": name, "task": "pay"}, "body": "x"})


def stored(shop: Shop, task_id: str, **content: t.Any) -> None:
    """Store the result of a task that failed."""
    value = {
        "status": "FAILURE",
        "result": {"exc_type": "ValueError"},
        "task_id": task_id,
        **content,
    }
    shop.redis.ask("SET", f"celery-task-meta-{task_id}", json.dumps(value), "EX", 600)


@pytest.mark.requirement("R-fairedge-66")
def test_a_queue_that_is_not_there_is_empty(shop: Shop) -> None:
    found = look(shop)["queue_celery"]

    assert found["status"] == "ok"
    assert found["observed"] == 0


@pytest.mark.requirement("R-fairedge-66", "R-fairedge-141")
def test_waiting_tasks_are_those_of_all_priorities_and_not_those_in_hand(shop: Shop) -> None:
    for name in ("celery", f"celery{SEPARATOR}3", f"celery{SEPARATOR}9"):
        shop.redis.ask("LPUSH", name, *(message(f"{number}") for number in range(40)))
    shop.redis.ask("HSET", "unacked", "a", "{}", "b", "{}")
    shop.redis.ask("ZADD", "unacked_index", int(time.time() - 90), "a")
    found = look(shop, queues=[{"name": "celery", "warning": 100}], in_hand={"warning": 60})

    assert found["queue_celery"]["status"] == "warning"
    assert found["queue_celery"]["observed"] == 120
    assert "have taken 2 tasks" in found["in_hand"]["message"]
    assert found["in_hand"]["status"] == "warning"


def test_the_age_of_a_waiting_task_is_that_of_the_looks_at_it(shop: Shop) -> None:
    shop.redis.ask("LPUSH", "celery", message("first"), message("second"))
    options = {"oldest": {"warning": 100.0}}
    first, seen = looked(shop, SeenApplication(), NOW, **options)
    later, seen = looked(shop, seen, NOW + 300, **options)
    shop.redis.ask("RPOP", "celery")
    taken, seen = looked(shop, seen, NOW + 400, **options)

    assert first["oldest"]["observed"] == 0
    assert later["oldest"]["observed"] == 300
    assert later["oldest"]["status"] == "warning"
    assert taken["oldest"]["observed"] == 0


def test_a_clock_that_was_set_back_makes_no_age_negative(shop: Shop) -> None:
    shop.redis.ask("LPUSH", "celery", message("first"))
    _, seen = looked(shop, SeenApplication(), NOW, oldest={})
    back, seen = looked(shop, seen, NOW - 3600, oldest={})
    later, _ = looked(shop, seen, NOW - 3500, oldest={})

    assert back["oldest"]["observed"] == 0
    assert later["oldest"]["observed"] == 100


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"headers": 1}', "x" * 100_000, "\x00\xff"])
def test_a_message_that_is_none_of_celery_has_an_age_as_well(shop: Shop, text: str) -> None:
    shop.redis.ask("LPUSH", "celery", text)
    _, seen = looked(shop, SeenApplication(), NOW, oldest={})
    later, _ = looked(shop, seen, NOW + 60, oldest={})

    assert later["oldest"]["observed"] == 60


def test_a_key_of_another_type_is_unknown(shop: Shop) -> None:
    shop.redis.ask("SET", "celery", "x")

    assert look(shop)[""]["status"] == "unknown"


@pytest.mark.requirement("R-fairedge-68")
def test_results_are_counted_and_other_keys_are_not(shop: Shop) -> None:
    for number in range(1200):
        shop.redis.ask("SET", f"celery-task-meta-{number}", '{"status": "SUCCESS"}')
    shop.redis.ask("SET", "other", "x")

    assert look(shop, results={"warning": 1000})["results"]["observed"] == 1200
    part = look(shop, results={"max_scanned": 100})["results"]
    assert "among the first" in part["message"]


@pytest.mark.requirement("R-fairedge-73")
def test_failed_tasks_are_named_and_their_arguments_are_not(shop: Shop) -> None:
    stored(shop, "one", name="pay", args=["s-e-c-r-e-t"], kwargs={}, date_done=_ago(60))
    stored(shop, "old", name="pay", args=[], kwargs={}, date_done=_ago(90_000))
    found = look(shop, **FAILED)

    assert found["failed"]["status"] == "warning"
    assert found["failed"]["observed"] == 1
    assert "pay (ValueError, one)" in found["failed"]["message"]
    assert "s-e-c-r-e-t" not in str(found)
    assert "failed.names" not in found


@pytest.mark.requirement("R-fairedge-73")
def test_without_extended_results_the_names_are_unknown(shop: Shop) -> None:
    stored(shop, "one", date_done=_ago(60))
    found = look(shop, **FAILED)

    assert found["failed"]["status"] == "warning"
    assert found["failed.names"]["status"] == "unknown"
    assert "result_extended" in found["failed.names"]["message"]


@pytest.mark.parametrize(
    "content", ["{", "[]", '"x"', '{"status": 7}', '{"status": "FAILURE"}', "FAILURE" * 50_000]
)
def test_results_that_are_damaged_end_no_look(shop: Shop, content: str) -> None:
    shop.redis.ask("SET", "celery-task-meta-x", content)
    shop.redis.ask("RPUSH", "celery-task-meta-list", "x")
    found = look(shop, results={}, **FAILED)

    assert found["results"]["observed"] == 2
    assert found["failed"]["status"] in ("ok", "warning")


@pytest.mark.requirement("R-fairedge-73")
def test_the_list_of_the_application_counts_as_well(shop: Shop) -> None:
    entry = {"task": "pay", "task_id": "listed", "error": "ValueError('s-e-c-r-e-t')"}
    shop.redis.ask(
        "RPUSH", "failures", json.dumps(entry), "{", json.dumps({"failed_at": _ago(9e6)})
    )
    options = {"failed": {"warning": 0, "list": "failures", "hours": 1}}
    first, seen = looked(shop, SeenApplication(), NOW, **options)
    later, _ = looked(shop, seen, NOW + 7200, **options)

    assert first["failed"]["observed"] == 2
    assert "pay (ValueError, listed)" in first["failed"]["message"]
    assert "s-e-c-r-e-t" not in str(first)
    assert later["failed"]["observed"] == 0


def test_check_mode_remembers_nothing(shop: Shop) -> None:
    look(shop, check_mode=True, oldest={})

    assert not (shop.folder / "state.json").exists()


def test_a_damaged_state_file_is_replaced(shop: Shop) -> None:
    (shop.folder / "state.json").write_text("{")
    look(shop, oldest={})

    assert json.loads((shop.folder / "state.json").read_text())["version"] == 1


# Brokers that cannot be asked.


def test_a_broker_that_is_down_is_unknown_with_all_that_hangs_on_it(shop: Shop) -> None:
    shop.redis.stop()
    found = look(shop, workers={}, results={}, failed={}, tasks=[{"name": "pay", "max_seconds": 1}])

    assert {item["status"] for item in found.values()} == {"unknown"}
    assert set(found) == {"", "workers", "results", "failed", "running_pay"}


def test_a_broker_that_loses_its_password_never_shows_it(tmp_path: Path) -> None:
    with running(tmp_path, password="p-one") as redis:  # noqa: S106
        shop = Shop(redis, tmp_path)
        good = look(shop, broker=f"redis://:p-one@127.0.0.1:{redis.port}/0")
        wrong = look(shop, broker=f"redis://:p-two@127.0.0.1:{redis.port}/0")

    assert good[""]["status"] == "ok"
    assert wrong[""]["status"] == "unknown"
    assert "p-two" not in str(wrong)


def test_a_user_that_may_not_read_is_told_so(tmp_path: Path) -> None:
    with running(tmp_path, "user default on nopass ~* +@all -hlen -client") as redis:
        found = look(Shop(redis, tmp_path))

    assert found[""]["status"] == "unknown"
    assert "hlen" in found[""]["message"]


def test_a_replica_and_a_database_without_keys_are_looked_at(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "replica"
    folder.mkdir()
    with running(folder, f"replicaof 127.0.0.1 {shop.redis.port}") as replica:
        found = look(Shop(replica, folder), broker=f"redis://127.0.0.1:{replica.port}/7")

    assert found["queue_celery"]["observed"] == 0


def test_a_host_without_a_queue_says_so() -> None:
    answer = runs.run(parse({"applications": []}), False)

    assert [item["check"] for item in answer["findings"]] == ["task_queue:none"]


def _ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - seconds))
