# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module that looks, called as Ansible does."""

from __future__ import annotations

from pathlib import Path

import pytest

from library import task_queue
from tests.unit.library.module_calls import Call, by_check, caller
from tests.unit.module_utils.task_queue.shop import opened


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Give the module with a state file of the test."""
    call = caller(task_queue, capsys)

    return lambda **arguments: call(state_file=str(tmp_path / "state.json"), **arguments)


def test_a_look_changes_nothing_and_remembers_what_it_saw(look: Call, tmp_path: Path) -> None:
    with opened(tmp_path) as shop:
        shop.redis.ask("LPUSH", "celery", "x")
        first = look(applications=[shop.entry(oldest={})], _ansible_check_mode=True)
        remembers = (tmp_path / "state.json").exists()
        second = look(applications=[shop.entry(oldest={})])

    assert first["changed"] is second["changed"] is False
    assert remembers is False
    assert (tmp_path / "state.json").exists()
    assert by_check(second)["task_queue:shop.queue_celery"]["observed"] == 1


def test_a_broker_that_is_not_there_is_a_finding(look: Call) -> None:
    answer = look(applications=[{"name": "shop", "broker": "redis://127.0.0.1:1/0"}])

    assert by_check(answer)["task_queue:shop"]["status"] == "unknown"


def test_bad_input_fails_with_advice(look: Call) -> None:
    answer = look(applications=[{"name": "shop", "broker": "amqp://:p-one@x"}])

    assert answer["failed"] is True
    assert "broker must be a URL redis://" in answer["msg"]
    assert "p-one" not in answer["msg"]
