# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Redis connection for work on keys and settings (RESP 2), within a deadline, without a driver.

Keys may hold any bytes: texts that are not UTF-8 come and go as ``surrogateescape``.
"""

from __future__ import annotations

import socket
import ssl
import typing as t
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from .deadline import Deadline
from .options import Options, option

#: A longer reply is not one that we ask for, bytes.
MAX_REPLY: t.Final = 16 << 20
#: Replies that hold replies: CONFIG GET and SLOWLOG need three levels.
MAX_DEPTH: t.Final = 8
_LOOPBACK: t.Final = ("localhost", "127.", "::1", "/")
_MEANINGS: t.Final = {
    "NOAUTH": "Redis asks for a password: set 'password'",
    "WRONGPASS": "Redis does not accept this user and password",
    "LOADING": "Redis is still loading its data: try again later",
    "MASTERDOWN": "this Redis is a replica that has lost its primary",
    "MASTERAUTH": "this Redis is a replica that may not log in to its primary",
    "DENIED": "Redis runs in protected mode: it accepts local clients only",
    "BUSY": "Redis is running a script that does not end",
}


class RedisError(Exception):
    """Redis cannot be reached, or what answers is not Redis; the message is for people."""


class RedisReplyError(RedisError):
    """An error reply; ``code`` is its first word (``NOAUTH``, ``LOADING``, ...)."""

    def __init__(self, text: str) -> None:
        self.code = text.split(" ")[0].lstrip("-")
        text = text.partition(", with args")[0]  # which may be a password
        super().__init__(_MEANINGS.get(self.code, f"Redis refuses: {text}"))


@dataclass(frozen=True)
class RedisLogin:
    """How to reach a server; a host that begins with ``/`` is the path of a socket."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    verify_tls: bool = True
    ca_file: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this host."""
        return self.host.startswith(_LOOPBACK)

    @property
    def place(self) -> str:
        """Where the server listens, for people."""
        return self.host if self.host.startswith("/") else f"{self.host}:{self.port}"


def redis_login_options() -> Options:
    """Return the options of a login."""
    return {
        "host": option(
            "str",
            "Name, address or path of the socket of the server.",
            default="127.0.0.1",
            min_length=1,
        ),
        "port": option("int", "Port of the server.", default=6379, minimum=1, maximum=65535),
        "username": option("str", "User of Redis' access control list."),
        "password": option("str", "Password. Never shown.", secret=True),
        "tls": option("bool", "Connect with TLS.", default=False),
        "verify_tls": option(
            "bool",
            "Refuse a certificate that is expired, not trusted or made out to another name.",
            default=True,
        ),
        "ca_file": option("path", "Trust these authorities instead of those of the host."),
    }


def redis_login(values: t.Mapping[str, t.Any]) -> RedisLogin:
    """Return the login of an entry whose options hold those of ``redis_login_options``."""
    return RedisLogin(**{name: values[name] for name in redis_login_options()})


class RedisClient(AbstractContextManager["RedisClient"]):
    """A connection that is logged in.

    Raises RedisError, RedisReplyError or TimeoutError, never OSError.
    """

    def __init__(self, login: RedisLogin, deadline: Deadline) -> None:
        self._deadline = deadline
        self._buffer, self._at = b"", 0  # what has arrived, and where the next reply begins
        self._socket = _connected(login, deadline)

        try:
            if login.password:
                self.ask("AUTH", *([login.username] if login.username else []), login.password)
        except BaseException:
            self._socket.close()
            raise

    def __exit__(self, *_details: object) -> None:
        self._socket.close()

    def ask(self, *words: str | int) -> t.Any:
        """Send one command and return its reply: str, int, None or a list of them."""
        (reply,) = self.ask_all([words])
        if isinstance(reply, RedisReplyError):
            raise reply

        return reply

    def ask_all(self, commands: Sequence[Sequence[str | int]]) -> list[t.Any]:
        """Send many commands at once and return their replies; an error reply is one of them."""
        self.send(commands)

        return self.receive(len(commands))

    def send(self, commands: Sequence[Sequence[str | int]]) -> None:
        """Send commands; ``receive`` returns their replies."""
        try:
            self._socket.settimeout(self._deadline.remaining())
            self._socket.sendall(b"".join(map(_written, commands)))
        except TimeoutError:
            raise
        except OSError as error:
            raise RedisError(f"the connection to Redis broke: {error}") from error

    def receive(self, count: int) -> list[t.Any]:
        """Return the replies to the oldest commands that were sent."""
        try:
            return [self._reply() for _ in range(count)]
        except TimeoutError:
            raise
        except OSError as error:
            raise RedisError(f"the connection to Redis broke: {error}") from error

    def scan(self, count: int = 500, pattern: str = "") -> Iterator[list[str]]:
        """Yield the keys of the chosen database, a portion at a time; some may come twice."""
        matching = ("MATCH", pattern) if pattern else ()
        cursor = "0"
        while True:
            cursor, keys = self.ask("SCAN", cursor, *matching, "COUNT", count)
            yield keys
            if cursor == "0":
                return

    def _reply(self, depth: int = 0) -> t.Any:
        line = self._line()
        kind, rest = line[:1], line[1:].decode("utf-8", "replace")
        if kind == b"+":
            return rest
        if kind == b"-":
            return RedisReplyError(rest)

        number = _whole(rest) if kind in (b":", b"$", b"*") else None
        if number is None:
            raise RedisError("what answers there is not Redis")
        if kind == b":":
            return number
        if number > MAX_REPLY or depth > MAX_DEPTH:
            raise RedisError("a reply is larger than any that Redis was asked for")
        if number < 0:
            return None
        if kind == b"*":
            return self._received_texts(number) or [self._reply(depth + 1) for _ in range(number)]

        return self._exactly(number + 2)[:-2].decode("utf-8", "surrogateescape")

    def _received_texts(self, number: int) -> list[str] | None:
        """Return so many texts that have arrived whole, several times faster than one by one.

        None when something else or too little is there.
        """
        *lines, rest = self._buffer[self._at :].split(b"\r\n", 2 * number)
        heads, bodies = lines[::2], lines[1::2]
        if len(bodies) < number or heads != [b"$%d" % len(body) for body in bodies]:
            return None

        self._buffer, self._at = rest, 0

        return [body.decode("utf-8", "surrogateescape") for body in bodies]

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n", self._at)) < 0:
            self._receive()
        line, self._at = self._buffer[self._at : end], end + 2

        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) - self._at < size:
            self._receive()
        data = self._buffer[self._at : self._at + size]
        self._at += size

        return data

    def _receive(self) -> None:
        self._buffer, self._at = self._buffer[self._at :], 0
        if len(self._buffer) > MAX_REPLY:
            raise RedisError("what answers there never ends, it is not Redis")

        self._socket.settimeout(self._deadline.remaining())
        chunk = self._socket.recv(1 << 18)
        if not chunk:
            raise RedisError("Redis closed the connection")

        self._buffer += chunk


def _written(words: Sequence[str | int]) -> bytes:
    """Return a command as it goes over the line."""
    parts = [str(word).encode("utf-8", "surrogateescape") for word in words]

    return b"*%d\r\n" % len(parts) + b"".join(
        [b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]
    )


def _whole(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _connected(login: RedisLogin, deadline: Deadline) -> socket.socket:
    """Return a socket to the server; raises RedisError or TimeoutError."""
    try:
        if login.host.startswith("/"):
            plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            plain.settimeout(deadline.remaining())
            plain.connect(login.host)
        else:
            plain = socket.create_connection((login.host, login.port), deadline.remaining())
    except TimeoutError:
        raise
    except (OSError, UnicodeError) as error:
        raise RedisError(f"{login.place} cannot be reached: {error}") from error

    return _secured(plain, login) if login.tls else plain


def _secured(plain: socket.socket, login: RedisLogin) -> socket.socket:
    try:
        context = ssl.create_default_context(cafile=login.ca_file)
        if not login.verify_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE

        return context.wrap_socket(plain, server_hostname=login.host)
    except TimeoutError:
        plain.close()
        raise
    except OSError as error:
        plain.close()
        raise RedisError(f"no TLS connection to {login.place}: {error}") from error
