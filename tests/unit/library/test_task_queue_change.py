# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module that changes, called as Ansible does."""

from __future__ import annotations

from pathlib import Path

import pytest

from library import task_queue_change
from tests.unit.library.module_calls import Call, caller
from tests.unit.module_utils.task_queue.shop import opened


@pytest.fixture
def change(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Give the module with a folder for copies of the test."""
    call = caller(task_queue_change, capsys)

    return lambda **arguments: call(folder=str(tmp_path / "copies"), **arguments)


def test_check_mode_foretells_and_a_second_call_changes_nothing(
    change: Call, tmp_path: Path
) -> None:
    with opened(tmp_path) as shop:
        shop.redis.ask("LPUSH", "celery", "one", "two")
        asked = {"applications": [shop.entry(purge={})], "action": "purge", "queue": "celery"}
        foretold = change(**asked, _ansible_check_mode=True)
        first = change(**asked)
        again = change(**asked)

    assert foretold["diff"] == first["diff"]
    assert first["number"] == 2
    assert again["changed"] is False


def test_a_broker_that_is_not_there_fails(change: Call) -> None:
    entry = {"name": "shop", "broker": "redis://127.0.0.1:1/0", "purge": {}}
    answer = change(applications=[{**entry, "queues": [{"name": "q"}]}], action="purge", queue="q")

    assert answer["failed"] is True
    assert "cannot be reached" in answer["msg"]


def test_what_the_profile_does_not_allow_fails(change: Call) -> None:
    entry = {"name": "shop", "broker": "redis://127.0.0.1:1/0"}
    answer = change(applications=[entry], action="purge", queue="q")

    assert answer["failed"] is True
    assert "the profile allows no queue" in answer["msg"]
