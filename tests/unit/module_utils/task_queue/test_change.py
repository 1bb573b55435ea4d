# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Purging a queue and putting its tasks back: none is lost, and none is there twice."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.broker import SEPARATOR
from ansible.module_utils.upkeep.base.redis_client import RedisClient
from ansible.module_utils.upkeep.findings import validate_partial
from ansible.module_utils.upkeep.task_queue import change, copies
from ansible.module_utils.upkeep.task_queue.change import ChangeError
from ansible.module_utils.upkeep.task_queue.copies import SavedPortion
from ansible.module_utils.upkeep.task_queue.settings import parse_change

from tests.unit.module_utils.task_queue.shop import Answer, Shop

HIGH: t.Final = f"celery{SEPARATOR}3"


def changed(shop: Shop, action: str, check_mode: bool = False, **options: t.Any) -> Answer:
    """Return the answer of a change; its findings must be valid."""
    values = {
        "applications": [shop.entry(purge={"requirements": ["R-fairedge-67"]})],
        "action": action,
        "folder": str(shop.folder / "copies"),
        **({"queue": "celery"} if action == "purge" else {}),
        **options,
    }
    answer = change.run(parse_change(values), check_mode)
    for found in answer["findings"]:
        validate_partial(found)

    return answer


def tasks(shop: Shop, name: str = "celery") -> list[str]:
    """Return the messages of a list in its order."""
    return t.cast("list[str]", shop.redis.ask("LRANGE", name, 0, -1))


@pytest.fixture
def filled(shop: Shop) -> Shop:
    """Give an application with tasks of two priorities."""
    shop.redis.ask("LPUSH", "celery", *(f"task {number}" for number in range(1200)))
    shop.redis.ask("LPUSH", HIGH, "urgent\n", "\x00 any bytes \udcff")

    return shop


@pytest.mark.requirement("R-fairedge-67")
def test_what_was_purged_is_put_back_as_it_was(filled: Shop) -> None:
    before = tasks(filled), tasks(filled, HIGH)
    purged = changed(filled, "purge")
    empty = tasks(filled) + tasks(filled, HIGH)
    back = changed(filled, "put_back", copy=purged["saved_as"])

    assert purged["number"] == 1202
    assert purged["findings"][0]["requirements"] == ["R-fairedge-67"]
    assert empty == []
    assert back["number"] == 1202
    assert (tasks(filled), tasks(filled, HIGH)) == before


def test_newer_tasks_stay_before_those_that_were_put_back(filled: Shop) -> None:
    purged = changed(filled, "purge")
    filled.redis.ask("LPUSH", "celery", "newer")
    changed(filled, "put_back", copy=purged["saved_as"])

    assert tasks(filled)[0] == "newer"
    assert tasks(filled)[-1] == "task 0"


def test_a_second_call_changes_nothing(filled: Shop) -> None:
    purged = changed(filled, "purge")
    again = changed(filled, "purge")
    changed(filled, "put_back", copy=purged["saved_as"])
    twice = changed(filled, "put_back", copy=purged["saved_as"])

    assert not again["changed"]
    assert not twice["changed"]
    assert len(tasks(filled)) == 1200


def test_check_mode_counts_and_changes_nothing(filled: Shop) -> None:
    foretold = changed(filled, "purge", check_mode=True)
    left = len(tasks(filled))
    purged = changed(filled, "purge")
    back = changed(filled, "put_back", check_mode=True, copy=purged["saved_as"])

    assert foretold["number"] == purged["number"] == back["number"]
    assert left == 1200
    assert tasks(filled) == []


def test_the_copy_is_for_root_alone(filled: Shop) -> None:
    folder = filled.folder / "copies" / changed(filled, "purge")["saved_as"]

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_task_that_arrives_while_the_copy_is_written_stays(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = copies.write_portion

    def written(folder: Path, number: int, name: str, messages: list[str]) -> SavedPortion:
        filled.redis.ask("LPUSH", "celery", f"arrived {number}")
        return write(folder, number, name, messages)

    monkeypatch.setattr(copies, "write_portion", written)
    purged = changed(filled, "purge")

    assert purged["number"] == 1202
    assert tasks(filled) == ["arrived 4", "arrived 3", "arrived 2", "arrived 1"]


def test_without_room_for_the_copy_all_tasks_are_put_back(filled: Shop) -> None:
    before = tasks(filled)
    (filled.folder / "copies").write_text("not a folder")
    with pytest.raises(ChangeError, match="cannot be written"):
        changed(filled, "purge")

    assert tasks(filled) == before


@pytest.mark.parametrize("portion", [1, 2, 4])
def test_a_purge_that_is_cut_short_loses_nothing(
    filled: Shop, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    before = tasks(filled)
    write = copies.write_portion

    def cut_short(folder: Path, number: int, name: str, messages: list[str]) -> SavedPortion:
        if number == portion:
            filled.redis.stop()  # what is aside cannot be put back now
            filled.redis.start(str(filled.redis.config))
            raise copies.CopyError("the disk is full")
        return write(folder, number, name, messages)

    filled.redis.ask("CONFIG", "SET", "appendonly", "yes", "appendfsync", "always")
    filled.redis.ask("CONFIG", "REWRITE")
    filled.wait(lambda: "aof_rewrite_in_progress:0" in filled.redis.ask("INFO", "persistence"))
    with monkeypatch.context() as patch, pytest.raises(ChangeError):
        patch.setattr(copies, "write_portion", cut_short)
        changed(filled, "purge")

    purged = changed(filled, "purge")
    changed(filled, "put_back", copy=purged["saved_as"])

    assert purged["number"] == 1202
    assert tasks(filled) == before


def test_tasks_that_were_put_back_in_part_are_put_back_once(
    filled: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    purged = changed(filled, "purge")
    ask_all = RedisClient.ask_all
    calls = []

    def lost(self: RedisClient, commands: t.Any) -> t.Any:
        calls.append(commands)
        if commands[0] == ("MULTI",) and sum(each[0] == ("MULTI",) for each in calls) == 2:
            raise change.RedisError("the connection to Redis broke")
        return ask_all(self, commands)

    with monkeypatch.context() as patch, pytest.raises(ChangeError):
        patch.setattr(RedisClient, "ask_all", lost)
        changed(filled, "put_back", copy=purged["saved_as"])
    changed(filled, "put_back", copy=purged["saved_as"])

    assert sorted(tasks(filled)) == sorted(f"task {number}" for number in range(1200))


def test_a_damaged_copy_is_not_put_back_even_in_part(filled: Shop) -> None:
    purged = changed(filled, "purge")
    damaged = filled.folder / "copies" / purged["saved_as"] / "000003.json"
    damaged.write_text(damaged.read_text().replace("task 1", "task 2", 1))
    with pytest.raises(ChangeError, match="is damaged"):
        changed(filled, "put_back", copy=purged["saved_as"])

    assert tasks(filled) == []


def test_a_copy_goes_back_only_to_the_application_that_it_is_of(filled: Shop) -> None:
    purged = changed(filled, "purge")
    other = filled.entry(name="other", broker=filled.broker.replace("/0", "/5"), purge={})
    with pytest.raises(ChangeError, match="is a copy of shop"):
        changed(filled, "put_back", applications=[other], copy=purged["saved_as"])
    manifest = filled.folder / "copies" / purged["saved_as"] / copies.MANIFEST
    content = json.loads(manifest.read_text())
    del content["application"]
    manifest.write_text(json.dumps(content))

    assert changed(filled, "put_back", copy=purged["saved_as"])["number"] == 1202


def test_a_copy_without_its_manifest_is_none(filled: Shop) -> None:
    purged = changed(filled, "purge")
    (filled.folder / "copies" / purged["saved_as"] / copies.MANIFEST).unlink()
    with pytest.raises(ChangeError, match="there is no copy"):
        changed(filled, "put_back", copy=purged["saved_as"])


def test_a_file_outside_the_copy_is_never_read(filled: Shop) -> None:
    purged = changed(filled, "purge")
    manifest = filled.folder / "copies" / purged["saved_as"] / copies.MANIFEST
    content = json.loads(manifest.read_text())
    content["portions"][0]["file"] = "../../../etc/passwd"
    manifest.write_text(json.dumps(content))
    with pytest.raises(ChangeError, match="cannot be read"):
        changed(filled, "put_back", copy=purged["saved_as"])


def test_a_broker_that_is_down_is_said(filled: Shop) -> None:
    filled.redis.stop()
    with pytest.raises(ChangeError, match="cannot be reached"):
        changed(filled, "purge")


def test_a_full_broker_takes_no_task_back_and_loses_none(filled: Shop) -> None:
    purged = changed(filled, "purge")
    filled.redis.ask("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(ChangeError, match="OOM"):
        changed(filled, "put_back", copy=purged["saved_as"])
    filled.redis.ask("CONFIG", "SET", "maxmemory", "0")
    changed(filled, "put_back", copy=purged["saved_as"])

    assert len(tasks(filled)) == 1200
