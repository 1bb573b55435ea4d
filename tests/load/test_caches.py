# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keys and files go, caches are warmed, and the clients that read meanwhile find what they need."""

from __future__ import annotations

import getpass
import os
import sys
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.redis_client import RedisClient
from ansible.module_utils.upkeep.cache_maintenance.run import run
from ansible.module_utils.upkeep.cache_maintenance.settings import parse

from bench import caches as bench
from tests.load import FULL
from tests.unit.module_utils.cache_maintenance.folders import file_cache, page
from tests.unit.module_utils.redis_tune.server import RedisServer, running

#: Keys that are removed; as many others stay.
KEYS: t.Final = 1_000_000 if FULL else 20_000
FILES: t.Final = 100_000 if FULL else 2_000
#: A program that warms: each key is put there anew, none is ever missing.
WARM: t.Final = """
import socket, sys
link = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for number in range(int(sys.argv[2])):
    link.sendall(b"SET hot:%d warm EX 600\\r\\n" % (number % 50))
    assert link.recv(100) == b"+OK\\r\\n"
"""


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server that keeps nothing."""
    with running(tmp_path, "save ''") as server:
        yield server


@contextmanager
def reading(port: int, key: str) -> Iterator[list[str]]:
    """Read a key all the time; yield what went wrong."""
    stop = threading.Event()
    wrong: list[str] = []
    login = parse_login(port)

    def read() -> None:
        with RedisClient(login, Deadline(600)) as client:
            while not stop.is_set():
                if client.ask("GET", key) is None:
                    wrong.append(f"{key} is empty")
                time.sleep(0.0005)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def parse_login(port: int) -> t.Any:
    pattern = {"name": "a", "pattern": "a:*"}
    entry = {"name": "x", "port": port, "patterns": [pattern]}

    return parse({"redis_caches": [entry]}).redis_caches[0].login


def options(folder: Path, **values: t.Any) -> dict[str, t.Any]:
    """Return a call's answer, its findings by check."""
    own = {"state_file": str(folder / "state.json"), "require_acceptance": False}
    answer = run(parse({**own, **values}), False)
    answer["findings"] = {found["check"]: found for found in answer["findings"]}

    return answer


def test_keys_go_by_pattern_and_another_client_waits_less_than_beside_the_recipe(
    redis: RedisServer,
) -> None:
    sides: dict[str, bench.Side] = {}
    work: dict[str, Callable[[RedisServer], None]] = {"ours": bench.ours}
    if FULL:
        work["theirs"] = bench.theirs
    for name, remove in work.items():
        bench.fill(redis, KEYS)
        sides[name] = bench.beside(redis, remove)

        assert redis.ask("DBSIZE") == KEYS
        assert redis.ask("EXISTS", "other:1") == 1

    print(sides)
    if FULL:
        assert sides["ours"].longest <= sides["theirs"].longest


def test_warming_and_sweeping_leave_no_answer_empty(tmp_path: Path, redis: RedisServer) -> None:
    rounds = 20 if FULL else 3
    for number in range(50):
        redis.ask("SET", f"hot:{number}", "cold", "EX", 600)
    warming = {
        "name": "w",
        "user": getpass.getuser(),
        "folder": str(tmp_path),
        "argv": [sys.executable, "-c", WARM, str(redis.port), "2000"],
        "every_hours": 6,
    }
    pattern = {"name": "all", "pattern": "*", "sweep_idle_hours": 1}
    caches = {
        "redis_caches": [{"name": "hot", "port": redis.port, "patterns": [pattern]}],
        "warmings": [warming],
    }
    with reading(redis.port, "hot:7") as wrong:
        for _ in range(rounds):
            swept = options(tmp_path, **caches, work=["sweep", "look"])
            warmed = options(tmp_path, **caches, run=["w"])

            assert swept["changed"] is False
            assert warmed["findings"]["warming:w"]["status"] == "ok", warmed["findings"]

    assert wrong == []
    assert redis.ask("GET", "hot:7") == "warm"


def test_a_sweep_of_many_files_beside_readers_and_a_writer(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    page(folder, "live", 0)
    old = time.time() - 30 * 86400
    for number in range(FILES):
        path = folder / f"page_{number}.html"
        path.touch()
        os.utime(path, (old, old))
    stop, wrong = threading.Event(), []

    def renew() -> None:
        while not stop.is_set():
            page(folder.parent / "drafts", "live", 0).replace(folder / "page_live.html")

    def read() -> None:
        while not stop.is_set():
            if not (folder / "page_live.html").read_text():
                wrong.append("empty")

    threads = [threading.Thread(target=work) for work in (renew, read)]
    for thread in threads:
        thread.start()
    try:
        answer = options(tmp_path, file_caches=[file_cache(tmp_path)], work=["sweep"])
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)

    assert answer["findings"]["cache:calendar[html].expired"]["observed"] == FILES
    assert [path.name for path in folder.iterdir()] == ["page_live.html"]
    assert wrong == []
