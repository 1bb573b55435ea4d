# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real workers and a real beat, asked as on a host; and answers that are none of a worker's."""

from __future__ import annotations

import json
import os
import signal
import time
import typing as t

import pytest
from ansible.module_utils.upkeep.task_queue.beat import is_beat
from ansible.module_utils.upkeep.task_queue.workers import _KEPT, read

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


def test_longer_waits_than_the_broker_grants_are_a_warning(shop: Shop) -> None:
    shop.variables["VISIBLE"] = "60"
    shop.worker()
    found = shop.look(visibility_timeout={}, tasks=[{"name": "pay", "max_seconds": 30}])
    found = found["visibility_timeout"]

    assert found["status"] == "warning"
    assert found["observed"] == 60
    assert "a task may run 300 s" in found["message"]


HOSTILE: t.Final = [None, 7, "x", [], {}, [None], [{}], [[1]], {"pool": 1, "total": 2}, [7]]


@pytest.mark.parametrize("answer", HOSTILE)
@pytest.mark.parametrize("command", sorted(_KEPT))
def test_answers_that_are_none_of_a_worker_end_no_look(command: str, answer: t.Any) -> None:
    kept = _KEPT[command](answer)
    facts = read({"ping": {"w": 1}, command: {"w": json.loads(json.dumps(kept))}}, 0.0)

    assert facts.names == ("w",)
