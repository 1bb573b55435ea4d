# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a server treats one connection: handlers for the fixture ``listen``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Handler = Callable[[socket.socket, threading.Event], None]


def request_head(connection: socket.socket) -> bytes:
    """Return the request up to the blank line."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            break

        received += chunk

    return received


def answering(body: bytes, status: str = "200 OK", *headers: str) -> Handler:
    """Return a handler that answers every request like this."""
    head = (
        "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]).encode()
        + b"\r\n\r\n"
    )

    def handler(connection: socket.socket, _over: threading.Event) -> None:
        request_head(connection)
        connection.sendall(head + body)

    return handler


def saying(data: bytes) -> Handler:
    """Return a handler that reads the request, says this and closes."""

    def handler(connection: socket.socket, _over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return handler


def trickling(start: bytes, drop: bytes = b"x", pause: float = 0.05) -> Handler:
    """Return a handler that never ends: each drop resets a time-out from read to read."""

    def handler(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not over.wait(pause):
            connection.sendall(drop)

    return handler


def hung(_connection: socket.socket, over: threading.Event) -> None:
    """Accept and never say a word."""
    over.wait()


def redis_server(replies: dict[str, bytes], asked: list[list[str]]) -> Handler:
    """Return a handler that answers commands by their first word, and notes them."""

    def handler(connection: socket.socket, _over: threading.Event) -> None:
        with connection.makefile("rb") as stream:
            while head := stream.readline():
                words = []
                for _ in range(int(head[1:])):
                    size = int(stream.readline()[1:])
                    words.append(stream.read(size + 2)[:-2].decode())

                asked.append(words)
                connection.sendall(replies.get(words[0], b"+OK\r\n"))

    return handler


def bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text.encode()), text.encode())
