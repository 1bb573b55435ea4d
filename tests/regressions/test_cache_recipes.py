# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guides' recipes for caches, failing on real servers and files, beside what ours does."""

from __future__ import annotations

import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance.run import run
from ansible.module_utils.upkeep.cache_maintenance.settings import parse

from tests.unit.module_utils.cache_maintenance.folders import file_cache, page, put
from tests.unit.module_utils.redis_tune.server import RedisServer, running


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server that keeps nothing."""
    with running(tmp_path, "save ''") as server:
        yield server


def keep(root: Path, **options: t.Any) -> dict[str, t.Any]:
    """Return what a call answers."""
    own = {"state_file": str(root / "state.json"), "require_acceptance": False}

    return run(parse({**own, **options}), False)


def emptied(server: RedisServer, pattern: str = "cached:*") -> dict[str, t.Any]:
    """Empty the cache of a server our way."""
    entry = {
        "name": "x",
        "port": server.port,
        "patterns": [{"name": "all", "pattern": pattern}],
    }

    return keep(server.folder, redis_caches=[entry], empty=["all"])


def fill(server: RedisServer) -> None:
    """Cache a key beside a task that waits, in another database and in the same."""
    server.ask("LPUSH", "celery", "task")
    server.ask("SET", "cached:1", "x")


@pytest.mark.requirement("R-fairedge-58")
def test_flushall_loses_the_tasks_that_wait(redis: RedisServer) -> None:
    fill(redis)
    redis.ask("FLUSHALL")
    assert redis.ask("LLEN", "celery") == 0

    fill(redis)
    emptied(redis, "*")
    assert redis.ask("LLEN", "celery") == 1
    assert redis.ask("EXISTS", "cached:1") == 0


@pytest.mark.requirement("R-fairedge-59")
def test_names_with_blanks_make_xargs_delete_other_keys(redis: RedisServer) -> None:
    """xargs splits names at blanks: a key that nobody named goes, the one that was named stays."""

    def plant() -> None:
        redis.ask("SET", "cached:one two", "x")
        redis.ask("SET", "two", "precious")

    plant()
    names = "cached:one two\n"  # what --scan prints
    words = subprocess.run(
        ["xargs", "printf", "%s\\n"], input=names, capture_output=True, text=True, check=True
    ).stdout.split("\n")[:-1]
    redis.ask("DEL", *words)
    assert redis.ask("EXISTS", "cached:one two") == 1
    assert redis.ask("EXISTS", "two") == 0

    plant()
    emptied(redis)
    assert redis.ask("EXISTS", "cached:one two") == 0
    assert redis.ask("EXISTS", "two") == 1


def test_keys_holds_every_client_up_for_the_whole_database(redis: RedisServer) -> None:
    script = "for i=1,200000 do redis.call('SET','cached:'..i,'x') end"

    def durations() -> list[int]:
        """Return how long the commands of the slow log took, in microseconds."""
        return sorted(int(entry[2]) for entry in redis.ask("SLOWLOG", "GET", 5000))

    redis.ask("EVAL", script, 0)
    redis.ask("CONFIG", "SET", "slowlog-log-slower-than", 0, "slowlog-max-len", 5000)
    redis.ask("SLOWLOG", "RESET")
    redis.ask("KEYS", "nothing:*")
    theirs = durations()[-1]
    redis.ask("SLOWLOG", "RESET")
    emptied(redis)
    # All but a few, in which a busy machine let the server wait.
    times = durations()
    ours = times[int(len(times) * 0.98)]

    assert redis.ask("DBSIZE") == 0
    assert ours * 4 < theirs


@pytest.mark.requirement("R-trailblaze-107")
def test_a_relative_path_empties_whatever_folder_the_shell_is_in(tmp_path: Path) -> None:
    for name in ("calendar", "elsewhere"):
        (tmp_path / name).mkdir()
        page(tmp_path / name / "cache", "a", 1)
    shell = ["sh", "-c", "rm -rf cache/*"]
    subprocess.run(shell, cwd=tmp_path / "elsewhere", check=True)
    assert list((tmp_path / "elsewhere" / "cache").iterdir()) == []
    assert list((tmp_path / "calendar" / "cache").iterdir()) != []

    keep(tmp_path, file_caches=[file_cache(tmp_path / "calendar")], empty=["calendar"])
    assert list((tmp_path / "calendar" / "cache").iterdir()) == []


@pytest.mark.requirement("R-trailblaze-103")
def test_removing_by_age_alone_takes_the_last_good_entry(tmp_path: Path) -> None:
    old = page(tmp_path / "cache", "a", 100)
    subprocess.run(["find", str(tmp_path / "cache"), "-mtime", "+1", "-delete"], check=True)
    assert not old.exists()

    old = page(tmp_path / "cache", "a", 100)
    answer = keep(tmp_path, file_caches=[file_cache(tmp_path)], work=["sweep"])
    assert old.exists()
    assert "warning" in {found["status"] for found in answer["findings"]}


@pytest.mark.requirement("R-student_success-27")
def test_a_database_that_a_test_is_at_work_with_is_removed_under_it(tmp_path: Path) -> None:
    recipe = ["find", str(tmp_path), "-name", "test_*.db", "-delete"]
    left = {"name": "tests", "root": str(tmp_path), "files": "test_*.db"}
    path = put(tmp_path, "test_a.db", "x", 30)
    with path.open():
        subprocess.run(recipe, check=True)
        assert not path.exists()

    path = put(tmp_path, "test_a.db", "x", 30)
    with path.open():
        keep(tmp_path, leftovers=[left])
        assert path.exists()
