# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``celery``: do enough workers answer, and how long are the queues on a Redis broker?"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, unquote, urlsplit

from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding, Limits
from ..check import Check, CheckError, ProbeError
from ..clients.redis_protocol import session
from ..kind import NEVER, OTHERWISE, Kind, Row, limit_options, limit_words


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield the queue lengths, then the number of workers that answer a ping.

    The broker is asked first and without Celery: when it is down there is no point in waiting for
    workers.
    """
    yield from _queues(check, deadline)

    least = check.options["min_workers"]
    # Workers are waited for until shortly before the deadline, so that their silence is not taken
    # for ours.
    answered = _ping(check.options["broker"], least, max(0.1, deadline.remaining() - 0.5))
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
    ) as redis:
        redis.ask("PING")
        for queue in check.options["queues"]:
            yield judge_queue(check, queue, int(redis.ask("LLEN", queue["name"])))


def _ping(broker: str, least: int, seconds: float) -> int:
    """Return how many workers answered; returns early once ``least`` of them did."""
    try:
        import celery
    except ImportError as error:
        message = "the driver is missing: install the package python3-celery"
        raise ProbeError("unknown", message) from error

    app = celery.Celery(broker=broker, set_as_current=False)

    try:
        return len(app.control.ping(timeout=seconds, limit=least))
    finally:
        app.close()


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
        fits = broker.scheme == "redis" and broker.port != 0
    except ValueError:
        fits = False

    if not fits:
        raise CheckError("broker must be a URL redis://[[user]:password@]host[:port][/database]")

    database(broker)


KIND = Kind(
    description="workers that answer, tasks that wait",
    gives="`celery:NAME`, `.queue_QUEUE`",
    options={
        "broker": option(
            "str",
            "C(redis://[[user]:password@]host[:port][/database]). Never shown.",
            required=True,
            secret=True,
        ),
        "min_workers": option(
            "int",
            "How many workers must answer; the check is over as soon as they did.",
            default=1,
            minimum=1,
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
