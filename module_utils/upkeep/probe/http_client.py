# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP exchange within a deadline, with a bounded body."""

from __future__ import annotations

import http.client
import ssl
import time
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from .model import Deadline, ProbeError, milliseconds

MAX_REDIRECTS: t.Final = 5
#: Headers that must not follow a redirect to another server.
_PRIVATE: t.Final = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True)
class Request:
    """What to ask for; ``max_body`` in bytes."""

    url: str
    method: str
    headers: Mapping[str, str]
    max_body: int
    follow_redirects: bool
    context: ssl.SSLContext | None


@dataclass(frozen=True)
class Answer:
    """What came back. ``truncated``: the body went on after ``max_body`` bytes, ``not_after``: of the certificate."""

    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    truncated: bool
    ms: float
    not_after: str | None


def fetch(request: Request, deadline: Deadline) -> Answer:
    """Return the final answer; raises ProbeError, TimeoutError or OSError when there is none."""
    started = time.monotonic()
    url, headers = request.url, dict(request.headers)
    for _hop in range(MAX_REDIRECTS + 1):
        answer = _exchange(request, url, headers, deadline, started)
        location = answer.headers.get("Location")
        if not (request.follow_redirects and 300 <= answer.status < 400 and location):
            return answer
        target = urljoin(url, location)
        if urlsplit(target).scheme not in ("http", "https"):
            raise ProbeError("critical", f"redirects to something that is not HTTP: {shown(target)}")
        if _origin(urlsplit(target)) != _origin(urlsplit(url)):
            headers = {name: value for name, value in headers.items() if name.lower() not in _PRIVATE}
        url = target
    raise ProbeError("critical", f"redirects more than {MAX_REDIRECTS} times, last to {shown(url)}")


def shown(url: str) -> str:
    """Return the URL without query and fragment, which may hold tokens, and without user and password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _exchange(request: Request, url: str, headers: dict[str, str], deadline: Deadline, started: float) -> Answer:
    parts = urlsplit(url)
    connection = _connection(parts, request.context, deadline)
    try:
        connection.connect()
        sock = connection.sock
        not_after = _not_after(sock)
        sock.settimeout(deadline.remaining())
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(request.method, target, headers=headers)
        response = connection.getresponse()
        if response.headers.defects:  # http.client takes headers that were cut off for all of them
            raise ProbeError("critical", f"answered {response.status}, but with broken headers")
        body, truncated = _read(response, sock, request.max_body, deadline)
        return Answer(url, response.status, response.headers, body, truncated, milliseconds(started), not_after)
    except http.client.RemoteDisconnected:
        raise  # an OSError as well, and better explained as one
    except http.client.HTTPException as error:
        raise ProbeError("critical", f"{shown(url)} does not speak proper HTTP: {type(error).__name__}") from error
    finally:
        connection.close()


def _not_after(sock: t.Any) -> str | None:
    """Return when the other side's certificate ends; None without TLS, and when it was not verified."""
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    return str(certificate["notAfter"]) if certificate else None


def _connection(parts: SplitResult, context: ssl.SSLContext | None, deadline: Deadline) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=deadline.remaining(), context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=deadline.remaining())


def _read(response: http.client.HTTPResponse, sock: t.Any, limit: int, deadline: Deadline) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes and whether there was more; a slow body cannot outlive the deadline."""
    received = bytearray()
    # Python 3.13 closes the answer, and with it the socket, as soon as the announced length was read.
    while len(received) <= limit and not response.isclosed():
        try:
            sock.settimeout(deadline.remaining())
            chunk = response.read1(limit + 1 - len(received))
        except TimeoutError as error:
            stalled = (
                f"answered {response.status}, but its body was not complete in time ({len(received)} bytes so far)"
            )
            raise ProbeError("critical", stalled) from error
        if not chunk:
            if response.length:  # read1() takes a connection that broke off for the end of the body
                raise ProbeError(
                    "critical", f"answered {response.status}, but broke off {response.length} bytes too early"
                )
            break
        received += chunk
    return bytes(received[:limit]), len(received) > limit


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port
