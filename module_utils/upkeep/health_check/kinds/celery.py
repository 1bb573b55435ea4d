# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``celery``: do enough workers answer, and how long are the queues on a Redis broker?"""

from __future__ import annotations

import os
import socket
import ssl
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import SplitResult, unquote, urlsplit

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding, Limits
from ..check import Check, CheckError, ProbeError
from ..clients.redis_protocol import session
from ..clients.tls import TLS_OPTIONS, tls_context
from ..kind import NEVER, OTHERWISE, Kind, Row, limit_options, limit_words

#: Kombu puts this between the name of a queue and a priority.
_SEPARATOR: t.Final = "\x06\x16"
#: Seconds that are left to say goodbye to the broker.
_FAREWELL: t.Final = 0.5
#: Workers get at least this time for an answer, s.
_SHORTEST_WAIT: t.Final = 0.5
#: Looks at one broker at the same time that do not disturb each other.
_SLOTS: t.Final = 16


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the queue lengths, then the number of workers that answer a ping.

    The broker is asked first and without Celery: when it is down there is no point in waiting for
    workers.
    """
    yield from _queues(check, deadline)

    least = check.options["min_workers"]
    answered = _ping(check, deadline)
    yield check.measured(
        answered,
        Limits(critical=least, side="below"),
        f"{answered} of at least {least} Celery workers answer",
        "see the units of the workers and their log",
        unit="workers",
    )


def judge_queue(check: Check, queue: Mapping[str, t.Any], length: int) -> Finding:
    """Return the finding for the number of tasks that wait in one queue."""
    return check.measured(
        length,
        Limits.of(queue),
        f"{length} tasks wait in the queue {queue['name']}",
        "add workers, or see why tasks take long",
        aspect=f"queue_{queue['name']}",
        unit="tasks",
    )


def describe(check: Check) -> Iterator[Row]:
    """Yield the check and each queue in words."""
    asks = f"workers that answer: at least {check.options['min_workers']}"
    yield Row(check.id, asks, NEVER, OTHERWISE)

    for queue in check.options["queues"]:
        asks = f"tasks that wait in queue `{queue['name']}`"
        yield Row(f"{check.id}.queue_{queue['name']}", asks, *limit_words(Limits.of(queue)))


def database(broker: SplitResult) -> int:
    """Return the number of the Redis database in a broker URL; raises CheckError without one."""
    path = broker.path.strip("/")
    if path and not path.isdecimal():
        raise CheckError("the broker URL must end in the number of a Redis database")

    return int(path or 0)


def _queues(check: Check, deadline: Deadline) -> Iterator[Finding]:
    broker = urlsplit(check.options["broker"])
    with session(
        broker.hostname or "127.0.0.1",
        broker.port or 6379,
        deadline,
        username=_decoded(broker.username),
        password=_decoded(broker.password),
        db=database(broker),
        role="broker: ",
        context=tls_context(check.options) if broker.scheme == "rediss" else None,
    ) as redis:
        redis.ask("PING")
        for queue in check.options["queues"]:
            lists = _lists(queue["name"], check.options["priority_steps"])
            yield judge_queue(check, queue, sum(int(redis.ask("LLEN", name)) for name in lists))


def _lists(queue: str, steps: Sequence[int]) -> list[str]:
    """Return the names of the lists of a queue: Kombu keeps one for each step of priority."""
    return [queue, *(f"{queue}{_SEPARATOR}{step}" for step in steps if step)]


def _ping(check: Check, deadline: Deadline) -> int:
    """Return how many workers answered; returns early once enough of them did."""
    try:
        import celery
    except ImportError as error:
        message = "the driver is missing: install the package python3-celery"
        raise ProbeError("unknown", message) from error

    broker, least = check.options["broker"], check.options["min_workers"]
    app = celery.Celery(broker=broker, set_as_current=False)
    if urlsplit(broker).scheme == "rediss":
        app.conf.broker_use_ssl = _tls(check.options)

    _name_replies(app.control.mailbox, f"upkeep-{socket.gethostname()}-{check.name}")

    try:
        # Named here once more: the environment of a process may name another broker.
        with app.connection_for_write(broker) as connection:
            _ = connection.default_channel  # connects, after loading most of the driver
            seconds = whole_waits(deadline.remaining() - _FAREWELL)
            if seconds < _SHORTEST_WAIT:
                message = "loading Celery took nearly all the time: raise timeout"
                raise ProbeError("unknown", message)

            # Workers are waited for until shortly before the deadline: their silence is not ours,
            # and what an ended process leaves in the broker stays there.
            return len(app.control.ping(timeout=seconds, limit=least, connection=connection))
    finally:
        app.close()


def whole_waits(seconds: float) -> float:
    """Return the time-out for a ping that is over after at most so many seconds.

    Kombu asks Redis for a second at a time, and looks at the clock only in between.
    """
    return seconds if seconds < 1 else int(seconds) - 0.2


def _tls(options: Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return how Celery's driver is to verify the broker's certificate."""
    verify = ssl.CERT_REQUIRED if options["verify_tls"] else ssl.CERT_NONE

    return {
        "ssl_cert_reqs": verify,
        "ssl_check_hostname": options["verify_tls"],
        "ssl_ca_certs": options["ca_file"] or ssl.get_default_verify_paths().cafile,
    }


def _name_replies(mailbox: t.Any, name: str) -> None:
    """Give the queue for answers one of few names, so that no more than these can be left behind.

    Celery takes a new name each time, and a binding of that name stays in the broker for ever when
    the process is killed. The next process with the same number takes it away again.
    """
    slot = f"{name}-{os.getpid() % _SLOTS}"
    mailbox.__class__ = type("Mailbox", (type(mailbox),), {"oid": slot})


def _decoded(part: str | None) -> str | None:
    return unquote(part) if part else None


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"{check.id}.queue_{queue['name']}" for queue in check.options["queues"])


def _place(check: Check) -> str:
    broker = urlsplit(check.options["broker"])

    return f"broker {broker.hostname or '127.0.0.1'}:{broker.port or 6379}"


def _validate(check: Check) -> None:
    # Errors of urlsplit quote the URL, and with it the password.
    try:
        broker = urlsplit(check.options["broker"])
        fits = broker.scheme in ("redis", "rediss") and broker.port != 0
    except ValueError:
        fits = False

    if not fits:
        form = "redis://[[user]:password@]host[:port][/database], or rediss:// for TLS"
        raise CheckError(f"broker must be a URL {form}")

    database(broker)


KIND = Kind(
    description="workers that answer, tasks that wait",
    gives="`celery:NAME`, `.queue_QUEUE`",
    options={
        "broker": option(
            "str",
            "C(redis://[[user]:password@]host[:port][/database]), or C(rediss://) for TLS. Never"
            " shown.",
            required=True,
            secret=True,
        ),
        **TLS_OPTIONS,
        "min_workers": option(
            "int",
            "How many workers must answer; the check is over as soon as they did.",
            default=1,
            minimum=1,
        ),
        "priority_steps": option(
            "list",
            "Steps of priority that the applications use; those of Celery itself by default.",
            elements="int",
            default=[3, 6, 9],
        ),
        "queues": option(
            "list",
            "Queues whose length is judged; each adds C(celery:name.queue_NAME).",
            elements="dict",
            default=[],
            options={
                "name": option("str", "Name of the queue.", required=True),
                **limit_options("waiting tasks"),
            },
        ),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    network=True,
    place=_place,
    names=_names,
    validate=_validate,
)
