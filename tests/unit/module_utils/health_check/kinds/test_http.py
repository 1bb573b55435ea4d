# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind http, against real servers on loopback, most of them ill."""

from __future__ import annotations

import json
import socket
import threading
import time
import tracemalloc
import typing as t
from collections.abc import Callable

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.clients.http import public_url

from tests.unit.module_utils.health_check.servers import (
    Handler,
    answering,
    hung,
    request_head,
    saying,
    trickling,
)

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {
    "url": "https://a.example.org/",
    "method": "POST",
    "upload": {"content": "a", "rows": 3},
    "latency": {"warning_ms": 9},
    "tls_expiry": {"warning_days": 9},
    "figures": [{"name": "pool", "path": "pool.used", "of": "pool.size", "warning": 80}],
}

Observed = Callable[..., dict[str, Finding]]
Listen = Callable[..., int]

HEALTHY = {
    "status": "healthy",
    "services": {"database": "healthy", "redis": "healthy"},
    "version": "1.0.0",
}
RULES = [{"path": "status", "equals": "healthy"}, {"path": "services.redis", "equals": "healthy"}]


def body(**changes: t.Any) -> bytes:
    return json.dumps({**HEALTHY, **changes}).encode()


@pytest.mark.requirement("R-fairedge-04", "R-fairedge-05", "R-hyperopt-02")
def test_healthy_answer_is_ok_and_timed(listen: Listen, observed: Observed) -> None:
    port = listen(answering(body()))
    found = observed(
        "http",
        url=f"http://127.0.0.1:{port}/health",
        json=RULES,
        latency={"warning_ms": 15000, "samples": 3},
    )

    assert {name: finding["status"] for name, finding in found.items()} == {
        "http:x": "ok",
        "http:x.latency": "ok",
    }
    assert 0 < found["http:x.latency"]["observed"] < 15000
    assert found["http:x.latency"]["expected"] == "at most 15000"


@pytest.mark.requirement("R-fairedge-05")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "degraded"}, "status is degraded, expected healthy"),
        (
            {"services": {"database": "healthy", "redis": "unhealthy"}},
            "services.redis is unhealthy",
        ),
        ({"services": {"database": "healthy"}}, "services.redis is missing"),
        ({"services": "healthy"}, "services.redis is missing"),
        ({"status": None}, "status is None"),
    ],
)
def test_status_200_with_sick_content_is_critical(
    listen: Listen, observed: Observed, changes: dict[str, t.Any], words: str
) -> None:
    port = listen(answering(body(**changes)))
    found = observed(
        "http", url=f"http://127.0.0.1:{port}/health", json=RULES, latency={"warning_ms": 1500}
    )

    assert found["http:x"]["status"] == "critical"
    assert words in found["http:x"]["message"]
    assert "http:x.latency" not in found, "the time of a wrong answer is no figure of the service"


def test_severity_makes_a_condition_a_warning(listen: Listen, observed: Observed) -> None:
    port = listen(answering(b'{"count": 3}'))
    rule = {"path": "count", "at_least": 10, "severity": "warning"}
    found = observed("http", url=f"http://127.0.0.1:{port}/", json=[rule])["http:x"]

    assert (found["status"], found["observed"], found["expected"]) == (
        "warning",
        "count=3",
        "at least 10",
    )


@pytest.mark.parametrize(
    ("handler", "options", "words"),
    [
        (answering(b"no", "500 Internal Server Error"), {}, "answered 500 instead of 200"),
        (
            answering(b"", "302 Found", "Location: /login?token=t0p"),
            {},
            "answered 302 (to /login) instead of 200",
        ),
        (answering(b"<html>", "200 OK"), {"json": RULES}, "the body is not JSON"),
        (answering(b"[" * 100000), {"json": RULES}, "the body is not JSON"),
        (answering(b"hello"), {"body_regex": "^bye"}, "does not match"),
        (
            answering(b"hello"),
            {"headers_present": ["Content-Security-Policy"]},
            "header Content-Security-Policy",
        ),
        (saying(b""), {}, "closed without an answer"),
        (saying(b"220 mail ESMTP\r\n"), {}, "does not speak proper HTTP"),
        (saying(b"HTTP/1.1 200 OK\r\nContent-Le"), {}, "broken headers"),
        (saying(b"HTTP/1.1 200 OK\r\nServer: x\r\n"), {}, "broken headers"),
        (saying(b"HTTP/1.1 200 OK"), {}, "broken headers"),
        (
            saying(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc"),
            {},
            "broke off 96 bytes too early",
        ),
        (
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"),
            {},
            "does not speak proper HTTP",
        ),
        (hung, {"timeout": 0.3}, "no complete answer within 0.3 s"),
    ],
)
def test_sick_servers_are_critical(
    listen: Listen, observed: Observed, handler: Handler, options: dict[str, t.Any], words: str
) -> None:
    found = observed("http", url=f"http://127.0.0.1:{listen(handler)}/a?token=t0p", **options)[
        "http:x"
    ]
    assert (found["status"], "t0p" in str(found)) == ("critical", False)
    assert words in found["message"]


def test_headers_that_must_be_there_are_found_however_they_are_written(
    listen: Listen, observed: Observed
) -> None:
    sent = ("X-Frame-Options: DENY", "strict-transport-security: max-age=9", "Empty:")
    url = f"http://127.0.0.1:{listen(answering(b'', '200 OK', *sent))}/"
    wanted = ["x-frame-options", "Strict-Transport-Security", "EMPTY"]

    assert observed("http", url=url, headers_present=wanted)["http:x"]["status"] == "ok"

    found = observed("http", url=url, headers_present=[*wanted, "Frame-Options"])["http:x"]

    assert (found["status"], found["message"]) == (
        "critical",
        f"{url}: the header Frame-Options is missing",
    )


def test_body_that_trickles_in_ends_with_the_deadline(listen: Listen, observed: Observed) -> None:
    port = listen(trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"))
    started = time.monotonic()
    found = observed("http", url=f"http://127.0.0.1:{port}/", timeout=0.5)["http:x"]

    assert time.monotonic() - started < 10
    assert found["status"] == "critical"
    assert "answered 200, but its body was not complete in time" in found["message"]


def test_endless_body_is_read_up_to_the_limit_only(listen: Listen, observed: Observed) -> None:
    port = listen(trickling(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, pause=0))
    found = observed("http", url=f"http://127.0.0.1:{port}/", max_body=100_000)["http:x"]

    assert found["status"] == "ok"

    found = observed("http", url=f"http://127.0.0.1:{port}/", max_body=100_000, body_regex="yes")[
        "http:x"
    ]

    assert (found["status"], found["observed"]) == ("unknown", "over 100000 bytes")

    found = observed("http", url=f"http://127.0.0.1:{port}/", max_body=100_000, json=RULES)[
        "http:x"
    ]

    assert found["status"] == "unknown"


def test_a_gigabyte_costs_neither_time_nor_memory(listen: Listen, observed: Observed) -> None:
    port = listen(
        trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", b"x" * 65536, pause=0)
    )
    started = time.monotonic()
    tracemalloc.start()

    try:
        found = observed("http", url=f"http://127.0.0.1:{port}/", json=RULES)["http:x"]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()

    assert time.monotonic() - started < 20
    assert (found["status"], found["observed"]) == ("unknown", "over 1048576 bytes")


def half_closed(start: bytes) -> Handler:
    """Return a handler that says this, ends its side, and keeps the connection."""

    def handler(connection: socket.socket, over: threading.Event) -> None:
        request_head(connection)
        connection.sendall(start)
        connection.shutdown(socket.SHUT_WR)
        over.wait()

    return handler


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "broken headers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "broke off 6 bytes too early"),
    ],
)
def test_half_closed_connections_end_at_once(
    listen: Listen, observed: Observed, start: bytes, words: str
) -> None:
    started = time.monotonic()
    url = f"http://127.0.0.1:{listen(half_closed(start))}/"
    found = observed("http", url=url, timeout=60)["http:x"]

    assert time.monotonic() - started < 20
    assert (found["status"], words in found["message"]) == ("critical", True), found


def test_refused_connection_is_critical_and_has_no_time(
    closed_port: int, observed: Observed
) -> None:
    found = observed(
        "http", url=f"http://127.0.0.1:{closed_port}/health", latency={"warning_ms": 200}
    )

    assert list(found) == ["http:x"]
    assert found["http:x"]["status"] == "critical"
    assert (
        f"http://127.0.0.1:{closed_port}/health: the connection is refused"
        in found["http:x"]["message"]
    )


def test_name_that_does_not_resolve_is_critical(observed: Observed) -> None:
    found = observed("http", url="http://api.invalid/health")["http:x"]
    assert found["status"] == "critical"
    assert "cannot be resolved" in found["message"]


def redirecting(hops: dict[str, str], requests: list[bytes]) -> Handler:
    """Return a handler that redirects the paths in ``hops`` and answers 200 to others."""

    def handler(connection: socket.socket, over: threading.Event) -> None:
        requests.append(request_head(connection))
        target = hops.get(requests[-1].split(b" ")[1].decode())
        head = f"HTTP/1.1 302 Found\r\nLocation: {target}" if target else "HTTP/1.1 200 OK"
        connection.sendall(f"{head}\r\nContent-Length: 0\r\n\r\n".encode())

    return handler


def test_redirects_are_followed_when_asked(listen: Listen, observed: Observed) -> None:
    port = listen(redirecting({"/": "/b", "/b": "c?d=1"}, requests := []))

    assert (
        observed("http", url=f"http://127.0.0.1:{port}", follow_redirects=True)["http:x"]["status"]
        == "ok"
    )
    assert [request.split(b" ")[1] for request in requests] == [b"/", b"/b", b"/c?d=1"]


@pytest.mark.parametrize(
    ("target", "words"),
    [("/", "redirects more than 5 times"), ("file:///etc/passwd", "not HTTP: file:///etc/passwd")],
)
def test_redirects_that_lead_nowhere_are_critical(
    listen: Listen, observed: Observed, target: str, words: str
) -> None:
    port = listen(redirecting({"/": target}, []))
    found = observed("http", url=f"http://127.0.0.1:{port}/", follow_redirects=True)["http:x"]
    assert (found["status"], words in found["message"]) == ("critical", True)


def test_secret_headers_do_not_follow_to_another_server(listen: Listen, observed: Observed) -> None:
    other = listen(redirecting({}, there := []))
    port = listen(redirecting({"/": f"http://127.0.0.1:{other}/"}, here := []))
    headers = {
        "Authorization": "Bearer s",
        "Accept": "text/plain",
        "X-Upkeep-Probe": "0",
        "User-Agent": "me",
    }
    observed("http", url=f"http://127.0.0.1:{port}/", follow_redirects=True, headers=headers)

    assert b"Authorization: Bearer s" in here[0]
    assert b"Authorization" not in there[0]

    for request in (here[0], there[0]):
        assert b"X-Upkeep-Probe: 1\r\n" in request
        assert b"User-Agent: upkeep\r\n" in request
        assert b"Accept: text/plain\r\n" in request


@pytest.mark.parametrize(("days", "status"), [(60, "ok"), (10, "warning"), (3, "critical")])
def test_days_left_of_a_certificate(
    listen: Listen, observed: Observed, authority: t.Any, days: float, status: str
) -> None:
    port = listen(answering(b""), authority.context("localhost", days))
    url, limits = f"https://localhost:{port}/", {"warning_days": 21, "critical_days": 7}
    found = observed("http", url=url, ca_file=str(authority.file), tls_expiry=limits)

    assert found["http:x"]["status"] == "ok", found
    assert found["http:x.tls_expiry"]["status"] == status
    assert found["http:x.tls_expiry"]["observed"] == pytest.approx(days, abs=0.1)


@pytest.mark.parametrize(
    ("name", "days", "trusted", "words"),
    [
        ("localhost", -1, True, "has expired"),
        ("other.example.org", 60, True, "not trusted: Hostname mismatch"),
        ("localhost", 60, False, "not trusted"),
    ],
)
def test_bad_certificates_are_critical(
    listen: Listen,
    observed: Observed,
    authority: t.Any,
    name: str,
    days: float,
    trusted: bool,
    words: str,
) -> None:
    url = f"https://localhost:{listen(answering(b''), authority.context(name, days))}/"
    found = observed("http", url=url, **({"ca_file": str(authority.file)} if trusted else {}))[
        "http:x"
    ]

    assert (found["status"], words in found["message"]) == ("critical", True), found
    assert observed("http", url=url, verify_tls=False)["http:x"]["status"] == "ok"


def test_plain_http_on_a_tls_port_is_critical(listen: Listen, observed: Observed) -> None:
    found = observed(
        "http", url=f"https://localhost:{listen(saying(b'HTTP/1.1 400 Bad Request'))}/"
    )["http:x"]
    assert (found["status"], "TLS failed" in found["message"]) == ("critical", True)


def test_shown_url_has_no_secrets() -> None:
    assert (
        public_url("https://user:word@example.org:8443/a/b?token=1#frag")
        == "https://example.org:8443/a/b"
    )


POOL: t.Final = {"name": "pool", "path": "pool.used", "of": "pool.size", "warning": 80}


@pytest.mark.parametrize(
    ("pool", "status", "seen"),
    [
        ({"used": 16, "size": 20}, "ok", 80.0),
        ({"used": 17, "size": 20}, "warning", 85.0),
        ({"used": 3, "size": 0}, "unknown", 3),
        ({"used": "many", "size": 20}, "unknown", "many"),
        ({"used": True, "size": 20}, "unknown", True),
        ({"size": 20}, "unknown", "missing"),
    ],
)
def test_a_figure_of_the_body_is_judged(
    listen: Listen, observed: Observed, pool: dict[str, t.Any], status: str, seen: t.Any
) -> None:
    url = f"http://127.0.0.1:{listen(answering(body(pool=pool)))}/"
    found = observed("http", url=url, figures=[POOL])["http:x.pool"]

    assert (found["status"], found["observed"]) == (status, seen)


def test_figures_of_a_body_that_is_no_json_are_unknown(listen: Listen, observed: Observed) -> None:
    url = f"http://127.0.0.1:{listen(answering(b'[' * 9))}/"

    assert observed("http", url=url, figures=[POOL])["http:x.pool"]["status"] == "unknown"
