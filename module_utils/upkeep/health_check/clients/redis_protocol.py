# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a probe needs of Redis' protocol (RESP 2), within a deadline and without a driver."""

from __future__ import annotations

import errno
import os
import ssl
import typing as t
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ...base.deadline import Deadline
from ..check import ProbeError
from .tcp import connect

#: INFO is the longest answer we ask for: some 10 KiB.
MAX_ANSWER: t.Final = 2**20


class RedisRefusal(Exception):  # noqa: N818 - an error reply of the server, not our error
    """An error reply; ``code`` is its first word (``NOAUTH``, ``LOADING``, ...)."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.split(" ")[0]


class Redis(AbstractContextManager["Redis"]):
    """A connection.

    Raises OSError, TimeoutError, RedisRefusal, or ProbeError when the other side is no Redis.
    """

    def __init__(
        self, host: str, port: int, deadline: Deadline, context: ssl.SSLContext | None
    ) -> None:
        self._deadline = deadline
        self._socket = connect(host, port, deadline)
        self._buffer = b""

        if context is not None:
            self._socket.settimeout(deadline.remaining())
            try:
                self._socket = context.wrap_socket(self._socket, server_hostname=host)
            except BaseException:
                self._socket.close()
                raise

    def __exit__(self, *_details: object) -> None:
        self._socket.close()

    def login(self, username: str | None, password: str | None, db: int) -> None:
        """Authenticate when there is a password, and choose the database."""
        if password:
            self.ask("AUTH", *([username] if username else []), password)
        if db:
            self.ask("SELECT", str(db))

    def ask(self, *words: str) -> t.Any:
        """Send one command and return its reply: str, int or None."""
        parts = [word.encode() for word in words]
        message = b"*%d\r\n" % len(parts) + b"".join(
            b"$%d\r\n%s\r\n" % (len(part), part) for part in parts
        )
        self._socket.settimeout(self._deadline.remaining())
        self._socket.sendall(message)

        return self._reply()

    def _reply(self) -> t.Any:
        line = self._line()
        kind, rest = line[:1], line[1:].decode("utf-8", "replace")
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisRefusal(rest)

        try:
            number = int(rest) if kind in (b":", b"$") else None
        except ValueError:
            number = None

        if number is None or (kind == b"$" and number > MAX_ANSWER):
            raise ProbeError("critical", "what answers there is not Redis")
        if kind == b":":
            return number

        return None if number < 0 else self._exactly(number + 2)[:-2].decode("utf-8", "replace")

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._receive()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._receive()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _receive(self) -> None:
        if len(self._buffer) > MAX_ANSWER:
            raise ProbeError("critical", "what answers there never ends, it is not Redis")

        self._socket.settimeout(self._deadline.remaining())
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

        self._buffer += chunk


@contextmanager
def session(
    host: str,
    port: int,
    deadline: Deadline,
    *,
    username: str | None = None,
    password: str | None = None,
    db: int = 0,
    role: str = "",
    context: ssl.SSLContext | None = None,
) -> Iterator[Redis]:
    """Yield a connection that is logged in.

    ``context`` is for TLS. Error replies become a ProbeError that begins with ``role``.
    """
    try:
        with Redis(host, port, deadline, context) as redis:
            redis.login(username, password, db)
            yield redis
    except RedisRefusal as refusal:
        raise ProbeError(
            "critical", f"{role}{explain(refusal)}", observed=refusal.code
        ) from refusal


def explain(refusal: RedisRefusal) -> str:
    """Return what an error reply means, without echoing anything that we sent."""
    meanings = {
        "NOAUTH": "Redis asks for a password: set 'password' (or put it into the broker url)",
        "WRONGPASS": "Redis does not accept this user and password",
        "LOADING": "Redis is still loading its data",
        "MASTERDOWN": "this Redis is a replica that has lost its master",
        "NOPERM": "this user may not run the probe's commands (PING, INFO, SELECT, LLEN)",
        "DENIED": "Redis runs in protected mode: it accepts local clients only",
    }
    return meanings.get(refusal.code.lstrip("-"), f"Redis refuses: {refusal}")
