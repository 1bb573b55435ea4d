# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Servers in trouble: reached by TLS alone, still loading, lost in between, on a full disk."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.redis_client import RedisClient, RedisReplyError
from ansible.module_utils.upkeep.redis_tune import run as runs

from tests.unit.module_utils.redis_tune.server import PATIENCE, RedisServer, running
from tests.unit.module_utils.redis_tune.test_run import WANTED, by_aspect, done, tune
from tests.unit.module_utils.redis_tune.troubles import (
    Secured,
    loading,
    running_secured,
    without_room,
)

LIMIT: t.Final = {"maxmemory": {"value": "64mb"}}


# TLS.


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Give a server with a certificate for 127.0.0.1."""
    with running_secured(tmp_path_factory.mktemp("tls")) as found:
        yield found


def test_a_server_is_tuned_by_tls(secured: Secured) -> None:
    first = tune(secured.server, **secured.options(**LIMIT))
    again = tune(secured.server, **secured.options(**LIMIT))

    assert by_aspect(first)[""]["status"] == "ok"
    assert first["changed"]
    assert again["actions"] == []
    assert secured.server.setting("maxmemory") == str(64 << 20)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ca_file": None}, "certificate verify failed"),
        ({"host": "localhost"}, "certificate is not valid for 'localhost'"),
        ({"ca_file": "/nowhere/ca.crt"}, "No such file"),
    ],
)
def test_a_server_that_cannot_prove_who_it_is_gets_no_password(
    secured: Secured, options: dict[str, t.Any], said: str
) -> None:
    answer = tune(secured.server, **secured.options(**LIMIT, **options))

    assert by_aspect(answer)[""]["status"] == "unknown"
    assert said in by_aspect(answer)[""]["message"]
    assert answer["actions"] == []


@pytest.mark.parametrize("tls", [True, False])
def test_tls_and_plain_ports_that_are_mixed_up_are_said(secured: Secured, tls: bool) -> None:
    port = secured.server.port if tls else secured.port
    ca_file = secured.ca_file if tls else None
    answer = tune(secured.server, port=port, tls=tls, ca_file=ca_file, **LIMIT)

    assert by_aspect(answer)[""]["status"] == "unknown"
    assert "p-one" not in str(answer)


# Loading.


def test_a_server_that_loads_its_data_is_left_alone(redis: RedisServer) -> None:
    redis.ask("SADD", "_kombu.binding.celery", "celery")
    script = "for i = 1, 20000 do redis.call('set', 'k' .. i, string.rep('x', 1000)) end"
    redis.ask("EVAL", script, 0)
    small = {**WANTED, "maxmemory": {"value": "9mb"}}
    with loading(redis):
        meanwhile = tune(redis, **small)
    afterwards = by_aspect(tune(redis, **small))

    assert meanwhile["actions"] == []
    assert by_aspect(meanwhile)[""]["status"] == "unknown"
    assert "still loading" in by_aspect(meanwhile)[""]["message"]
    assert "never set below 1.2 times" in afterwards["maxmemory"]["message"]
    assert redis.setting("maxmemory-policy") == "noeviction"
    assert redis.ask("DBSIZE") == 20_001


def test_a_server_that_runs_a_script_without_end_is_left_alone(tmp_path: Path) -> None:
    with (
        running(tmp_path, "busy-reply-threshold 20") as server,
        RedisClient(server.login, Deadline(PATIENCE)) as client,
    ):
        client.send([("EVAL", "while true do end", 0)])
        give_up = Deadline(PATIENCE)
        with contextlib.suppress(RedisReplyError):
            while give_up.remaining():
                server.ask("PING")
        meanwhile = tune(server, **LIMIT)
        server.ask("SCRIPT", "KILL")
        client.receive(1)  # the end of the script
        afterwards = tune(server, **LIMIT)

    assert by_aspect(meanwhile)[""]["status"] == "unknown"
    assert "a script that does not end" in by_aspect(meanwhile)[""]["message"]
    assert done(afterwards) == ["config_set done", "config_rewrite done"]


# Lost in between.


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_server_that_restarts_in_between_is_tuned_by_the_next_run(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    rewrite = runs.rewrite

    def lost(*arguments: t.Any) -> t.Any:
        redis.stop()
        if comes_back:
            redis.start(str(redis.config))
        return rewrite(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(runs, "rewrite", lost)
        first = tune(redis, **WANTED)
    if not comes_back:
        redis.start(str(redis.config))
    second = tune(redis, **WANTED)
    redis.restart()
    third = tune(redis, **WANTED)

    assert by_aspect(first)[""]["status"] == "unknown"
    assert done(second) == ["config_set done"] * 3 + ["config_rewrite done"]
    assert third["actions"] == []


# A full disk.


def test_a_full_disk_leaves_the_file_as_it_was_and_the_next_run_writes_it(
    redis: RedisServer,
) -> None:
    before = redis.config.read_text()
    without_room(redis)
    first = tune(redis, **WANTED)
    again = tune(redis, **WANTED)
    left = redis.config.read_text()
    redis.restart()
    recovered = tune(redis, **WANTED)

    assert done(first) == ["config_set done"] * 3 + ["config_rewrite failed"]
    assert by_aspect(first)["persistence"]["status"] == "warning"
    assert "a restart would lose the settings" in by_aspect(first)["persistence"]["message"]
    assert done(again) == ["config_rewrite failed"]
    assert not again["changed"]
    assert left == before
    assert done(recovered)[-1] == "config_rewrite done"


def test_counters_that_cannot_be_kept_are_a_finding_and_the_server_is_tuned(
    redis: RedisServer,
) -> None:
    (redis.folder / "state.json").mkdir()
    answer = tune(redis, **LIMIT)

    assert done(answer) == ["config_set done", "config_rewrite done"]
    assert answer["findings"][-1]["check"] == "redis_tune:state"
    assert answer["findings"][-1]["status"] == "warning"


# Commands that were renamed.


@pytest.mark.parametrize(
    ("command", "aspects"),
    [
        ("INFO", {""}),
        ("CONFIG", {"", "maxmemory"}),
        ("SLOWLOG", {"slow_log"}),
        ("SCAN", {"keys_without_expiry", "must_expire"}),
        ("TTL", {"keys_without_expiry", "must_expire"}),
        ("SELECT", {"keys_without_expiry", "must_expire"}),
    ],
)
def test_what_a_renamed_command_hides_is_unknown_and_the_rest_is_looked_at(
    tmp_path: Path, command: str, aspects: set[str]
) -> None:
    with running(tmp_path, f'rename-command {command} ""') as server:
        server.ask("SET", "opportunities:1", "x")
        options: dict[str, t.Any] = {
            **LIMIT,
            "slow_log": {},
            "memory": {},
            "hit_ratio": {},
            "clients": {},
            "keys_without_expiry": {"must_expire": ["opportunities:*"]},
        }
        found = by_aspect(tune(server, **options))

    assert {name for name, item in found.items() if item["status"] == "unknown"} == aspects
