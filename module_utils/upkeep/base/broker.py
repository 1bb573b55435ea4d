# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Redis broker of Celery: its address, the lists of a queue, and how its workers are asked."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from .options import Option, option
from .redis_client import RedisLogin

#: Kombu puts this between the name of a queue and a priority.
SEPARATOR: t.Final = "\x06\x16"
#: Looks at one broker at the same time that do not disturb each other.
_SLOTS: t.Final = 16
_FORM: t.Final = "redis://[[user]:password@]host[:port][/database], or rediss:// for TLS"


class BrokerError(ValueError):
    """A URL that is not one of a Redis broker; the message never quotes it."""


@dataclass(frozen=True)
class Broker:
    """A broker, or a result back end, in one database of a Redis server."""

    url: str = field(repr=False)
    login: RedisLogin
    database: int

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.login.place}, database {self.database}"


def parse_broker(url: str, verify_tls: bool = True, ca_file: str | None = None) -> Broker:
    """Return the broker of a URL, whose query is left out; raises BrokerError."""
    # Errors of urlsplit quote the URL, and with it the password.
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BrokerError(f"must be a URL {_FORM}") from None

    if parts.scheme not in ("redis", "rediss") or port == 0:
        raise BrokerError(f"must be a URL {_FORM}")

    path = parts.path.strip("/")
    if path and not (path.isdecimal() and path.isascii()):
        raise BrokerError("must end in the number of a Redis database")

    login = RedisLogin(
        host=parts.hostname or "127.0.0.1",
        port=port or 6379,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=parts.scheme == "rediss",
        verify_tls=verify_tls,
        ca_file=ca_file,
    )

    # Applications tell Celery there how to verify a certificate; our own options do that here.
    return Broker(parts._replace(query="", fragment="").geturl(), login, int(path or 0))


def key_prefix_option() -> Option:
    """Return the option for what the applications put before each key of the broker."""
    return option(
        "str",
        "What the applications put before each key of the broker: C(global_keyprefix) of"
        " C(broker_transport_options).",
        default="",
        pattern="[A-Za-z0-9_.:@{}-]{0,100}",
        why="since it becomes part of keys",
    )


def lists_of(queue: str, steps: Sequence[int], key_prefix: str = "") -> list[str]:
    """Return the names of the lists of a queue: Kombu keeps one for each step of priority."""
    name = key_prefix + queue

    return [name, *(f"{name}{SEPARATOR}{step}" for step in steps if step)]


@contextlib.contextmanager
def control(broker: Broker, name: str, key_prefix: str = "") -> Iterator[tuple[t.Any, t.Any]]:
    """Yield Celery's control and a connection, without the application's own code.

    ``name`` is that of who asks, ``key_prefix`` what the workers put before keys. Raises
    ImportError without Celery, and what its driver raises.
    """
    import celery

    app = celery.Celery(broker=broker.url, set_as_current=False)
    if broker.login.tls:
        app.conf.broker_use_ssl = _tls(broker.login)
    if key_prefix:
        app.conf.broker_transport_options = {"global_keyprefix": key_prefix}
        _publish_where_workers_listen()

    _name_replies(app.control.mailbox, f"upkeep-{socket.gethostname()}-{name}")

    try:
        # Named here once more: the environment of a process may name another broker.
        with app.connection_for_write(broker.url) as connection:
            _ = connection.default_channel  # connects, after loading most of the driver
            yield app.control, connection
    finally:
        app.close()


def whole_waits(seconds: float) -> float:
    """Return the time-out for a question to workers that is over after at most so many seconds.

    Kombu asks Redis for a second at a time, and looks at the clock only in between.
    """
    return seconds if seconds < 1 else int(seconds) - 0.2


def _tls(login: RedisLogin) -> dict[str, t.Any]:
    """Return how Celery's driver is to verify the broker's certificate."""
    return {
        "ssl_cert_reqs": ssl.CERT_REQUIRED if login.verify_tls else ssl.CERT_NONE,
        "ssl_check_hostname": login.verify_tls,
        "ssl_ca_certs": login.ca_file or ssl.get_default_verify_paths().cafile,
    }


def _publish_where_workers_listen() -> None:
    """Let questions reach workers that have a prefix.

    Before Kombu 5.3 they listen without it, while it is put before what is published.
    """
    from kombu.transport import redis

    if not hasattr(redis, "PrefixedRedisPubSub"):
        mixin = redis.GlobalKeyPrefixMixin
        mixin.PREFIXED_SIMPLE_COMMANDS = [
            command for command in mixin.PREFIXED_SIMPLE_COMMANDS if command != "PUBLISH"
        ]


def _name_replies(mailbox: t.Any, name: str) -> None:
    """Give the queue for answers one of few names, so that no more than these can be left behind.

    Celery takes a new name each time, and a binding of that name stays in the broker for ever when
    the process is killed. The next process with the same number takes it away again.
    """
    slot = f"{name}-{os.getpid() % _SLOTS}"
    mailbox.__class__ = type("Mailbox", (type(mailbox),), {"oid": slot})
