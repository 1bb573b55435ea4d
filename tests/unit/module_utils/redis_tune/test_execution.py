# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server's own file is written only where the server still starts with it."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.redis_client import RedisClient, RedisReplyError
from ansible.module_utils.upkeep.redis_tune import execution
from ansible.module_utils.upkeep.redis_tune.config_file import ConfigLine
from ansible.module_utils.upkeep.redis_tune.run import run
from ansible.module_utils.upkeep.redis_tune.settings import parse

from tests.unit.module_utils.redis_tune.server import RedisServer, running

Answer = dict[str, t.Any]


def tune(server: RedisServer) -> Answer:
    """Return what a run answers that gives a server a limit of its memory."""
    entry = server.entry(maxmemory={"value": "64mb"})
    values = {"instances": [entry], "state_file": str(server.folder / "state.json")}

    return run(parse(values), check_mode=False)


def done(answer: Answer) -> list[str]:
    """Return what was done, in order."""
    return [f"{item['action']} {item['status']}" for item in answer["actions"]]


def persistence(answer: Answer) -> str:
    """Return what is said about a restart."""
    found = [one for one in answer["findings"] if one["check"].endswith(".persistence")]

    return str(found[0]["message"])


def test_users_of_the_command_line_are_never_written_to_the_file(redis: RedisServer) -> None:
    """Redis writes them there as well, and does not start with a user that it has twice."""
    command = [str(redis.config), "--user", "alice", "on", "nopass", "~*", "+@all"]
    redis.stop()
    redis.start(*command)
    before = redis.config.read_text()

    answer = tune(redis)

    assert done(answer) == ["config_set done"]
    assert "no file declares the user 'alice'" in persistence(answer)
    assert redis.config.read_text() == before
    redis.stop()
    redis.start(*command)


def test_users_of_the_servers_own_file_are_no_reason_not_to_write_it(tmp_path: Path) -> None:
    with running(tmp_path, "user alice on nopass ~* +@all") as server:
        answer = tune(server)
        server.restart()

        assert done(answer) == ["config_set done", "config_rewrite done"]
        assert server.setting("maxmemory") == str(64 << 20)


class ModuleServer(RedisClient):
    """Answers what a server with so many modules and the user ``default`` does."""

    def __init__(self, modules: t.Any) -> None:
        self._modules = modules

    def ask_all(self, _commands: t.Any) -> list[t.Any]:
        return [["default"], self._modules]


@pytest.mark.parametrize(
    ("modules", "problem"),
    [
        ([["name", "search"], ["name", "json"]], "2 modules are loaded and the files declare 1"),
        ([["name", "search"]], ""),
        ([["name", "search", "path", "/s.so"], ["name", "vectorset", "ver", 1, "path", ""]], ""),
        ([], ""),
        (RedisReplyError("NOPERM"), ""),
    ],
)
def test_modules_of_the_command_line_are_never_written_to_the_file(
    modules: t.Any, problem: str
) -> None:
    lines = [ConfigLine("/etc/redis/redis.conf", 1, "loadmodule", "/usr/lib/search.so")]

    assert execution._undeclared(ModuleServer(modules), lines) == problem
