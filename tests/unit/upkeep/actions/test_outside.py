# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks of the controller, in their process, against a real server."""

from __future__ import annotations

import http.server
import threading
import typing as t
from collections.abc import Iterator

import pytest
from ansible.module_utils.upkeep.health_check.check import CheckError
from ansible.module_utils.upkeep.health_check.settings import parse

from tests import evidence
from tests.unit.profiles.limits import profile
from upkeep.actions import outside

CHECK: t.Final = {"name": "public", "kind": "http", "asked_from": "controller"}


#: What the answer of a shipped check must hold, whatever the system.
BODY: t.Final = b'{"status": "healthy"}'


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a server that is healthy at every path."""

    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *_: t.Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.requirement("R-racing-05", "R-racing-11", "R-fairedge-04")
@pytest.mark.parametrize(
    ("system", "component", "public"),
    [
        ("racing", "app", "http://192.0.2.31:8050/"),
        ("fairedge", "web", "https://app.example.org/health"),
    ],
)
def test_a_system_is_asked_at_its_public_address(
    address: str, system: str, component: str, public: str
) -> None:
    [entry] = [
        one
        for one in profile(system)["system_health_checks"]
        if (one.get("asked_from"), one["name"]) == ("controller", "public")
    ]
    checks = [{**entry, "url": address}, {"name": "here", "kind": "load"}]
    [found] = outside.findings({"checks": checks, "components": [component], "cadence": "daily"})

    assert entry["url"] == public
    assert (found["check"], found["status"]) == ("http:public", "ok")
    evidence.add(system, [found])


def test_a_closed_firewall_is_critical() -> None:
    [found] = outside.findings({"checks": [{**CHECK, "url": "http://127.0.0.1:1/"}]})

    assert (found["check"], found["status"]) == ("http:public", "critical")


def test_the_host_leaves_such_checks_out_and_the_controller_all_others() -> None:
    checks = [{**CHECK, "url": "http://a/"}, {"name": "here", "kind": "load"}]
    here, there = (
        [check.id for check in parse({"checks": checks, "place": place}).checks]
        for place in ("host", "controller")
    )

    assert here == ["load:here"]
    assert there == ["http:public"]


def test_what_cannot_be_carried_out_is_unknown() -> None:
    [found] = outside.findings({"checks": [{**CHECK, "kind": "htp"}]})

    assert (found["check"], found["status"]) == ("health:controller", "unknown")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "load"},
        {"url": "http://a/", "fall": 2},
        {"url": "http://a/", "method": "POST", "upload": {"path": "/a", "run_as": "root"}},
    ],
)
def test_what_needs_the_host_is_refused(changes: dict[str, t.Any]) -> None:
    with pytest.raises(CheckError):
        parse({"checks": [{**CHECK, **changes}]})


@pytest.mark.parametrize("checks", [[], "x", [None], [{"name": "here"}]])
def test_nothing_is_started_where_nothing_is_asked(checks: t.Any) -> None:
    assert not outside.is_asked({"checks": checks})
