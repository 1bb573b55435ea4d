# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Failed tasks of a real application are started again, with their arguments and once."""

from __future__ import annotations

import json

import pytest

from tests.unit.module_utils.task_queue.shop import Shop


@pytest.fixture
def failing(shop: Shop) -> Shop:
    """Give an application in which two tasks have failed."""
    shop.worker()
    shop.python("pay.delay(1, secret='a'); pay.delay(2)")
    shop.wait(lambda: _failures(shop) == 2)

    return shop


def _failures(shop: Shop) -> int:
    keys = shop.redis.ask("KEYS", "celery-task-meta-*")

    return sum("FAILURE" in str(shop.redis.ask("GET", key)) for key in keys)


@pytest.mark.requirement("R-fairedge-74")
def test_failed_tasks_run_again_once(failing: Shop) -> None:
    foretold = failing.change("retry", check_mode=True, task="pay")
    (failing.folder / "notes.mended").write_text("")
    first = failing.change("retry", task="pay")
    failing.wait(lambda: len(failing.notes) == 3)
    again = failing.change("retry", task="pay")

    assert foretold["number"] == first["number"] == 2
    assert sorted(failing.notes[1:]) == ["paid 1 a", "paid 2 None"]
    assert again["changed"] is False


@pytest.mark.requirement("R-fairedge-74")
def test_the_applications_own_task_for_that_is_started(failing: Shop) -> None:
    answer = failing.change("retry", task="tick")

    assert answer["message"] == "tick was started"


def test_a_task_that_no_worker_knows_is_not_started(failing: Shop) -> None:
    answer = failing.change("retry", task="unheard")

    assert answer["msg"] == "no worker knows a task unheard"


def test_without_a_worker_nothing_is_started(shop: Shop) -> None:
    assert shop.change("retry", task="pay")["msg"] == "no worker answers"


def test_without_names_nothing_is_started(shop: Shop) -> None:
    shop.variables["EXTENDED"] = "0"
    shop.worker()
    shop.python("pay.delay(1)")
    shop.wait(lambda: _failures(shop) == 1)

    assert "set result_extended" in shop.change("retry", task="pay")["msg"]


def test_a_damaged_memory_of_what_was_started_starts_nothing(failing: Shop) -> None:
    (failing.folder / "retried.json").write_text("{")
    answer = failing.change("retry", task="pay")

    assert "it is not known which tasks were started again" in answer["msg"]
    assert len(failing.notes) == 1


def test_arguments_that_were_cut_start_nothing(failing: Shop) -> None:
    (key, *_) = failing.redis.ask("KEYS", "celery-task-meta-*")
    result = json.loads(failing.redis.ask("GET", key))
    for found in failing.redis.ask("KEYS", "celery-task-meta-*"):
        content = {**result, "status": "FAILURE", "name": "pay", "args": "(1, 'a', ...)"}
        failing.redis.ask("SET", found, json.dumps(content))

    assert "have no arguments" in failing.change("retry", task="pay")["msg"]
    assert len(failing.notes) == 1
