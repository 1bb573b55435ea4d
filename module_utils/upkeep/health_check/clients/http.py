# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP exchange within a deadline, with a bounded body, timed phase by phase."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
import typing as t
from collections.abc import Mapping
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from ...base.deadline import Deadline
from ..check import ProbeError, milliseconds

#: Services leave requests with this mark out of their own figures: we do not measure ourselves.
MARK: t.Final = {"X-Upkeep-Probe": "1", "User-Agent": "upkeep"}
MAX_REDIRECTS: t.Final = 5
#: Headers that must not follow a redirect to another server.
_PRIVATE: t.Final = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_SECRET_WORDS: t.Final = ("auth", "cookie", "key", "token", "secret")
_PORTS: t.Final = {"http": 80, "https": 443}
PHASES: t.Final = ("resolve", "connect", "tls", "first byte", "body")


class Request(t.NamedTuple):
    """A request; ``max_body`` is the most that is read of the answer, in bytes."""

    url: str
    method: str
    headers: Mapping[str, str]
    max_body: int
    follow_redirects: bool
    context: ssl.SSLContext | None
    body: bytes | None = None


class HttpAnswer(t.NamedTuple):
    """The final answer to a request.

    ``truncated``: the body went on after ``max_body`` bytes. ``not_after`` is that of the
    certificate. ``ms`` is the whole time, ``phases`` the part of each of PHASES, redirects added
    up.
    """

    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    truncated: bool
    ms: float
    not_after: str | None
    phases: Mapping[str, float]


class _Clock:
    """Adds up the time between marks, ms."""

    def __init__(self) -> None:
        self.last = time.monotonic()
        self.phases: dict[str, float] = {}

    def mark(self, phase: str) -> None:
        """Count the time since the last mark as this phase."""
        now = time.monotonic()
        self.phases[phase] = round(self.phases.get(phase, 0.0) + (now - self.last) * 1000, 2)
        self.last = now


class _Lines:
    """A stream that remembers its last line."""

    def __init__(self, stream: t.Any) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line."""
        self.last = self._stream.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._stream, name)


class _Response(http.client.HTTPResponse):
    """An answer with complete headers: http.client takes a broken connection for their end."""

    def begin(self) -> None:
        """Read status and headers; raises ProbeError when no blank line ended them."""
        stream = self.fp
        lines = self.fp = t.cast(t.Any, _Lines(stream))
        try:
            super().begin()
        finally:
            if self.fp is lines:
                self.fp = stream

        if lines.last not in (b"\r\n", b"\n") or self.headers.defects:
            raise ProbeError("critical", f"answered {self.status}, but with broken headers")


def fetch(request: Request, deadline: Deadline) -> HttpAnswer:
    """Return the final answer; raises ProbeError, TimeoutError or OSError when there is none."""
    started, clock = time.monotonic(), _Clock()
    url, headers = request.url, dict(request.headers)
    for _hop in range(MAX_REDIRECTS + 1):
        answer = _exchange(request, url, headers, deadline, started, clock)
        location = answer.headers.get("Location")
        if not (request.follow_redirects and 300 <= answer.status < 400 and location):
            return answer

        target = urljoin(url, location)
        if urlsplit(target).scheme not in ("http", "https"):
            raise ProbeError(
                "critical", f"redirects to an address that is not HTTP: {public_url(target)}"
            )

        if _origin(urlsplit(target)) != _origin(urlsplit(url)):
            headers = {
                name: value for name, value in headers.items() if name.lower() not in _PRIVATE
            }

        url = target

    raise ProbeError(
        "critical", f"redirects more than {MAX_REDIRECTS} times, last to {public_url(url)}"
    )


def public_url(url: str) -> str:
    """Return the URL without what may be secret: query, fragment, user and password."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def secret_headers(headers: t.Any) -> set[str]:
    """Return the values of headers that are credentials by the headers' names."""
    named = headers.items() if isinstance(headers, Mapping) else ()
    return {
        str(value)
        for name, value in named
        if value and any(w in str(name).lower() for w in _SECRET_WORDS)
    }


def _exchange(
    request: Request,
    url: str,
    headers: dict[str, str],
    deadline: Deadline,
    started: float,
    clock: _Clock,
) -> HttpAnswer:
    parts = urlsplit(url)
    sock = _connect(parts, request.context, deadline, clock)
    connection = _connection(parts)
    connection.response_class = _Response
    connection.sock = sock
    not_after = _not_after(
        sock
    )  # now, since an answer that was read to its end takes the socket with it

    try:
        sock.settimeout(deadline.remaining())
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(request.method, target, body=request.body, headers=headers)
        response = connection.getresponse()
        clock.mark("first byte")
        body, truncated = _read(response, sock, request.max_body, deadline)
        clock.mark("body")
        phases = dict(clock.phases)
        return HttpAnswer(
            url,
            response.status,
            response.headers,
            body,
            truncated,
            milliseconds(started),
            not_after,
            phases,
        )
    except http.client.RemoteDisconnected:
        raise  # an OSError as well, and better explained as one
    except http.client.HTTPException as error:
        raise ProbeError(
            "critical", f"{public_url(url)} does not speak proper HTTP: {type(error).__name__}"
        ) from error
    finally:
        connection.close()


def _connect(
    parts: SplitResult, context: ssl.SSLContext | None, deadline: Deadline, clock: _Clock
) -> socket.socket:
    """Return a connection to the first address that takes one, with TLS for https."""
    host = parts.hostname or ""
    found = socket.getaddrinfo(host, parts.port or _PORTS[parts.scheme], type=socket.SOCK_STREAM)
    clock.mark("resolve")
    refused: OSError | None = None

    for family, kind, protocol, _name, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.remaining())
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            clock.mark("connect")
            if parts.scheme != "https" or context is None:
                return sock

            sock.settimeout(deadline.remaining())
            wrapped = context.wrap_socket(sock, server_hostname=host)
            clock.mark("tls")
            return wrapped
        except (TimeoutError, ssl.SSLError):
            sock.close()
            raise
        except OSError as error:
            sock.close()
            refused = error

    raise refused or OSError(f"{host} has no address")


def _not_after(sock: socket.socket) -> str | None:
    """Return when the other side's certificate ends.

    None without TLS, and when it was not verified.
    """
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    return str(certificate["notAfter"]) if certificate else None


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    """Return the writer of requests; its class decides whether the Host header names the port."""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port)


def _read(
    response: http.client.HTTPResponse, sock: socket.socket, limit: int, deadline: Deadline
) -> tuple[bytes, bool]:
    """Return at most ``limit`` bytes and whether there was more.

    A slow body cannot outlive the deadline.
    """
    received = bytearray()
    # Python 3.13 closes the answer, and with it the socket, as soon as the announced length was
    # read.
    while len(received) <= limit and not response.isclosed():
        try:
            sock.settimeout(deadline.remaining())
            chunk = response.read1(limit + 1 - len(received))
        except TimeoutError as error:
            stalled = (
                f"answered {response.status}, but its body was not complete in time"
                f" ({len(received)} bytes so far)"
            )
            raise ProbeError("critical", stalled) from error

        if not chunk:
            if response.length:  # read1() takes a connection that broke off for the end of the body
                message = f"but broke off {response.length} bytes too early"
                raise ProbeError("critical", f"answered {response.status}, {message}")
            break

        received += chunk

    return bytes(received[:limit]), len(received) > limit


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port
