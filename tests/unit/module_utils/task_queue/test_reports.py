# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Queues as users of Celery have reported them: figures that other tools show wrongly."""

from __future__ import annotations

import json
import pickle
import time
import typing as t

import pytest
from ansible.module_utils.upkeep.base.broker import SEPARATOR
from ansible.module_utils.upkeep.task_queue import findings as report
from ansible.module_utils.upkeep.task_queue.settings import parse
from ansible.module_utils.upkeep.task_queue.workers import read

from tests.unit.module_utils.task_queue.shop import Shop
from tests.unit.module_utils.task_queue.test_run import look, stored

Answer = dict[str, t.Any]


@pytest.mark.parametrize("queue", ["celery", "A-default", "ml:jobs"])
def test_a_queue_whose_tasks_have_the_last_priority_alone_is_not_empty(
    shop: Shop, queue: str
) -> None:
    shop.redis.ask("LPUSH", f"{queue}{SEPARATOR}9", "a", "b")

    assert look(shop, queues=[{"name": queue}])[f"queue_{queue}"]["observed"] == 2


def test_own_steps_of_priority_are_counted(shop: Shop) -> None:
    for step in range(1, 10):
        shop.redis.ask("LPUSH", f"celery{SEPARATOR}{step}", "a")

    assert look(shop)["queue_celery"]["observed"] == 3
    assert look(shop, priority_steps=list(range(10)))["queue_celery"]["observed"] == 9


def naming(**options: t.Any) -> dict[str, Answer]:
    """Return the findings on workers with such options of the transport, by aspect."""
    entry = {"name": "x", "broker": "redis://h", "queues": [{"name": "celery"}], "workers": {}}
    (application,) = parse({"applications": [entry]}).applications
    facts = read({"ping": {"w1": {}, "w2": {}}, "transport": {"w1": options, "w2": options}}, 0.0)

    return {
        item["check"].partition(".")[2]: t.cast(Answer, item)
        for item in report.workers(application, facts)
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"global_keyprefix": "shop:"}, "global_keyprefix shop:"),
        ({"sep": ":"}, "sep :"),
        ({"priority_steps": [0, 1, 2, 3]}, "priority_steps [0, 1, 2, 3]"),
    ],
)
def test_lists_that_are_not_counted_are_said(options: Answer, said: str) -> None:
    found = naming(**options)["workers.lists"]

    assert found["status"] == "warning"
    assert said in found["message"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"global_keyprefix": "", "sep": SEPARATOR, "priority_steps": [0, 3, 6, 9]},
        {"priority_steps": [0, 9]},
        {"global_keyprefix": 7, "sep": None, "priority_steps": "all"},
    ],
)
def test_lists_that_are_counted_need_no_word(options: Answer) -> None:
    assert "workers.lists" not in naming(**options)


def test_real_workers_with_a_prefix_are_noticed(shop: Shop) -> None:
    module = shop.folder / f"{shop.module}.py"
    prefix = "app.conf.broker_transport_options['global_keyprefix'] = 'shop:'\n"
    module.write_text(module.read_text() + prefix)
    shop.worker()
    found = shop.look(workers={})

    # Questions to workers have the prefix as well, so none of them hears ours.
    assert found["workers"]["status"] == "critical"


@pytest.mark.parametrize("prefix", [b"", b"x"])
def test_results_that_are_not_json_may_have_failed(shop: Shop, prefix: bytes) -> None:
    content = pickle.dumps({"status": "FAILURE", "result": "x"})
    text = (prefix + content).decode("utf-8", "surrogateescape")
    shop.redis.ask("SET", "celery-task-meta-pickled", text)
    found = look(shop, results={}, failed={"warning": 0})

    assert found["results"]["observed"] == 1
    assert found["failed"]["observed"] == 0
    assert found["failed.unread"]["status"] == "unknown"
    assert found["failed.unread"]["observed"] == 1


def test_a_result_that_is_too_large_may_have_failed(shop: Shop) -> None:
    stored(shop, "large", traceback="x" * 300_000)

    assert look(shop, failed={})["failed.unread"]["observed"] == 1


def test_large_results_of_tasks_that_succeeded_need_no_word(shop: Shop) -> None:
    content = json.dumps({"status": "SUCCESS", "result": "x" * 300_000})
    shop.redis.ask("SET", "celery-task-meta-large", content)

    assert "failed.unread" not in look(shop, failed={})


@pytest.mark.parametrize(
    "error",
    [
        {"exc_type": "JSONDecodeError", "exc_message": ["doc"], "exc_module": "json.decoder"},
        {"exc_type": "ShopError", "exc_message": [], "exc_module": "not.installed.here"},
        {"exc_type": "WorkerLostError", "exc_message": ["signal 9 (SIGKILL)"]},
    ],
)
def test_errors_that_nobody_here_could_raise_are_named(shop: Shop, error: Answer) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    stored(shop, "one", name="pay", args=[], kwargs={}, result=error, date_done=moment)
    found = look(shop, failed={"warning": 0})

    assert f"pay ({error['exc_type']}, one)" in found["failed"]["message"]
