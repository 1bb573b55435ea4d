# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind dns, against the resolver of this machine."""

from __future__ import annotations

import socket
import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.findings import Finding

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"host": "a.example.org", "latency": {"warning_ms": 9}}

Observed = Callable[..., dict[str, Finding]]


def test_names_are_resolved(observed: Observed) -> None:
    found = observed("dns", host="localhost", latency={"warning_ms": 20000})

    assert {name: one["status"] for name, one in found.items()} == {
        "dns:x": "ok",
        "dns:x.latency": "ok",
    }
    assert observed("dns", host="127.0.0.1", addresses=["127.0.0.1"])["dns:x"]["status"] == "ok"

    found = observed("dns", host="127.0.0.1", addresses=["192.0.2.7"])

    assert (found["dns:x"]["status"], "not to 192.0.2.7" in found["dns:x"]["message"]) == (
        "critical",
        True,
    )


def test_a_name_that_does_not_resolve(observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: t.Any, **__: t.Any) -> t.Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    found = observed("dns", host="api.example.org")["dns:x"]

    assert (found["status"], "cannot be resolved" in found["message"]) == ("critical", True)
