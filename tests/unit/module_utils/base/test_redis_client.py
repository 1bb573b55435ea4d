# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection, against a real server and against what only looks like one."""

from __future__ import annotations

import socket
import threading
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.redis_client import (
    RedisClient,
    RedisError,
    RedisLogin,
    RedisReplyError,
)

from tests.unit.module_utils.redis_tune.server import running

LOCAL: t.Final = "127.0.0.1"


def listening(reply: bytes) -> Iterator[RedisLogin]:
    """Yield where something answers once with ``reply`` and closes."""
    with socket.create_server((LOCAL, 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(reply)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield RedisLogin(LOCAL, server.getsockname()[1])
        thread.join(5)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"$99999999999\r\n",
        b"*99999999999\r\n",
        b"*1\r\n" * 20,
        b"$x\r\n",
        b"$5\r\nab",
    ],
)
def test_what_is_not_redis_is_said(reply: bytes) -> None:
    for login in listening(reply):
        with RedisClient(login, Deadline(5)) as client, pytest.raises(RedisError):
            client.ask("PING")


def test_a_refusal_never_shows_what_was_sent() -> None:
    error = RedisReplyError("ERR unknown command 'AUTH', with args beginning with: 'p-one'")

    assert "p-one" not in str(error)


def test_nobody_listens() -> None:
    with pytest.raises(RedisError, match="cannot be reached"):
        RedisClient(RedisLogin(LOCAL, 1), Deadline(5))


def test_a_server_that_says_nothing_ends_with_the_deadline() -> None:
    with (
        socket.create_server((LOCAL, 0)) as server,
        RedisClient(RedisLogin(LOCAL, server.getsockname()[1]), Deadline(0.2)) as client,
        pytest.raises(TimeoutError),
    ):
        client.ask("PING")


def test_names_with_any_bytes_come_back_as_they_went(tmp_path: Path) -> None:
    names = {
        "with blank",
        'a "quote"',
        "two\r\nlines",
        b"\xff\x00".decode(errors="surrogateescape"),
    }
    with running(tmp_path) as server, RedisClient(server.login, Deadline(5)) as client:
        for name in names:
            client.ask("SET", name, "x")
        found = {key for keys in client.scan(1) for key in keys}

        assert found == names
        assert client.ask_all([("GET", "with blank"), ("NOSUCH",), ("PING",)])[0::2] == [
            "x",
            "PONG",
        ]


def test_a_socket_is_a_place_as_well(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with running(tmp_path, f"unixsocket {path}"):
        login = RedisLogin(str(path), 6379)
        with RedisClient(login, Deadline(5)) as client:
            assert client.ask("PING") == "PONG"

    assert login.is_local
    assert login.place == str(path)
