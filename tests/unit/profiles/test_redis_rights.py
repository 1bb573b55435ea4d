# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rights that the pages of the roles name are enough for what they do, and none is spare."""

from __future__ import annotations

import json
import re
import typing as t
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance import run as caches
from ansible.module_utils.upkeep.redis_tune import run as tuning
from ansible.module_utils.upkeep.redis_tune.settings import parse as parse_tuning
from ansible.module_utils.upkeep.task_queue import change
from ansible.module_utils.upkeep.task_queue import run as looks
from ansible.module_utils.upkeep.task_queue.settings import parse, parse_change

from tests.unit.module_utils.cache_maintenance.folders import settings
from tests.unit.module_utils.redis_tune.server import RedisServer, running
from tools import PROJECT

PASSWORD: t.Final = "p-one"  # noqa: S105 - of a server of the test
RIGHTS: t.Final = re.compile(r"[`\s](\+[a-z|]+)")
Answer = dict[str, t.Any]


def rights(role: str) -> list[str]:
    """Return the rights that the page of a role names."""
    page = (PROJECT / "docs" / "roles" / f"{role}.md").read_text()

    return RIGHTS.findall(page.partition("\n## Rights\n")[2].partition("\n## ")[0])


@pytest.fixture
def redis(tmp_path: Path) -> t.Iterator[RedisServer]:
    """Give a server with a user that has no right so far."""
    with running(tmp_path, "user upkeep on >p-one ~* &* -@all") as server:
        yield server


def grant(server: RedisServer, role: str, without: str = "") -> None:
    """Give the user the rights of a role, but for one."""
    given = [right for right in rights(role) if right != without]
    server.ask("ACL", "SETUSER", "upkeep", *given)


def unknown(answer: Answer) -> list[str]:
    """Return the findings of an answer that are not known or failed, with their messages."""
    return [
        f"{item['check']}: {item['message']}"
        for item in answer["findings"]
        if item["status"] == "unknown" or "no permissions" in item["message"]
    ]


def login(server: RedisServer) -> Answer:
    """Return how the user with the rights reaches the server."""
    return {"port": server.port, "username": "upkeep", "password": PASSWORD}


def tuned(server: RedisServer) -> Answer:
    """Return the answer of a run with everything that redis_tune does."""
    for number in range(2000):
        server.ask("SET", f"k{number}", "x" * 10_000)
    server.ask("FLUSHALL")
    server.ask("SET", "opportunities:1", "x")
    aspects: Answer = {name: {} for name in ("memory", "hit_ratio", "clients", "slow_log")}
    entry = {
        "name": "x",
        "purpose": "cache",
        "maxmemory": {"value": "64mb"},
        "maxmemory_policy": {"value": "allkeys-lru"},
        "keys_without_expiry": {"must_expire": ["opportunities:*"]},
        "fragmentation": {"ratio": 1.01, "min_mb": 1.0, "seconds": 1},
        **aspects,
        **login(server),
    }
    values = {"instances": [entry], "state_file": str(server.folder / "state.json")}

    return tuning.run(parse_tuning(values), check_mode=False)


def kept(server: RedisServer) -> Answer:
    """Return the answer of a run with everything that cache_maintenance does with keys."""
    for name, command in (("cached:1", "SET"), ("_kombu.binding.celery", "SADD")):
        server.ask(command, name, "x")
        server.ask("MOVE", name, 1)
    pattern = {"name": "all", "pattern": "cached:*", "sweep_idle_hours": 1}
    cache = {"name": "shop", "patterns": [pattern], "hits": {}, "lifetimes": {}, **login(server)}
    cache["database"] = 1
    answer = caches.run(settings(server.folder, redis_caches=[cache]), check_mode=False)
    emptied = settings(server.folder, redis_caches=[cache], empty=["shop.all"])
    answer["findings"] += caches.run(emptied, check_mode=False)["findings"]

    return answer


def looked(server: RedisServer) -> Answer:
    """Return the answer of what task_queue does without asking workers, and of its changes."""
    server.ask("LPUSH", "celery", "a", "b")
    failed = {"status": "FAILURE", "task_id": "one", "result": {"exc_type": "X"}, "name": "pay"}
    server.ask("SET", "celery-task-meta-one", json.dumps(failed), "EX", 600)
    server.ask("RPUSH", "failures", '{"task": "pay", "task_id": "two"}')
    server.ask("HSET", "unacked", "tag", "{}")
    entry = {
        "name": "shop",
        "broker": f"redis://upkeep:{PASSWORD}@127.0.0.1:{server.port}/0",
        "queues": [{"name": "celery"}],
        "in_hand": {},
        "oldest": {},
        "results": {},
        "failed": {"list": "failures"},
        "purge": {},
    }
    own = {"state_file": str(server.folder / "state.json")}
    answer = looks.run(parse({"applications": [entry], **own}), check_mode=False)
    values = {"applications": [entry], "folder": str(server.folder / "copies"), **own}
    purged = changed({**values, "action": "purge", "queue": "celery"})
    changed({**values, "action": "put_back", "copy": purged["saved_as"]})
    assert server.ask("LLEN", "celery") == 2

    return answer


def changed(values: Answer) -> Answer:
    """Return the answer of a change."""
    return change.run(parse_change(values), check_mode=False)


ROLES: t.Final[dict[str, t.Callable[[RedisServer], Answer]]] = {
    "redis_tune": tuned,
    "cache_maintenance": kept,
    "task_queue": looked,
}


@pytest.mark.parametrize("role", ROLES)
def test_the_rights_of_the_page_are_enough(redis: RedisServer, role: str) -> None:
    grant(redis, role)

    assert unknown(ROLES[role](redis)) == []


#: Needed for what is not played above: a beat, bindings, a purge that is cut short, and a build of
#: Redis that can defragment.
UNPLAYED: t.Final = ("+client|list", "+smembers", "+lmove", "+multi", "+exec")


def needed(role: str) -> Sequence[str]:
    """Return the rights of a role without which a run must say so."""
    return [right for right in rights(role) if right not in UNPLAYED]


@pytest.mark.parametrize("role", ROLES)
def test_no_right_of_the_page_is_spare(redis: RedisServer, role: str) -> None:
    grant(redis, role)
    redis.ask("CONFIG", "RESETSTAT")
    ROLES[role](redis)
    redis.ask("PING")
    lines = redis.ask("INFO", "commandstats").replace("cmdstat_", "").split()
    used = {f"+{line.partition(':')[0]}" for line in lines}
    spare = [right for right in needed(role) if not any(name.startswith(right) for name in used)]

    assert spare == []
