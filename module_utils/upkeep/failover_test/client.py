# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A client that goes on asking while a service is stopped; it knows all addresses."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
import typing as t
from dataclasses import dataclass, field

from .settings import FailoverService

#: Marks a request as ours: it is no traffic of visitors.
MARK: t.Final = {"X-Upkeep-Probe": "failover_test", "User-Agent": "upkeep", "Connection": "close"}
_LARGEST_ANSWER: t.Final = 1 << 20


@dataclass(frozen=True)
class Request:
    """One request: when it began and ended (monotonic, s), and who answered it, '' for nobody."""

    began: float
    ended: float
    answered_by: str


def ask(service: FailoverService, address: str) -> str:
    """Return '' when an address answers as it must, else why not.

    The whole answer must come in time: one that never ends is none.
    """
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=service.timeout)
    cut = threading.Event()
    try:
        connection.connect()
        watch = threading.Timer(service.timeout, _end, (connection.sock, cut))
        watch.daemon = True
        watch.start()
        try:
            connection.request("GET", service.path, headers=MARK)
            answer = connection.getresponse()
            answer.read(_LARGEST_ANSWER)
        finally:
            watch.cancel()
    except (OSError, http.client.HTTPException) as error:
        if not cut.is_set():
            return f"{type(error).__name__}: {error}".rstrip(": ")
    finally:
        connection.close()

    if cut.is_set():
        return f"its answer does not end within {service.timeout:g} s"

    return "" if answer.status == service.status else f"it answers {answer.status}"


def _end(connected: socket.socket, cut: threading.Event) -> None:
    cut.set()
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def is_same(address: str, other: str) -> bool:
    """Return whether two addresses lead to one, as localhost and 127.0.0.1 do."""
    return bool(_resolved(address) & _resolved(other))


def _resolved(address: str) -> set[t.Any]:
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError:
        return set()

    return {(place[4][0], place[4][1]) for place in found}


@dataclass
class Client:
    """Asks on in a thread: first the service itself, then the others in their order."""

    service: FailoverService
    requests: list[Request] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Client:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def first_by_others(self, since: float) -> Request | None:
        """Return the first request after a moment that another one answered."""
        return next(
            (
                one
                for one in list(self.requests)
                if one.ended >= since and one.answered_by in self.service.others
            ),
            None,
        )

    def came_back(self, since: float, until: float) -> bool:
        """Return whether the service itself answered a request of this time."""
        return any(
            one.answered_by == self.service.address and one.began > since and one.ended < until
            for one in list(self.requests)
        )

    def lost(self) -> int:
        """Return how many requests nobody answered."""
        return sum(not one.answered_by for one in self.requests)

    def _run(self) -> None:
        while not self._over.is_set():
            self.requests.append(self._request())
            self._over.wait(self.service.interval)

    def _request(self) -> Request:
        began = time.monotonic()
        for address in (self.service.address, *self.service.others):
            if not ask(self.service, address):
                return Request(began, time.monotonic(), address)

        return Request(began, time.monotonic(), "")
