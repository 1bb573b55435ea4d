# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever program misbehaves at whatever call: loud, no bad set, and the next run converges.

Archives are written and Redis is asked by the module itself, not by tar and redis-cli: there, what
misbehaves is the compressor that the archive goes through, and each reply of the server.
"""

from __future__ import annotations

import subprocess
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup.artefacts import postgresql
from ansible.module_utils.upkeep.base import redis_client
from ansible.module_utils.upkeep.base.redis_client import RedisClient, RedisError

from tests.faults.conftest import (
    FULL,
    MISBEHAVIOURS,
    Tools,
    bad_sets,
    command_artefact,
    dump_artefact,
    is_loud,
    leftovers,
    real_path,
    sample,
)
from tests.unit.module_utils.backup.conftest import Shop, statuses
from tests.unit.module_utils.backup.test_redis import snapshot
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.redis_tune.server import RedisServer, running

#: More calls than one set makes of a program; a short run tries the first ones.
MOST_CALLS: t.Final = 24 if FULL else 3
#: Each program, and the artefacts that use it.
PROGRAMS: t.Final = {
    "pg_dump": ("database",),
    "pg_dumpall": ("database",),
    "pg_restore": ("database",),
    "zstd": ("database", "files", "orders", "redis", "export", "environment"),
    "age": ("environment",),
    "redis-check-rdb": ("redis",),
    "seq": ("export",),
}
CASES: t.Final = sample(
    [(program, how) for program in PROGRAMS for how in MISBEHAVIOURS if how != "hangs"], 4
)
TABLES: t.Final = (
    "CREATE TABLE orders (id integer, note text)",
    "INSERT INTO orders SELECT n, 'note ' || n FROM generate_series(1, 3000) n",
)
KEEP: t.Final = {"last": 2, "days": 0}


@pytest.fixture(autouse=True)
def every_program_is_ours(monkeypatch: pytest.MonkeyPatch, tools: Tools) -> None:
    """Let verifications find pg_restore where the tests put it."""
    monkeypatch.setattr(postgresql, "program_path", lambda name, *_, **__: f"{tools.folder}/{name}")
    for program in ("pg_dump", "pg_dumpall", "pg_restore"):
        tools.mend(program, real_path(program))


@pytest.fixture(scope="module")
def recipient() -> str:
    """Return a public key of age."""
    done = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True)

    return done.stderr.rpartition(" ")[2].strip()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Yield a server with some keys."""
    with running(tmp_path_factory.mktemp("redis"), 'save ""') as server:
        for number in range(200):
            server.ask("SET", f"key:{number}", "x" * 50)
        yield server


@pytest.fixture
def database(pg: Server) -> str:
    """Return a database with a table."""
    return pg.create_database("", *TABLES)


@pytest.fixture
def entries(
    shop: Shop, pg: Server, redis: RedisServer, tools: Tools, database: str
) -> dict[str, dict[str, t.Any]]:
    """Return an artefact of each kind by its name."""
    (shop.app / ".env").write_text("PASSWORD=canary\n")
    secret: dict[str, t.Any] = {"files": {"paths": [str(shop.app / ".env")]}, "encrypt": True}
    found = [
        dump_artefact(pg, database, tools.folder),
        shop.files_artefact(),
        shop.sqlite_artefact(),
        snapshot(redis),
        command_artefact(),
        {"name": "environment", **secret},
    ]

    return {entry["name"]: entry for entry in found}


def spoil_each_call(
    shop: Shop, tools: Tools, options: dict[str, t.Any], program: str, how: str
) -> int:
    """Let a program misbehave at its first call, then at its second ...; return how often."""
    shop.backup(**options)
    for number in range(1, MOST_CALLS):
        shop.later(days=1)
        tools.spoil(program, real_path(program), number, how)
        loud = is_loud(shop, **options, retention=KEEP)
        called = tools.count
        tools.mend(program, real_path(program))
        if called < number:
            return number - 1

        assert loud or is_harmless(program, number, how), f"call {number} of {program} {how}"
        require_convergence(shop, options)

    return MOST_CALLS


def is_harmless(program: str, number: int, how: str) -> bool:
    """Return whether nothing is lost: the version that pg_dump says first is in its beginning."""
    return (program, number, how) == ("pg_dump", 1, "is cut short")


def require_convergence(shop: Shop, options: dict[str, t.Any]) -> None:
    """Assert that no set is bad, nothing is left over, and a run without faults makes a set."""
    assert bad_sets(shop) == {}
    assert leftovers(shop) == []
    assert statuses(shop.backup(**options))["backup:age"] == "ok"


@pytest.mark.parametrize(("program", "how"), CASES)
def test_a_program_that_misbehaves_is_loud_and_the_next_run_converges(
    shop: Shop,
    tools: Tools,
    entries: dict[str, t.Any],
    recipient: str,
    program: str,
    how: str,
) -> None:
    chosen = [entries[name] for name in PROGRAMS[program]]
    options = {"artefacts": chosen, "recipient": recipient}

    calls = spoil_each_call(shop, tools, options, program, how)

    assert calls > 0
    assert calls < MOST_CALLS or not FULL


@pytest.mark.skipif(not FULL, reason="tests of the artefacts have it for some")
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_hangs_is_ended_and_the_next_run_converges(
    shop: Shop, tools: Tools, entries: dict[str, t.Any], recipient: str, program: str
) -> None:
    chosen = [{**entries[name], "max_seconds": 5} for name in PROGRAMS[program]]
    options = {"artefacts": chosen, "recipient": recipient}

    calls = spoil_each_call(shop, tools, options, program, "hangs")

    assert 0 < calls < MOST_CALLS


def test_a_program_that_is_missing_is_named(
    shop: Shop, tools: Tools, entries: dict[str, t.Any]
) -> None:
    (tools.folder / "pg_dump").unlink()

    answer = shop.backup(artefacts=[entries["database"]])

    assert "critical" in statuses(answer).values()
    assert "pg_dump cannot be started" in str(answer["findings"])
    assert shop.names() == []


class SpoiledReply:
    """Stands in for how replies of Redis are read, and misbehaves at the n-th one."""

    def __init__(self, number: int, how: str) -> None:
        self._real = RedisClient.receive
        self._number, self._how = number, how
        self.calls = 0

    def __get__(self, client: RedisClient, _: type[RedisClient]) -> t.Callable[[int], list[t.Any]]:
        return lambda count: self._receive(client, count)

    def _receive(self, client: RedisClient, count: int) -> list[t.Any]:
        replies = self._real(client, count)
        self.calls += 1
        if self.calls != self._number:
            return replies
        if self._how == "fails":
            raise RedisError("the connection to Redis broke")
        if self._how == "hangs":
            raise TimeoutError("Redis did not answer in time")
        if self._how == "refuses":
            return [redis_client.RedisReplyError("ERR out of luck")] * count

        return [""] * count  # it was cut short, or says nothing


@pytest.mark.parametrize("how", ["fails", "hangs", "refuses", "is cut short"])
def test_a_reply_of_redis_that_is_bad_is_loud_and_the_next_run_converges(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, redis: RedisServer, how: str
) -> None:
    options: dict[str, t.Any] = {"artefacts": [snapshot(redis)]}
    shop.backup(**options)
    for number in range(1, 40):
        shop.later(days=1)
        spoiled = SpoiledReply(number, how)
        with monkeypatch.context() as patch:
            patch.setattr(RedisClient, "receive", spoiled)
            loud = is_loud(shop, **options, retention=KEEP)
        if spoiled.calls < number:
            break

        assert loud or not is_needed(number, how), f"reply {number} {how}"
        require_convergence(shop, options)
    else:
        pytest.fail("it never came to an end")

    assert number > 5


def is_needed(number: int, how: str) -> bool:
    """Return whether a bad reply must be loud: each one but that to BGSAVE which says nothing.

    What counts there is what the server says afterwards.
    """
    return not (how == "is cut short" and number == BGSAVE)


#: Which reply is that to BGSAVE: after the folder, the name, INFO and the time.
BGSAVE: t.Final = 5


def test_no_tool_of_this_machine_is_replaced(tools: Tools) -> None:
    before = {program: Path(real_path(program)).read_bytes() for program in PROGRAMS}
    for program in [*PROGRAMS, *PROGRAMS]:
        tools.spoil(program, real_path(program), 1, "fails")
        tools.mend(program, real_path(program))
        tools.spoil(program, real_path(program), 1, "fails")

    assert {program: Path(real_path(program)).read_bytes() for program in PROGRAMS} == before
    assert [name for name, data in before.items() if b"out of luck" in data] == []
