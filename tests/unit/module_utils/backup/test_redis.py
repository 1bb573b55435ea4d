# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Snapshots of a real Redis: begun after the call, awaited, checked and counted."""

from __future__ import annotations

import os
import subprocess
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.module_utils.backup.conftest import Shop, message, statuses
from tests.unit.module_utils.redis_tune.server import RedisServer, running

StandIn = Callable[[str, str], None]
SECRET = "canary-77aa"  # noqa: S105 - of this test
USER = "root" if os.geteuid() == 0 else Path("~").expanduser().owner()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Yield a server with 200 keys in one database and 3 in another, none of them saved."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with running(folder, 'save ""') as server:
        for number in range(200):
            server.ask("SET", f"key:{number}", "x")
        server.ask("EVAL", "redis.call('SELECT', 2) for i = 1, 3 do redis.call('SET', i, i) end", 0)
        yield server


def snapshot(server: RedisServer, **options: t.Any) -> dict[str, t.Any]:
    """Return the entry of a server."""
    return {"name": "redis", "redis": {"port": server.port, "account": USER, **options}}


def facts(shop: Shop) -> dict[str, t.Any]:
    """Return the facts of the newest set's snapshot."""
    with shop.catalogue() as catalogue:
        [*_, newest] = catalogue.sets()

    assert newest.manifest

    return dict(newest.manifest.artefacts[0].facts)


def test_a_snapshot_is_made_and_read_back(shop: Shop, redis: RedisServer, tmp_path: Path) -> None:
    answer = shop.backup(artefacts=[snapshot(redis)])
    packed = shop.root / answer["made"] / "redis" / "dump.rdb.zst"
    plain = tmp_path / "plain.rdb"
    subprocess.run(["zstd", "-qd", packed, "-o", plain], check=True)
    argv = ["redis-check-rdb", str(plain)]
    checked = subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    assert statuses(answer)["backup:redis"] == "ok"
    assert facts(shop)["keys"] == 203
    assert facts(shop)["databases"] == {"db0": 200, "db2": 3}
    assert facts(shop)["aof_enabled"] == "0"
    assert "203 keys read" in checked


def test_it_is_verified_later(shop: Shop, redis: RedisServer) -> None:
    made = shop.backup(artefacts=[snapshot(redis)])["made"]
    shop.later(hours=1)

    assert statuses(shop.verify(reread_days=0))[f"backup_set:{made}"] == "ok"


def test_a_snapshot_that_somebody_else_began_is_not_taken_for_ours(
    shop: Shop, redis: RedisServer
) -> None:
    redis.ask("CONFIG", "SET", "rdb-key-save-delay", 5000)
    redis.ask("BGSAVE")
    redis.ask("SET", "written since", "x")
    redis.ask("CONFIG", "SET", "rdb-key-save-delay", 0)

    answer = shop.backup(artefacts=[snapshot(redis)])

    assert statuses(answer)["backup:redis"] == "ok"
    assert facts(shop)["keys"] == 204


def test_a_server_with_an_append_only_file_has_a_snapshot_as_well(
    shop: Shop, redis: RedisServer
) -> None:
    redis.ask("CONFIG", "SET", "appendonly", "yes")

    answer = shop.backup(artefacts=[snapshot(redis)])

    assert statuses(answer)["backup:redis"] == "ok"
    assert facts(shop)["keys"] == 203
    assert facts(shop)["aof_enabled"] == "1"


def test_an_empty_server_is_kept(shop: Shop, redis: RedisServer) -> None:
    redis.ask("FLUSHALL")

    assert statuses(shop.backup(artefacts=[snapshot(redis)]))["backup:redis"] == "ok"
    assert facts(shop)["keys"] == 0


def test_a_snapshot_that_the_server_cannot_write_is_a_failure(
    shop: Shop, redis: RedisServer
) -> None:
    shop.backup(artefacts=[snapshot(redis)])
    shop.later(days=1)
    (redis.folder / "dump.rdb").unlink()
    (redis.folder / "dump.rdb").mkdir()
    (redis.folder / "dump.rdb" / "taken").touch()

    answer = shop.backup(artefacts=[snapshot(redis)])

    assert "could not write its snapshot" in message(answer, "backup:redis")
    assert len(shop.names()) == 1


def test_a_snapshot_that_never_ends_is_not_awaited_for_ever(shop: Shop, redis: RedisServer) -> None:
    redis.ask("CONFIG", "SET", "rdb-key-save-delay", 1_000_000)

    answer = shop.backup(artefacts=[{**snapshot(redis), "max_seconds": 2}])

    assert statuses(answer)["backup:redis"] == "critical"
    assert shop.names() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 0", "does not say how many keys"),
        ("exit 1", "redis-check-rdb ended with 1"),
    ],
)
def test_a_checker_that_fails_is_named(
    shop: Shop, redis: RedisServer, stand_in: StandIn, body: str, reason: str
) -> None:
    stand_in("redis-check-rdb", body)

    answer = shop.backup(artefacts=[snapshot(redis)])

    assert reason in message(answer, "backup:redis")
    assert shop.names() == []


def test_a_snapshot_that_was_cut_short_before_the_manifest_is_found(
    shop: Shop, redis: RedisServer, stand_in: StandIn
) -> None:
    stand_in(
        "zstd",
        'case "$*" in *-d*) exec /usr/bin/zstd "$@";; esac\n'
        'head -c 300 | /usr/bin/zstd "$@"; cat >/dev/null',
    )

    answer = shop.backup(artefacts=[snapshot(redis)])

    assert statuses(answer)["backup:redis"] == "critical"
    assert shop.names() == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"host": "192.0.2.1"}, "is not on this host"),
        ({"port": 1}, "cannot be reached"),
        ({"account": "nobody"}, "redis/dump.rdb"),
    ],
)
def test_a_server_elsewhere_none_and_files_of_another_account_are_refused(
    shop: Shop, redis: RedisServer, options: dict[str, t.Any], reason: str
) -> None:
    answer = shop.backup(artefacts=[snapshot(redis, **options)])

    assert statuses(answer)["backup:redis"] == "critical"
    assert reason in message(answer, "backup:redis")


def test_a_password_is_in_no_answer(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    with running(folder, password=SECRET) as server:
        good = shop.backup(artefacts=[snapshot(server, password=SECRET)])
        shop.later(days=1)
        bad = shop.backup(artefacts=[snapshot(server, password=f"{SECRET}-wrong")])

    assert statuses(good)["backup:redis"] == "ok"
    assert statuses(bad)["backup:redis"] == "critical"
    assert SECRET not in f"{good}{bad}"
