# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Redis gets back what a set has of it, through a stand-in for the unit that runs it."""

from __future__ import annotations

import os
import shutil
import signal
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore import snapshots
from ansible.module_utils.upkeep.restore.choose import RestoreError
from ansible.module_utils.upkeep.restore.settings import SettingsError

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.backup.test_redis import USER, snapshot
from tests.unit.module_utils.redis_tune.server import RedisServer, running
from tests.unit.module_utils.restore.conftest import RestoringShop

StandIn = Callable[[str, str], None]
UNIT = "redis-server.service"
SECRET = "canary-91bb"  # noqa: S105 - of this test
#: Starts and stops the server as its unit does: SIGTERM, and its own file.
SYSTEMCTL = """
shift 2; echo "$1" >> {folder}/calls
alive() {{ redis-cli -p {port} ping 2>/dev/null | grep -q .; }}
case $1 in
show) alive && state=active || state=inactive
  printf 'LoadState=loaded\\nActiveState=%s\\n' $state ;;
stop) kill -TERM $(cat {folder}/pid) 2>/dev/null
  for n in $(seq 200); do alive || exit 0; sleep 0.05; done; exit 1 ;;
start) cd {folder}; setsid {program} {folder}/redis.conf >{folder}/log 2>&1 & echo $! > {folder}/pid
  for n in $(seq 60); do alive && exit 0; sleep 0.05; done; exit 1 ;;
esac
"""


@pytest.fixture
def redis(tmp_path: Path, stand_in: StandIn) -> Iterator[RedisServer]:
    """Yield a server with 200 keys in one database and 3 in another, run by a unit."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with running(folder, 'save ""') as server:
        values = {"folder": folder, "port": server.port, "program": server.program}
        stand_in("systemctl", SYSTEMCTL.format(**values))
        assert server.process
        (folder / "pid").write_text(str(server.process.pid))
        fill(server)
        try:
            yield server
        finally:
            end(folder)


def end(folder: Path) -> None:
    """End the server that the stand-in started."""
    try:
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
    except ProcessLookupError:
        return


def fill(server: RedisServer) -> None:
    """Give a server its keys."""
    for number in range(200):
        server.ask("SET", f"key:{number}", "x")
    script = "redis.call('SELECT', 12) for i = 1, 3 do redis.call('SET', i, i) end"
    server.ask("EVAL", script, 0)


def keyspace(server: RedisServer) -> str:
    """Return the lines of INFO about keys."""
    return str(server.ask("INFO", "keyspace"))


def calls(server: RedisServer) -> list[str]:
    """Return what systemctl was asked to change."""
    lines = (server.folder / "calls").read_text().split()

    return [line for line in lines if line in ("stop", "start")]


def options(server: RedisServer, **more: t.Any) -> dict[str, t.Any]:
    """Return how a restore reaches the server."""
    return {"redis": {"port": server.port, "account": USER, **more}}


@pytest.fixture
def lost(shop: RestoringShop, redis: RedisServer) -> RedisServer:
    """Return a server that was backed up, then emptied, then given another key."""
    shop.backup(artefacts=[snapshot(redis)])
    shop.later(hours=1)
    redis.ask("FLUSHALL")
    redis.ask("SET", "written since", "x")

    return redis


def test_keys_come_back_and_what_was_there_is_kept(shop: RestoringShop, lost: RedisServer) -> None:
    answer = shop.restore(**options(lost))

    assert statuses(answer)["restore:redis"] == "ok"
    assert "203 keys in 2 databases as in the manifest" in message(answer, "restore:redis")
    assert "db0:keys=200" in keyspace(lost)
    assert "db12:keys=3" in keyspace(lost)
    assert lost.ask("GET", "key:7") == "x"
    assert lost.ask("GET", "written since") is None
    assert calls(lost) == ["stop", "start"]
    assert answer["seconds"]["down"] > 0

    [kept] = answer["kept"]["redis"]
    assert not [path for path in lost.folder.iterdir() if path.name.startswith(".upkeep")]

    # What is kept holds what was there when the server was stopped: it can be put back.
    end(lost.folder)
    shutil.copyfile(kept, lost.folder / "dump.rdb")
    lost.start(str(lost.config))
    assert lost.ask("GET", "written since") == "x"


def test_check_mode_and_beside_leave_the_server_alone(
    shop: RestoringShop, lost: RedisServer
) -> None:
    planned = shop.restore(True, **options(lost))
    beside = shop.restore(action="side", **options(lost))

    assert f"{UNIT} is stopped for that" in message(planned, "restore:redis")
    assert "stands beside" in message(beside, "restore:redis")
    assert calls(lost) == []
    assert lost.ask("GET", "written since") == "x"
    [side] = lost.folder.glob(".upkeep-restoring-redis-*/dump.rdb")
    assert side.stat().st_size > 1000


def test_a_server_that_is_down_comes_back(shop: RestoringShop, lost: RedisServer) -> None:
    lost.stop()
    (lost.folder / "dump.rdb").write_bytes(b"broken")

    answer = shop.restore(**options(lost))

    assert statuses(answer)["restore:redis"] == "ok"
    assert "db0:keys=200" in keyspace(lost)
    [kept] = answer["kept"]["redis"]
    assert Path(kept).read_bytes() == b"broken"


def test_expired_keys_are_told_from_lost_ones(shop: RestoringShop, redis: RedisServer) -> None:
    redis.ask("SET", "soon gone", "x", "PX", 1500)
    redis.ask("SET", "later gone", "x", "EX", 3600)
    shop.backup(artefacts=[snapshot(redis)])
    time.sleep(1.6)

    answer = shop.restore(**options(redis))

    assert "205 keys in 2 databases" in message(answer, "restore:redis")
    assert "1 of the keys have expired since" in message(answer, "restore:redis")
    assert "db0:keys=201,expires=1" in keyspace(redis)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("CONFIG", "SET", "appendonly", "yes"), "reads its append-only file at its start"),
        (("REPLICAOF", "127.0.0.1", "1"), "this server is a replica; restore its primary"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_server_that_would_not_read_it_is_left_alone(
    shop: RestoringShop, lost: RedisServer, words: tuple[str, ...], reason: str, check_mode: bool
) -> None:
    lost.ask(*words)

    with pytest.raises(RestoreError, match=reason):
        shop.restore(check_mode, **options(lost))

    assert calls(lost) == []
    assert lost.ask("GET", "written since") == "x"


def test_a_server_that_would_read_another_file_is_left_alone(
    shop: RestoringShop, lost: RedisServer
) -> None:
    lost.config.write_text(f"{lost.config.read_text()}dbfilename other.rdb\n")
    lost.restart()

    with pytest.raises(RestoreError, match="set dir and dbfilename as they were"):
        shop.restore(**options(lost))

    assert calls(lost) == []


def test_an_append_only_file_that_is_seen_at_the_start_only(
    shop: RestoringShop, lost: RedisServer
) -> None:
    with lost.config.open("a") as stream:
        stream.write("appendonly yes\n")

    with pytest.raises(RestoreError, match="reads its append-only file") as raised:
        shop.restore(**options(lost))

    assert "as it was before" in str(raised.value)
    assert calls(lost) == ["stop", "start", "stop", "start"]
    assert list(lost.folder.glob("*.before-*")) == []


def test_a_server_that_does_not_start_has_its_file_again(
    shop: RestoringShop, lost: RedisServer
) -> None:
    lost.config.write_text(f"{lost.config.read_text()}databases 4\n")

    with pytest.raises(RestoreError, match="as it was before"):
        shop.restore(**options(lost))

    assert lost.ask("GET", "written since") == "x"
    assert list(lost.folder.glob("*.before-*")) == []
    assert list(lost.folder.glob(".upkeep-restoring*")) == []


def test_what_it_holds_is_saved_first_or_nothing_is_replaced(
    shop: RestoringShop, lost: RedisServer
) -> None:
    (lost.folder / "dump.rdb").unlink()
    (lost.folder / "dump.rdb").mkdir()
    (lost.folder / "dump.rdb" / "taken").touch()

    with pytest.raises(RestoreError, match="is not a regular file"):
        shop.restore(**options(lost))

    assert calls(lost) == []
    assert lost.ask("GET", "written since") == "x"


def test_another_server_behind_the_port_is_not_replaced(
    shop: RestoringShop, lost: RedisServer, stand_in: StandIn
) -> None:
    stand_in(
        "systemctl",
        "shift 2; test $1 != show || printf 'LoadState=loaded\\nActiveState=inactive\\n'",
    )

    with pytest.raises(RestoreError, match=f"{UNIT} does not run, but a server answers"):
        shop.restore(**options(lost))


def test_a_unit_that_does_not_stop_the_server_is_named(
    shop: RestoringShop, lost: RedisServer, stand_in: StandIn
) -> None:
    stand_in(
        "systemctl",
        "shift 2; test $1 != show || printf 'LoadState=loaded\\nActiveState=active\\n'",
    )

    with pytest.raises(RestoreError, match="was stopped, and a server still answers"):
        shop.restore(**options(lost))

    assert lost.ask("GET", "written since") == "x"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"unit": "redis-server@no.service"}, "there is no unit redis-server@no.service"),
        ({"host": "192.0.2.1"}, "is not on this host"),
        ({"port": 1}, "cannot be reached"),
    ],
)
def test_what_does_not_fit_is_named(
    shop: RestoringShop, lost: RedisServer, stand_in: StandIn, more: dict[str, t.Any], reason: str
) -> None:
    state = "not-found" if "unit" in more else "loaded"
    stand_in(
        "systemctl",
        f"shift 2; test $1 != show || printf 'LoadState={state}\\nActiveState=active\\n'",
    )

    with pytest.raises(RestoreError, match=reason):
        shop.restore(**options(lost, **more))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"redis": {"unit": "redis*"}}, "redis.unit: 'redis\\*' is not the name of a unit"),
        ({"units": [UNIT]}, f"units: {UNIT} is redis.unit"),
    ],
)
def test_units_are_checked(shop: RestoringShop, values: dict[str, t.Any], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        shop.restore(**values)


def test_a_snapshot_without_keys_wants_a_word(shop: RestoringShop, redis: RedisServer) -> None:
    redis.ask("FLUSHALL")
    shop.backup(artefacts=[snapshot(redis)])
    redis.ask("SET", "written since", "x")

    with pytest.raises(RestoreError, match="the snapshot has no keys"):
        shop.restore(**options(redis))

    assert redis.ask("GET", "written since") == "x"
    assert statuses(shop.restore(allow_empty=True, **options(redis)))["restore:redis"] == "ok"
    assert redis.ask("DBSIZE") == 0


def test_without_memory_it_is_read_and_not_loaded_beside(
    shop: RestoringShop, lost: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "memory_available", lambda: 1 << 20)

    answer = shop.restore(**options(lost))

    assert statuses(answer)["restore:redis"] == "ok"
    assert "more than half of the 1 MiB that are free" in message(answer, "restore:redis")
    assert "db0:keys=200" in keyspace(lost)


def test_a_password_is_in_no_answer(shop: RestoringShop, tmp_path: Path, stand_in: StandIn) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    with running(folder, password=SECRET) as server:
        values = {"folder": folder, "port": server.port, "program": server.program}
        stand_in("systemctl", SYSTEMCTL.format(**values))
        assert server.process
        (folder / "pid").write_text(str(server.process.pid))
        server.ask("SET", "a", "b")
        shop.backup(artefacts=[snapshot(server, password=SECRET)])
        server.ask("FLUSHALL")

        try:
            answer = shop.restore(**options(server, password=SECRET))
            shop.later(seconds=1)
            with pytest.raises(RestoreError) as raised:
                shop.restore(**options(server, password=f"{SECRET}-wrong"))
            value = server.ask("GET", "a")
        finally:
            end(folder)

    assert value == "b"
    assert SECRET not in f"{answer}{raised.value}"


@pytest.mark.parametrize(
    ("program", "body", "reason"),
    [
        ("redis-check-rdb", "exit 1", "redis-check-rdb ended with 1"),
        ("redis-check-rdb", "exit 0", "does not say how many keys"),
        ("redis-check-rdb", "echo '[info] 202 keys read'", "has 202 keys instead of 203"),
        ("redis-check-rdb", "sleep 60", "took longer than 5 s"),
        ("redis-server", "exit 3", "Redis cannot load it"),
        ("redis-server", "sleep 60", "took longer than 5 s"),
        ("zstd", "exit 1", "zstd ended with 1"),
    ],
)
def test_a_program_that_misbehaves_replaces_nothing(
    shop: RestoringShop,
    lost: RedisServer,
    stand_in: StandIn,
    program: str,
    body: str,
    reason: str,
) -> None:
    stand_in(program, body)

    with pytest.raises(RestoreError, match=reason):
        shop.restore(artefact_seconds=5, **options(lost))

    assert calls(lost) == []
    assert lost.ask("GET", "written since") == "x"
    assert list(lost.folder.glob(".upkeep-restoring*")) == []
    assert list(lost.folder.glob("*.before-*")) == []
