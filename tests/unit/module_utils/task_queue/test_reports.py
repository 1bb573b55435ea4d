# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Queues as users of Celery have reported them: figures that other tools show wrongly."""

from __future__ import annotations

import json
import os
import pickle
import signal
import time
import typing as t

import pytest
from ansible.module_utils.upkeep.base.broker import SEPARATOR
from ansible.module_utils.upkeep.task_queue import findings as report
from ansible.module_utils.upkeep.task_queue.settings import parse
from ansible.module_utils.upkeep.task_queue.workers import _by_worker, _namesakes, read

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
    ("answers", "status"),
    [
        ({"w1": [["celery", "celery"]], "w2": []}, None),
        ({"w1": [["celery", ""]], "w2": []}, None),
        ({"w1": [], "w2": []}, "critical"),
        ({"w1": [["other", "other"]], "w2": [["celery2", ""]]}, "critical"),
        ({"w1": []}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_workers_that_answer_and_have_lost_their_queue_are_told(
    answers: Answer, status: str | None
) -> None:
    """Celery answers a ping after its broker was restarted, and may take no task any more."""
    entry = {"name": "x", "broker": "redis://h", "queues": [{"name": "celery"}], "workers": {}}
    (application,) = parse({"applications": [entry]}).applications
    facts = read({"ping": {"w1": {}, "w2": {}}, "active_queues": answers}, 0.0)
    found = {item["check"].partition(".")[2]: item for item in report.workers(application, facts)}

    assert found.get("queue_celery.workers", {}).get("status") == status


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


def give_prefix(shop: Shop) -> None:
    """Let the application put a prefix before the keys of its broker."""
    module = shop.folder / f"{shop.module}.py"
    prefix = "app.conf.broker_transport_options['global_keyprefix'] = 'shop:'\n"
    module.write_text(module.read_text() + prefix)


def test_workers_and_lists_with_a_prefix_are_found_by_it(shop: Shop) -> None:
    give_prefix(shop)
    first = shop.worker()
    shop.python("slow.delay('a', 30)")
    shop.wait(lambda: "begin a" in shop.notes)
    shop.python("for number in range(7): write.delay('later')")
    shop.wait(lambda: shop.redis.ask("LLEN", "shop:celery") + 1 >= 7)
    own = {"queues": [{"name": "celery"}], "key_prefix": "shop:"}
    found = shop.look(workers={}, active={}, in_hand={}, oldest={}, **own)

    assert found["workers"]["observed"] == 1, found
    assert "workers.lists" not in found
    assert "slow for" in found["active"]["message"]
    assert found["queue_celery"]["observed"] + found["in_hand"]["message"].count("1 tasks") >= 7

    os.killpg(first.pid, signal.SIGKILL)
    waiting = shop.redis.ask("LLEN", "shop:celery")
    entry = shop.entry(key_prefix="shop:", purge={})
    copy = shop.change("purge", applications=[entry], queue="celery")["saved_as"]
    assert shop.redis.ask("EXISTS", "shop:celery") == 0

    shop.change("put_back", applications=[entry], copy=copy)
    assert shop.redis.ask("LLEN", "shop:celery") == waiting > 0


def test_a_prefix_that_the_profile_does_not_name_leaves_no_worker(shop: Shop) -> None:
    give_prefix(shop)
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


@pytest.mark.parametrize("prefix", ["shop_", "shop:", "{a}.b-"])
def test_results_with_a_prefix_are_found_by_it_and_told_without_it(shop: Shop, prefix: str) -> None:
    content = json.dumps({"status": "FAILURE", "task_id": "one", "result": {"exc_type": "X"}})
    shop.redis.ask("SET", f"{prefix}celery-task-meta-one", content)
    without = look(shop, results={}, failed={"warning": 0})
    named = look(shop, result_prefix=prefix, results={}, failed={"warning": 0})

    assert without["results.prefix"]["status"] == "unknown"
    assert without["failed.prefix"]["status"] == "unknown"
    assert f"'{prefix}'" in without["failed.prefix"]["message"]
    assert named["results"]["observed"] == 1
    assert named["failed"]["status"] == "warning"
    assert "failed.prefix" not in named


def test_results_of_others_in_the_same_back_end_need_no_word(shop: Shop) -> None:
    for name in ("celery-task-meta-own", "other_celery-task-meta-x"):
        shop.redis.ask("SET", name, '{"status": "SUCCESS"}')
    found = look(shop, results={}, failed={})

    assert found["results"]["observed"] == 1
    assert "results.prefix" not in found


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


QUESTIONS: t.Final[Answer] = {
    "ping": {"w1": {}, "w2": {}},
    "active": {"w1": [["pay", 0.0]], "w2": []},
    "scheduled": {"w1": [], "w2": []},
    "reserved": {"w1": [], "w2": []},
    "stats": {"w1": {"processes": 1, "totals": {"pay": 2}}, "w2": {}},
    "transport": {"w1": {}, "w2": {}},
    "conf": {"w1": {}, "w2": {}},
}
OF_QUESTIONS: t.Final = ("active", "scheduled", "statistics", "visibility_timeout", "running_pay")


def answered(now: float, **answers: Answer) -> dict[str, Answer]:
    """Return the findings on two workers with such answers, by aspect."""
    aspects: Answer = {aspect: {} for aspect in OF_QUESTIONS if aspect != "running_pay"}
    tasks = [{"name": "pay", "max_seconds": 30}]
    entry = {"name": "x", "broker": "redis://h", "workers": {}, "tasks": tasks, **aspects}
    (application,) = parse({"applications": [entry]}).applications
    facts = read({**QUESTIONS, **answers}, now)

    return {
        item["check"].partition(".")[2]: t.cast(Answer, item)
        for item in report.workers(application, facts)
    }


def test_workers_that_answer_all_leave_nothing_unknown() -> None:
    found = answered(10.0)

    assert {found[aspect]["status"] for aspect in OF_QUESTIONS} == {"ok"}


@pytest.mark.parametrize(
    ("question", "aspects"),
    [
        ("active", {"active", "running_pay"}),
        ("scheduled", {"scheduled", "visibility_timeout"}),
        ("reserved", {"scheduled"}),
        ("stats", {"statistics", "visibility_timeout"}),
        ("conf", {"visibility_timeout"}),
    ],
)
def test_what_a_worker_did_not_answer_is_unknown(question: str, aspects: set[str]) -> None:
    first = {"w1": QUESTIONS[question]["w1"]}
    found = answered(10.0, **{question: first})
    unknown = {aspect for aspect in OF_QUESTIONS if found[aspect]["status"] == "unknown"}

    assert unknown == aspects
    assert all("w2 did not answer" in found[aspect]["message"] for aspect in aspects)
    assert found["workers"]["observed"] == 2


def test_a_start_that_is_later_than_the_broker_waits_is_a_warning() -> None:
    """Kombu gives the task to another worker meanwhile, each time it waits so long."""
    found = answered(10.0, scheduled={"w1": [["pay", 21_610.0]], "w2": []})["visibility_timeout"]

    assert found["status"] == "warning"
    assert "pay starts in 21600 s" in found["message"]


@pytest.mark.parametrize(("indexed", "forgotten"), [(0, 3), (1, 2), (3, 0)])
def test_tasks_that_no_other_worker_would_get_are_told(
    shop: Shop, indexed: int, forgotten: int
) -> None:
    for number in range(3):
        shop.redis.ask("HSET", "unacked", f"tag{number}", "[]")
    for number in range(indexed):
        shop.redis.ask("ZADD", "unacked_index", int(time.time()), f"tag{number}")
    found = look(shop, in_hand={"warning": 60})

    assert found["in_hand"]["status"] == "ok"
    assert ("in_hand.forgotten" in found) is bool(forgotten)
    assert found.get("in_hand.forgotten", {}).get("observed", 0) == forgotten


def test_a_task_that_runs_too_long_is_said_although_a_worker_is_silent() -> None:
    found = answered(99.0, active={"w1": [["pay", 0.0]]})

    assert found["running_pay"]["status"] == "warning"
    assert found["active"]["status"] == "unknown"


def test_without_any_worker_it_is_not_known_what_runs() -> None:
    nothing: Answer = {question: {} for question in QUESTIONS}
    found = answered(10.0, **nothing)

    assert found["workers"]["status"] == "critical"
    assert {found[aspect]["status"] for aspect in OF_QUESTIONS} == {"unknown"}


@pytest.mark.parametrize(
    ("second", "more"),
    [
        ({"pid": 7, "uptime": 101}, {}),  # the same one, connected twice
        ({"pid": 8, "uptime": 100}, {"w1": 1}),
        ({"pid": 7, "uptime": 5000}, {"w1": 1}),  # in another container
        ({"pid": None, "uptime": "x"}, {"w1": 1}),
    ],
)
def test_a_worker_that_answers_twice_is_one(second: Answer, more: Answer) -> None:
    assert _namesakes([{"w1": {"pid": 7, "uptime": 100}}, {"w1": second}]) == more


def test_that_a_command_failed_in_a_worker_is_no_answer_to_it() -> None:
    replies = [{"w1": [{"name": "pay"}]}, {"w2": {"error": "KeyError('x')"}}]

    assert _by_worker(replies) == {"w1": [{"name": "pay"}]}
