# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guides' recipes for Celery, failing on a real broker, beside what task_queue does instead."""

from __future__ import annotations

import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.broker import SEPARATOR

from tests.unit.module_utils.task_queue.shop import PYTHON, Shop, opened


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Give an application whose broker runs."""
    with opened(tmp_path) as found:
        yield found


def celery(shop: Shop, *arguments: str) -> str:
    """Return what the command of the guide prints."""
    command = [PYTHON, "-m", "celery", "--broker", shop.broker, *arguments]

    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def look(shop: Shop, **options: t.Any) -> dict[str, t.Any]:
    """Return the findings of task_queue by aspect."""
    return shop.look(**options)


@pytest.mark.requirement("R-fairedge-67")
def test_a_purge_of_celery_loses_the_tasks(shop: Shop) -> None:
    shop.python("for number in range(5): write.delay(str(number))")
    celery(shop, "purge", "--force")
    shop.worker()

    assert shop.notes == ["worker is up"]


@pytest.mark.requirement("R-fairedge-67")
def test_ours_can_be_taken_back_and_the_tasks_run(shop: Shop) -> None:
    shop.python("for number in range(5): write.delay(str(number))")
    purged = shop.change("purge", queue="celery")
    shop.worker()
    before = len(shop.notes)
    shop.change("put_back", copy=purged["saved_as"])
    shop.wait(lambda: len(shop.notes) == 6)

    assert purged["number"] == 5
    assert before == 1


@pytest.mark.requirement("R-fairedge-66")
def test_the_length_of_one_list_leaves_other_priorities_out(shop: Shop) -> None:
    shop.redis.ask("LPUSH", f"celery{SEPARATOR}9", "a", "b")

    assert shop.redis.ask("LLEN", "celery") == 0
    assert look(shop)["queue_celery"]["observed"] == 2


@pytest.mark.requirement("R-fairedge-73")
def test_celery_keeps_no_list_of_failed_tasks(shop: Shop) -> None:
    shop.worker()
    shop.python("pay.delay(1)")
    shop.wait(lambda: look(shop, failed={})["failed"]["observed"] == 1)

    assert shop.redis.ask("LLEN", "celery_failed") == 0


#: A process that keeps running, as a web server does, while the broker loses a key.
SENDER: t.Final = """
def send(text):
    write.apply_async((text,), exchange="celery", routing_key="celery")

send("first")
app.connection_for_write().default_channel.client.delete("_kombu.binding.celery")
send("lost")
"""


def test_tasks_are_dropped_without_an_error_once_the_binding_is_gone(shop: Shop) -> None:
    shop.worker()
    before = look(shop, workers={})
    shop.python(SENDER)  # which reports no error
    shop.wait(lambda: "first" in shop.notes)
    found = look(shop, workers={})
    shop.stop()
    shop.worker()
    after = look(shop, workers={})

    assert "workers.bindings" not in before
    assert found["workers"]["status"] == "ok"
    assert found["queue_celery"]["observed"] == 0
    assert found["workers.bindings"]["status"] == "critical"
    assert "celery (exchange celery)" in found["workers.bindings"]["message"]
    assert "lost" not in shop.notes
    assert "workers.bindings" not in after
