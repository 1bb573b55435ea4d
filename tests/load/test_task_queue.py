# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A queue of a real application under load: no task is lost, whatever is done around it.

`make test` plays it with a few tasks, `make test-load` (UPKEEP_LOAD=full) with 10,000.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.redis_tune.run import run
from ansible.module_utils.upkeep.redis_tune.settings import parse

from tests.unit.module_utils.task_queue.shop import Shop, opened

TASKS: t.Final = 10_000 if os.environ.get("UPKEEP_LOAD") == "full" else 300
#: What two processes may take for all tasks on a busy machine, s.
PATIENCE: t.Final = 60 + TASKS / 20
#: What the cache holds besides, in values of 20 kB: more than the server may.
CACHED: t.Final = "x" * 20_000


def cache(shop: Shop, ended: threading.Event) -> None:
    """Fill the cache until the test ends."""
    number = 0
    while not ended.is_set():
        number += 1
        shop.redis.ask("SET", f"cached:{number}", CACHED, "EX", 600)


@pytest.mark.parametrize("asked", ["volatile-lru", "allkeys-lru"])
def test_no_task_is_lost_while_a_server_that_is_full_is_tuned(tmp_path: Path, asked: str) -> None:
    policy = ("maxmemory 48mb", "maxmemory-policy volatile-lru")
    ended = threading.Event()
    with opened(tmp_path, *policy) as shop:
        filling = threading.Thread(target=cache, args=(shop, ended), daemon=True)
        filling.start()
        try:
            shop.python(f"for number in range({TASKS}): write.delay(f'task {{number}}')")
            entry = shop.redis.entry(
                purpose="mixed",
                maxmemory={"value": "40mb"},
                maxmemory_policy={"value": asked},
                fragmentation={"min_mb": 1.0, "seconds": 1},
            )
            tuned = run(parse({"instances": [entry], "state_file": str(tmp_path / "s")}), False)
            evicted = "evicted_keys:0\r" not in shop.redis.ask("INFO", "stats")
            waiting = shop.redis.ask("LLEN", "celery")
            shop.worker(concurrency=2)
            shop.wait(lambda: shop.redis.ask("LLEN", "celery") == 0, PATIENCE)
            shop.wait(lambda: len(shop.notes) >= TASKS + 1)
        finally:
            ended.set()
            filling.join()

        assert shop.redis.setting("maxmemory-policy") == "volatile-lru"

    assert waiting == TASKS
    assert evicted or TASKS < 10_000, "the server was never full"
    assert tuned["findings"][0]["status"] == "ok"
    assert sorted(shop.notes) == sorted(["worker is up", *(f"task {n}" for n in range(TASKS))])


def test_the_task_of_a_killed_worker_runs_again_and_once(tmp_path: Path) -> None:
    with opened(tmp_path, LATE="1", VISIBLE="3") as shop:
        first = shop.worker()
        shop.python("slow.delay('a', 2)")
        shop.wait(lambda: "begin a" in shop.notes)
        os.killpg(first.pid, signal.SIGKILL)
        in_hand = shop.redis.ask("HLEN", "unacked")
        time.sleep(3.5)  # a worker looks for such tasks when it starts, and then every 100 s
        shop.worker()
        shop.wait(lambda: "end a" in shop.notes)
        shop.wait(lambda: shop.redis.ask("HLEN", "unacked") == 0)
        notes = shop.notes

    assert in_hand == 1
    assert notes.count("begin a") == 2
    assert notes.count("end a") == 1
