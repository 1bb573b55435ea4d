# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One HTTP exchange within a deadline, with a bounded body, timed phase by phase."""

from __future__ import annotations

import email.errors
import http.client
import re
import socket
import ssl
import time
import typing as t
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from ...base.deadline import Deadline
from ..check import CheckError, ProbeError, milliseconds
from .tcp import connect, validate_host

#: Services leave requests with this mark out of their own figures: we do not measure ourselves.
MARK: t.Final = {"X-Upkeep-Probe": "1", "User-Agent": "upkeep"}
MAX_REDIRECTS: t.Final = 5
#: Informational answers before the final one, as "103 Early Hints".
_MOST_INFORMATIONAL: t.Final = 10
#: Defects of the headers themselves; others are of a body that is not parsed here.
_BROKEN: t.Final = (
    email.errors.MissingHeaderBodySeparatorDefect,
    email.errors.FirstHeaderLineIsContinuationDefect,
)
#: What stays as it is in the path and query of a URL; all else is written as %20 and so on.
_SAFE: t.Final = "%/:=&?~#+!$,;'@()*[]"
#: Headers that may follow a redirect to another server; any other one may be a credential.
_HARMLESS: t.Final = frozenset(
    ("accept", "accept-encoding", "accept-language", "connection", "user-agent", "x-upkeep-probe")
)
_SECRET_WORDS: t.Final = ("auth", "cookie", "key", "token", "secret", "session", "passw", "credent")
#: Redirects after which a browser sends GET, whatever it had sent before.
_TURN_TO_GET: t.Final = (301, 302, 303)
_HEADER: t.Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
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
            for _ in range(_MOST_INFORMATIONAL):
                if not 101 < self.status < 200:
                    break
                self.headers = self.msg = t.cast(t.Any, None)  # else begin() does nothing
                super().begin()
        finally:
            if self.fp is lines:
                self.fp = stream

        # http.client knows chunks only where no other coding stands before them.
        if not self.chunked and transfer_codings(self.headers)[-1:] == ["chunked"]:
            self.chunked, self.chunk_left, self.length = True, None, None

        broken = any(isinstance(defect, _BROKEN) for defect in self.headers.defects)
        if lines.last not in (b"\r\n", b"\n") or broken:
            raise ProbeError("critical", f"answered {self.status}, but with broken headers")


def fetch(request: Request, deadline: Deadline) -> HttpAnswer:
    """Return the final answer; raises ProbeError, TimeoutError or OSError when there is none."""
    started, clock = time.monotonic(), _Clock()
    for hop in range(MAX_REDIRECTS + 1):
        try:
            answer = _exchange(request, deadline, started, clock)
        except (OSError, ProbeError) as error:
            if hop:
                error.add_note(after_redirect(request.url))
            raise

        location = answer.headers.get("Location")
        if not (request.follow_redirects and 300 <= answer.status < 400 and location):
            return answer

        # http.client reads headers as Latin-1; servers write UTF-8, and blanks as they are.
        target = quote(location.strip().encode("latin-1", "replace"), safe=_SAFE)
        request = _redirected(request, answer.status, _joined(request.url, target))

    place = public_url(request.url)
    raise ProbeError("critical", f"redirects more than {MAX_REDIRECTS} times, last to {place}")


def _joined(url: str, target: str) -> str:
    """Return where a redirect leads; raises ProbeError for what is no address."""
    try:
        joined = urljoin(url, target)
        parts = urlsplit(joined)
        if parts.scheme in _PORTS:
            if not parts.hostname:
                raise ValueError("it names no host")
            validate_host(parts.hostname)
            origin(parts)  # reads the port
    except (CheckError, ValueError) as error:
        message = f"redirects to an address that cannot be reached: {error}"
        raise ProbeError("critical", message) from error

    return joined


def _redirected(request: Request, status: int, target: str) -> Request:
    """Return the request that follows a redirect; raises ProbeError for one that must not."""
    here, there = urlsplit(request.url), urlsplit(target)
    place = public_url(target)
    if there.scheme not in ("http", "https"):
        raise ProbeError("critical", f"redirects to an address that is not HTTP: {place}")

    if status in _TURN_TO_GET and request.method not in ("GET", "HEAD"):
        kept = {name: v for name, v in request.headers.items() if name.lower() != "content-type"}
        request = request._replace(method="GET", body=None, headers=kept)

    if origin(there) != origin(here):
        if request.body is not None:
            raise ProbeError("critical", f"redirects the upload to another server: {place}")

        harmless = {n: v for n, v in request.headers.items() if n.lower() in _HARMLESS}
        request = request._replace(headers=harmless)

    return request._replace(url=target)


def after_redirect(url: str) -> str:
    """Return words for where an exchange failed that a redirect led to."""
    return f"after a redirect to {public_url(url)}"


def transfer_codings(headers: http.client.HTTPMessage) -> list[str]:
    """Return the codings of a body on its way, in the order in which they were applied."""
    named = ",".join(headers.get_all("Transfer-Encoding", [])).lower().split(",")

    return [coding for name in named if (coding := name.strip()) not in ("", "identity")]


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


def _exchange(request: Request, deadline: Deadline, started: float, clock: _Clock) -> HttpAnswer:
    parts = urlsplit(request.url)
    sock = _connect(parts, request.context, deadline, clock)
    connection = _connection(parts)
    connection.response_class = _Response
    connection.sock = sock
    not_after = _not_after(sock)  # now: an answer that was read to its end takes the socket along

    try:
        sock.settimeout(deadline.remaining())
        _send(connection, request, parts)
        response = connection.getresponse()
        clock.mark("first byte")
        body, truncated = _read(response, sock, request.max_body, deadline)
        clock.mark("body")
    except http.client.RemoteDisconnected:
        raise  # an OSError as well, and better explained as one
    except http.client.HTTPException as error:
        raise _not_understood(request.url, error) from error
    finally:
        connection.close()

    return HttpAnswer(
        url=request.url,
        status=response.status,
        headers=response.headers,
        body=body,
        truncated=truncated,
        ms=milliseconds(started),
        not_after=not_after,
        phases=dict(clock.phases),
    )


def _not_understood(url: str, error: http.client.HTTPException) -> ProbeError:
    place = public_url(url)
    if isinstance(error, http.client.LineTooLong) or "more than" in str(error):
        return ProbeError("unknown", f"{place} sends more headers than are read: {error}")

    message = f"{place} does not speak proper HTTP: {type(error).__name__}"

    return ProbeError("critical", message)


def _send(connection: http.client.HTTPConnection, request: Request, parts: SplitResult) -> None:
    """Send a request; a server that answers before it has read all of it may close early."""
    target = quote(urlunsplit(("", "", parts.path or "/", parts.query, "")), safe=_SAFE)
    headers = {name: str(value).encode() for name, value in request.headers.items()}

    try:
        connection.request(request.method, target, body=request.body, headers=headers)
    except (BrokenPipeError, ConnectionResetError):
        if request.body is None:
            raise


def _connect(
    parts: SplitResult, context: ssl.SSLContext | None, deadline: Deadline, clock: _Clock
) -> socket.socket:
    """Return a connection to the first address that takes one, with TLS for https."""
    if parts.scheme == "https" and context is None:
        raise ValueError("https needs a TLS context")  # never fall back to plain HTTP

    host = (parts.hostname or "").rstrip(".")  # a certificate has no dot at the end
    port = parts.port or _PORTS[parts.scheme]
    sock = connect(host, port, deadline, lambda: clock.mark("resolve"))

    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clock.mark("connect")
        if context is None or parts.scheme != "https":
            return sock

        sock.settimeout(deadline.remaining())
        wrapped = context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise

    clock.mark("tls")

    return wrapped


def _not_after(sock: socket.socket) -> str | None:
    """Return when the other side's certificate ends.

    None without TLS, and when it was not verified.
    """
    certificate = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
    return str(certificate["notAfter"]) if certificate else None


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    """Return the writer of requests; its class decides whether the Host header names the port."""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind((parts.hostname or "").rstrip("."), parts.port)


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


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Return what two URLs of one server share: scheme, host and port."""
    host = (parts.hostname or "").rstrip(".")

    return parts.scheme, host, parts.port or _PORTS[parts.scheme]


def needs_tls(url: str) -> bool:
    """Return whether a URL is reached by TLS; schemes have no case."""
    return urlsplit(url).scheme == "https"


def validate_url(url: str) -> None:
    """Raise CheckError for a URL that is not that of an HTTP server."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise CheckError("url must start with http:// or https:// and name a host")
    if any(sign.isspace() or not sign.isprintable() for sign in url):
        raise CheckError("url must not hold blanks or control characters; write them as %20")
    if parts.username is not None:
        raise CheckError("url must not hold a user or password; use headers")
    if parts.port == 0:  # reading the port raises ValueError when it is not a number
        raise CheckError("url must not name port 0")

    validate_host(parts.hostname)


def validate_headers(headers: Mapping[str, t.Any]) -> None:
    """Raise CheckError for headers that cannot be sent."""
    for name, value in headers.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            raise CheckError(f"header {name} is {type(value).__name__}; it must be text")
        if any(ord(sign) < 32 for sign in f"{name}{value}") or not _HEADER.fullmatch(str(name)):
            raise CheckError(f"header {name!r} must not hold line ends or control characters")
