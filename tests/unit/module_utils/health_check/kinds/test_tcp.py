# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind tcp."""

from __future__ import annotations

import contextlib
import socket
import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.findings import Finding

from tests.unit.module_utils.health_check.servers import answering, bulk, hung, redis_server

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"port": 22}

Observed = Callable[..., dict[str, Finding]]


Listen = Callable[..., int]

PONG: t.Final = {"PING": b"+PONG\r\n", "INFO": bulk("")}


def test_nothing_listens(observed: Observed, closed_port: int) -> None:
    for kind, options in {"redis": {}, "tcp": {}}.items():
        found = observed(kind, port=closed_port, **options)[f"{kind}:x"]
        assert (
            found["status"],
            f"127.0.0.1:{closed_port}: the connection is refused" in found["message"],
        ) == (
            "critical",
            True,
        )


def test_tcp_port_that_accepts_is_ok(listen: Listen, observed: Observed) -> None:
    assert observed("tcp", port=listen(hung))["tcp:x"]["status"] == "ok"


@pytest.mark.parametrize("kind", ["tcp", "http", "redis"])
def test_an_address_that_swallows_packets_leaves_time_for_the_next(
    listen: Listen, observed: Observed, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The first address is a socket whose queue is full: it answers nothing at all."""
    handler = redis_server(PONG, []) if kind == "redis" else answering(b"")
    port = listen(handler)
    with socket.socket() as silent, contextlib.ExitStack() as stack:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())

        def resolve(*_: t.Any, **__: t.Any) -> list[t.Any]:
            addresses = (silent.getsockname(), ("127.0.0.1", port))
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", one) for one in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        options = {"url": "http://shop/"} if kind == "http" else {"host": "shop", "port": port}
        found = observed(kind, timeout=4, **options)[f"{kind}:x"]

    assert found["status"] == "ok"
