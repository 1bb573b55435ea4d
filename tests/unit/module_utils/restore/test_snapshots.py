# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A snapshot of Redis is loaded by a server of its own, which leaves nothing behind."""

from __future__ import annotations

import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore import snapshots

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.backup.test_redis import facts, snapshot
from tests.unit.module_utils.redis_tune.server import RedisServer, running
from tests.unit.module_utils.restore.conftest import Rehearse, RestoringShop


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Yield a server with 300 keys in one database and one in another."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with running(folder, 'save ""', "databases 200") as server:
        for number in range(300):
            server.ask("SET", f"key:{number}", "x", "PX", 1200 if number < 20 else 3_600_000)
        server.ask("EVAL", "redis.call('SELECT', 150) redis.call('SET', 'a', 'b')", 0)
        yield server


def left(staging: Path) -> tuple[list[Path], str]:
    """Return what is left in the staging folder, and which processes use it."""
    done = subprocess.run(["pgrep", "-f", str(staging)], capture_output=True, text=True)

    return list(staging.iterdir()), done.stdout


def test_a_rehearsal_loads_it_with_all_that_has_expired(
    shop: RestoringShop, redis: RedisServer, rehearsed: Rehearse, staging: Path
) -> None:
    shop.backup(artefacts=[snapshot(redis)])
    time.sleep(1.3)

    answer = rehearsed()

    assert facts(shop)["snapshot_databases"] == {"db0": 300, "db150": 1}
    assert statuses(answer)["rehearsal:redis"] == "ok", answer
    assert "301 keys in 2 databases as in the manifest" in message(answer, "rehearsal:redis")
    assert answer["seconds"]["redis.restore"] > 0
    assert left(staging) == ([], "")


def test_one_that_verifies_and_cannot_be_loaded_is_found(
    shop: RestoringShop,
    redis: RedisServer,
    rehearsed: Rehearse,
    staging: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop.backup(artefacts=[snapshot(redis)])
    # As a server that is configured for fewer databases than the one of the set.
    monkeypatch.setattr(snapshots, "_server", with_databases(snapshots._server, "16"))

    answer = rehearsed()

    assert statuses(answer)["rehearsal:redis"] == "critical"
    assert "Redis cannot load it" in message(answer, "rehearsal:redis")
    assert left(staging) == ([], "")


def with_databases(server: Callable[..., t.Any], number: str) -> Callable[..., t.Any]:
    """Return a function that makes the program of a server with so many databases."""

    def make(unpacked: t.Any) -> t.Any:
        program = server(unpacked)
        argv = list(program.argv)
        argv[argv.index("--databases") + 1] = number
        return type(program)(tuple(argv), program.run_as)

    return make


def test_one_that_does_not_fit_into_memory_is_a_warning(
    shop: RestoringShop, redis: RedisServer, rehearsed: Rehearse, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.backup(artefacts=[snapshot(redis)])
    monkeypatch.setattr(snapshots, "memory_available", lambda: 1 << 20)

    answer = rehearsed()

    assert statuses(answer)["rehearsal:redis"] == "warning"
    assert "was read to its end and not loaded" in message(answer, "rehearsal:redis")


def test_a_limit_of_memory_ends_the_server_and_not_the_host(
    shop: RestoringShop,
    redis: RedisServer,
    rehearsed: Rehearse,
    staging: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(64):
        redis.ask("SET", f"large:{number}", "x" * (1 << 20))
    shop.backup(artefacts=[snapshot(redis)])
    monkeypatch.setattr(snapshots, "memory_available", lambda: 400 << 20)
    monkeypatch.setattr(snapshots, "_BASE", -100 << 20)

    answer = rehearsed()

    assert statuses(answer)["rehearsal:redis"] == "critical"
    assert "Redis cannot load it" in message(answer, "rehearsal:redis")
    assert left(staging) == ([], "")
