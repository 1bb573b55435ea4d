# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind listener, against real sockets and a /proc of the test."""

from __future__ import annotations

import os
import socket
import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.clients import procfs
from ansible.module_utils.upkeep.health_check.kinds import listener, process
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.module_utils.health_check.kinds.conftest import Tree

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"port": 80, "unit": "web.service"}

Observed = Callable[..., dict[str, Finding]]


def test_who_listens_on_a_port(observed: Observed, closed_port: int) -> None:
    me = procfs.user_name(os.getuid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert observed("listener", port=port)["listener:x"]["observed"] == me
        assert observed("listener", port=port, user=me)["listener:x"]["status"] == "ok"

        found = observed("listener", port=port, user="nobody-else")["listener:x"]

        assert (found["status"], found["observed"], found["expected"]) == (
            "critical",
            me,
            "nobody-else",
        )

        found = observed("listener", port=port, unit="shop.service")["listener:x"]

        assert (found["status"], "instead of shop.service" in found["message"]) == (
            "critical",
            True,
        ), found

    found = observed("listener", port=closed_port)["listener:x"]

    assert (found["status"], f"nothing listens on port {closed_port}" in found["message"]) == (
        "critical",
        True,
    )


def test_the_unit_that_holds_the_socket(tree: Tree, observed: Observed) -> None:
    (tree.root / "net").mkdir()
    row = (
        "  0: 0100007F:{port:04X} 00000000:0000 {state} 0:0 00:0 0 {uid} 0 {inode}"
        " 1 0 100 0 0 10 0\n"
    )
    (tree.root / "net" / "tcp").write_text(
        "  sl  local_address\n"
        + row.format(port=80, state="0A", uid=os.getuid(), inode=77)
        + row.format(port=80, state="01", uid=0, inode=78)
        + row.format(port=81, state="0A", uid=os.getuid(), inode=79)
    )
    tree.add(10, unit="shop.service")
    (tree.root / "10" / "fd" / "4").symlink_to("socket:[77]")

    assert observed("listener", port=80, unit="shop.service")["listener:x"]["status"] == "ok"

    found = observed("listener", port=81, unit="shop.service")["listener:x"]

    assert (found["status"], "is not visible" in found["message"]) == ("unknown", True)


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    listener.parse(text, 80)


def listening(tree: Tree, *pids: int) -> None:
    """Let each process hold a listening socket of port 80."""
    (tree.root / "net").mkdir()
    row = "  0: {n:08X}:0050 00000000:0000 0A 0:0 00:0 0 {uid} 0 {n} 1 0 100 0 0 10 0\n"
    rows = "".join(row.format(n=pid, uid=os.getuid()) for pid in pids)
    (tree.root / "net" / "tcp").write_text(f"  sl  local_address\n{rows}")
    for pid in pids:
        (tree.root / str(pid) / "fd" / "4").symlink_to(f"socket:[{pid}]")


def test_systemd_may_listen_for_the_unit(
    tree: Tree, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(1)
    (tree.root / "1" / "cgroup").write_text("0::/init.scope\n")
    listening(tree, 1)

    monkeypatch.setattr(listener, "is_socket_activated", lambda *_: True)
    activated = observed("listener", port=80, unit="ssh.service")["listener:x"]
    monkeypatch.setattr(listener, "is_socket_activated", lambda *_: False)
    other = observed("listener", port=80, unit="ssh.service")["listener:x"]

    assert activated["status"] == "ok"
    assert other["status"] == "critical"
    assert "end that" not in other["message"], "nobody should end systemd"


def test_others_may_listen_on_other_addresses(tree: Tree, observed: Observed) -> None:
    tree.add(10, unit="dnsmasq.service")
    tree.add(11, unit="systemd-resolved.service")
    listening(tree, 10, 11)

    found = observed("listener", port=80, unit="dnsmasq.service")["listener:x"]

    assert found["status"] == "ok"


def test_a_unit_may_be_named_by_an_alias(
    tree: Tree, observed: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.add(10, unit="redis-server.service")
    listening(tree, 10)
    monkeypatch.setattr(listener, "full_name", lambda *_: "redis-server.service")
    monkeypatch.setattr(process, "full_name", lambda *_: "redis-server.service")

    for name in ("redis-server", "redis.service"):
        assert observed("listener", port=80, unit=name)["listener:x"]["status"] == "ok"
        assert observed("process", unit=name)["process:x"]["status"] == "ok"
