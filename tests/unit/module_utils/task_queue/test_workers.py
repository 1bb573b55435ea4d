# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real workers and a real beat, asked as on a host; and answers that are none of a worker's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
import typing as t

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.task_queue import findings as report
from ansible.module_utils.upkeep.task_queue import workers
from ansible.module_utils.upkeep.task_queue.broker_facts import unbound
from ansible.module_utils.upkeep.task_queue.celery_processes import is_beat, is_worker
from ansible.module_utils.upkeep.task_queue.run import unbound_queues
from ansible.module_utils.upkeep.task_queue.settings import parse
from ansible.module_utils.upkeep.task_queue.workers import (
    _KEPT,
    ConsumedQueue,
    WorkerFacts,
    read,
)

from tests.unit.module_utils.task_queue.shop import Shop


@pytest.mark.requirement("R-fairedge-63", "R-fairedge-64", "R-fairedge-65", "R-fairedge-69")
def test_workers_say_what_they_do(busy_shop: Shop) -> None:
    found = busy_shop.look(
        workers={"at_least": 1},
        active={},
        scheduled={},
        statistics={},
        visibility_timeout={},
        tasks=[{"name": "slow", "max_seconds": 0.1}, {"name": "pay", "max_seconds": 30}],
    )

    assert found["workers"]["observed"] == 1
    assert found["active"]["message"].startswith("1 tasks run: slow for")
    assert "slow in 59" in found["scheduled"]["message"]
    assert found["statistics"]["message"].startswith("2 processes have finished")
    assert found["visibility_timeout"]["status"] == "ok"
    assert found["running_slow"]["status"] == "warning"
    assert found["running_pay"]["status"] == "ok"


@pytest.mark.requirement("R-fairedge-64")
def test_the_one_beat_has_sent_a_task_of_late(busy_shop: Shop) -> None:
    found = busy_shop.look(beat={"max_age": 30})

    assert found["beat"]["status"] == "ok"
    assert found["beat.last_run"]["status"] == "ok", found


def test_fewer_workers_than_there_must_be_are_critical(busy_shop: Shop) -> None:
    found = busy_shop.look(workers={"at_least": 2})["workers"]

    assert found["status"] == "critical"
    assert found["observed"] == 1


def test_no_worker_and_no_beat_are_critical(shop: Shop) -> None:
    found = shop.look(workers={}, beat={}, statistics={}, visibility_timeout={})

    assert found["workers"]["status"] == "critical"
    assert found["beat"]["status"] == "critical"
    assert found["statistics"]["status"] == "unknown"


def test_a_beat_that_hangs_is_told_from_one_that_works(shop: Shop) -> None:
    beat = shop.beat()
    shop.wait(lambda: shop.redis.ask("LLEN", "celery") >= 2)
    os.kill(beat.pid, signal.SIGSTOP)
    time.sleep(2.5)
    found = shop.look(beat={"max_age": 1})

    assert found["beat"]["status"] == "ok"
    assert found["beat.last_run"]["status"] == "warning"
    assert "sent its last task" in found["beat.last_run"]["message"]


def test_two_beats_are_critical(shop: Shop) -> None:
    shop.beat()
    shop.start("beat", "--pidfile=", f"--schedule={shop.folder / 'other'}")
    found = shop.look(beat={})["beat"]

    assert found["status"] == "critical"
    assert found["observed"] == 2


def test_a_broker_that_hides_its_connections_leaves_the_last_run_unknown(shop: Shop) -> None:
    shop.beat()
    shop.redis.ask("ACL", "SETUSER", "default", "-client")
    found = shop.look(beat={})

    assert found["beat"]["status"] == "ok"
    assert found["beat.last_run"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/usr/bin/python3 -m celery -A app.celery beat", True),
        ("/srv/venv/bin/celery --app=app.celery beat --schedule x", True),
        ("[celery beat] celery -A app.celery beat", True),
        ("[celery beat] -A app.celery beat --pidfile=", True),
        ("[celery beat] --app=app.celery beat", True),
        ("[celeryd: w@h:MainProcess] -active- (-A app.celery worker -c 1 -B)", True),
        ("[celeryd: w@h:MainProcess] -active- (-A app.celery worker -c 1)", False),
        ("[celery beat]", False),
        ("celery -A app.celery worker -B", True),
        ("celery -A app.celery worker", False),
        ("celery -A other.celery beat", False),
        ("vim app.celery beat", False),
        ("celery beat", False),
        ("", False),
    ],
)
def test_a_beat_is_known_by_its_command_line(line: str, expected: bool) -> None:
    assert is_beat(line.split(), "app.celery") is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/usr/bin/python3 -m celery -A app.celery worker --pool=solo", True),
        ("[celeryd: w@h:MainProcess] -active- (-A app.celery worker)", True),
        ("[celeryd: w@h:ForkPoolWorker-2]", False),
        ("celery -A app.celery beat", False),
        ("celery -A other.celery worker", False),
    ],
)
def test_a_worker_is_known_by_its_command_line(line: str, expected: bool) -> None:
    assert is_worker(line.split(), "app.celery") is expected


def test_a_busy_worker_of_the_pool_solo_is_not_called_stopped(shop: Shop) -> None:
    """Such a worker answers between two tasks only, and other tools call it down."""
    shop.start("worker", "--pool=solo", "--without-gossip", "--without-mingle")
    shop.python("slow.delay('x', 60)")
    shop.wait(lambda: "begin x" in shop.notes)
    found = shop.look(workers={})["workers"]

    assert found["status"] == "critical"
    assert "1 run on this host: they hang, or work in the pool solo" in found["message"]


def test_a_worker_that_takes_no_task_any_more_is_critical(shop: Shop) -> None:
    shop.worker()
    before = shop.look(workers={})
    shop.python("app.control.cancel_consumer('celery', reply=True); write.delay('waits')")
    found = shop.look(workers={})

    assert "queue_celery.workers" not in before
    assert found["workers"]["status"] == "ok"
    assert found["queue_celery"]["observed"] == 1
    assert found["queue_celery.workers"]["status"] == "critical"


def test_workers_that_share_a_name_are_counted_and_told(shop: Shop) -> None:
    for _ in range(2):
        shop.start("worker", "--concurrency=1", "--hostname=one@test", "--loglevel=INFO")
    shop.wait(lambda: (shop.folder / "log").read_text().count(" ready.") == 2)
    found = shop.look(workers={"at_least": 2})

    assert found["workers"]["status"] == "ok"
    assert found["workers"]["observed"] == 2
    assert found["workers.names"]["status"] == "warning"
    assert "one@test (2)" in found["workers.names"]["message"]


def test_longer_waits_than_the_broker_grants_are_a_warning(shop: Shop) -> None:
    shop.variables["VISIBLE"] = "60"
    shop.worker()
    found = shop.look(visibility_timeout={}, tasks=[{"name": "pay", "max_seconds": 30}])
    found = found["visibility_timeout"]

    assert found["status"] == "warning"
    assert found["observed"] == 60
    assert "a task may run 300 s" in found["message"]


class SlowWorkers:
    """Stands for Celery's control of workers that answer the ping, and then take their time."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def broadcast(self, command: str, *_arguments: t.Any, **_options: t.Any) -> list[t.Any]:
        """Note the question and answer it."""
        self.asked.append(command)

        return [{"w": {}}]


@pytest.mark.parametrize(("seconds", "asked"), [(1.5, ["ping"]), (30.0, ["ping", *_KEPT])])
def test_answers_that_came_in_time_are_not_lost_with_those_that_did_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, seconds: float, asked: list[str]
) -> None:
    slow = SlowWorkers()
    monkeypatch.setattr(workers, "control", lambda *_details: contextlib.nullcontext((slow, None)))
    (application,) = parse(shop.values(workers={}, active={})).applications
    answers = dict(workers._ask(application, seconds))

    assert sorted(slow.asked) == sorted(asked)
    assert read(answers, 0.0).names == ("w",)


HOSTILE: t.Final = [None, 7, "x", [], {}, [None], [{}], [[1]], {"pool": 1, "total": 2}, [7]]


@pytest.mark.parametrize("answer", HOSTILE)
@pytest.mark.parametrize("command", sorted(_KEPT))
def test_answers_that_are_none_of_a_worker_end_no_look(command: str, answer: t.Any) -> None:
    kept = _KEPT[command](answer)
    facts = read({"ping": {"w": 1}, command: {"w": json.loads(json.dumps(kept))}}, 0.0)

    assert facts.names == ("w",)


def not_bound(shop: Shop, *queues: t.Any, **options: t.Any) -> list[tuple[str, str]]:
    """Return the queues that are not bound when a worker says it takes tasks from ``queues``."""
    settings = parse(shop.values(workers={}, **options))
    consumed = _KEPT["active_queues"](list(queues))
    facts = read({"ping": {"w": 1}, "active_queues": {"w": consumed}}, 0.0)

    return [*unbound(settings.applications[0], facts, Deadline(20))]


def consumed(queue: str, exchange: str, **options: t.Any) -> dict[str, t.Any]:
    """Return a queue as a worker names it."""
    return {"name": queue, "exchange": {"name": exchange, "type": "direct"}, **options}


@pytest.mark.parametrize(
    "member",
    ["ml\x06\x16\x06\x16ml", "ml\x06\x16^ml$\x06\x16ml", "ml.#\x06\x16^ml\\..*?$\x06\x16ml"],
)
def test_a_queue_is_bound_to_the_exchange_that_the_worker_names(shop: Shop, member: str) -> None:
    shop.redis.ask("SADD", "_kombu.binding.tasks", member)

    assert not_bound(shop, consumed("ml", "tasks")) == []
    assert not_bound(shop, consumed("ml", "celery")) == [("ml", "celery")]
    assert not_bound(shop, consumed("l", "tasks")) == [("l", "tasks")]
    assert not_bound(shop, consumed("ml", "tasks"), key_prefix="x:") == [("ml", "tasks")]


@pytest.mark.parametrize(
    "queue",
    [
        {"name": "q", "exchange": {"name": "all", "type": "fanout"}},
        {"name": "q", "exchange": {"name": "", "type": "direct"}},
        {"name": "q", "exchange": None},
        consumed("q", "q", no_declare=True),
    ],
)
def test_queues_without_a_binding_of_their_own_need_none(
    shop: Shop, queue: dict[str, t.Any]
) -> None:
    assert not_bound(shop, queue) == []


def test_a_user_that_may_not_read_bindings_leaves_them_unknown(shop: Shop) -> None:
    shop.redis.ask("ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@all", "-smembers")
    settings = parse(shop.values(broker=shop.broker.replace("//", "//reader:pw@")))
    facts = WorkerFacts(names=("w",), consumed=(ConsumedQueue("ml", "ml"),))
    (found,) = report.bindings(
        settings.applications[0], unbound_queues(settings.applications[0], settings, facts)
    )

    assert found["check"] == "task_queue:shop.workers.bindings"
    assert found["status"] == "unknown"
    assert "smembers" in found["message"]
