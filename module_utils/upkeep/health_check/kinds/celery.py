# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``celery``: do enough workers answer, and how long are the queues on a Redis broker?"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from ...findings import Finding
from ..check import LIMITS, Check, CheckError, Deadline, Kind, ProbeError
from ..clients.redis_protocol import session


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the queue lengths, then the number of workers that answer a ping.

    The broker is asked first and without Celery: when it is down there is no point in waiting for
    workers.
    """
    yield from _queues(check, deadline)
    wanted = check.options["min_workers"]
    # Workers are waited for until shortly before the deadline, so that their silence can still be
    # told from ours.
    answered = _ping(check.options["broker"], wanted, max(0.1, deadline.remaining() - 0.5))
    status = "ok" if answered >= wanted else "critical"
    message = f"{answered} of at least {wanted} Celery workers answer"
    yield check.finding(
        status,
        message if status == "ok" else f"{message}: see the units of the workers and their log",
        observed=answered,
        expected=f"at least {wanted}",
        unit="workers",
    )


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
    ) as redis:
        redis.ask("PING")
        for queue in check.options["queues"]:
            yield judge_queue(check, queue, int(redis.ask("LLEN", queue["name"])))


def judge_queue(check: Check, queue: Mapping[str, t.Any], length: int) -> Finding:
    """Return the finding for the number of tasks that wait in one queue."""
    return check.measured(
        length,
        queue,
        f"{length} tasks wait in the queue {queue['name']}",
        "add workers, or see why tasks take long",
        aspect=f"queue_{queue['name']}",
        unit="tasks",
    )


def _ping(broker: str, wanted: int, seconds: float) -> int:
    """Return how many workers answered; returns early once ``wanted`` of them did."""
    try:
        import celery
    except ImportError as error:
        raise ProbeError(
            "unknown", "the driver is missing: install the package python3-celery"
        ) from error

    app = celery.Celery(broker=broker, set_as_current=False)

    try:
        return len(app.control.ping(timeout=seconds, limit=wanted))
    finally:
        app.close()


def database(broker: SplitResult) -> int:
    """Return the number of the Redis database in a broker url.

    Raises CheckError when it is no number.
    """
    path = broker.path.strip("/")
    if path and not path.isdecimal():
        raise CheckError("the broker url must end in the number of a Redis database")
    return int(path or 0)


def _decoded(part: str | None) -> str | None:
    return unquote(part) if part else None


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"{check.id}.queue_{queue['name']}" for queue in check.options["queues"])


def _place(check: Check) -> str:
    broker = urlsplit(check.options["broker"])
    return f"broker {broker.hostname or '127.0.0.1'}:{broker.port or 6379}"


def _validate(check: Check) -> None:
    # urlsplit's own errors quote the url, and with it the password
    try:
        broker = urlsplit(check.options["broker"])
        fits = broker.scheme == "redis" and broker.port != 0
    except ValueError:
        fits = False

    if not fits:
        raise CheckError("broker must be a url redis://[[user]:password@]host[:port][/database]")

    database(broker)
    if check.options["min_workers"] < 1:
        raise CheckError("min_workers must be at least 1")


KIND = Kind(
    options={
        "broker": {"type": "str", "required": True, "no_log": True},
        "min_workers": {"type": "int", "default": 1},
        "queues": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"name": {"type": "str", "required": True}, **LIMITS},
        },
    },
    probe=probe,
    network=True,
    place=_place,
    secrets=("broker",),
    names=_names,
    validate=_validate,
)
