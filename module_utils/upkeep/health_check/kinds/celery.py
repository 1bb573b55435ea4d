# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``celery``: do enough workers answer, and how long are the queues on a Redis broker?"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ...base.broker import (
    Broker,
    BrokerError,
    control,
    key_prefix_option,
    lists_of,
    parse_broker,
    whole_waits,
)
from ...base.deadline import Deadline
from ...base.options import option
from ...findings import Finding, Limits
from ..check import Check, CheckError, ProbeError
from ..clients.redis_protocol import session
from ..clients.tls import TLS_OPTIONS, tls_context
from ..kind import NEVER, OTHERWISE, Kind, Row, limit_options, limit_words

#: Seconds that are left to say goodbye to the broker.
_FAREWELL: t.Final = 0.5
#: Workers get at least this time for an answer, s.
_SHORTEST_WAIT: t.Final = 0.5


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


def _queues(check: Check, deadline: Deadline) -> Iterator[Finding]:
    broker = _broker(check)
    login = broker.login
    with session(
        login.host,
        login.port,
        deadline,
        username=login.username,
        password=login.password,
        db=broker.database,
        role="broker: ",
        context=tls_context(check.options) if login.tls else None,
    ) as redis:
        redis.ask("PING")
        for queue in check.options["queues"]:
            lists = lists_of(
                queue["name"], check.options["priority_steps"], check.options["key_prefix"]
            )
            yield judge_queue(check, queue, sum(int(redis.ask("LLEN", name)) for name in lists))


def _ping(check: Check, deadline: Deadline) -> int:
    """Return how many workers answered; returns early once enough of them did."""
    least = check.options["min_workers"]
    try:
        asked = control(_broker(check), check.name, check.options["key_prefix"])
        with asked as (asker, connection):
            seconds = whole_waits(deadline.remaining() - _FAREWELL)
            if seconds < _SHORTEST_WAIT:
                message = "loading Celery took nearly all the time: raise timeout"
                raise ProbeError("unknown", message)

            # Workers are waited for until shortly before the deadline: their silence is not ours,
            # and what an ended process leaves in the broker stays there.
            return len(asker.ping(timeout=seconds, limit=least, connection=connection))
    except ImportError as error:
        message = "the driver is missing: install the package python3-celery"
        raise ProbeError("unknown", message) from error


def _broker(check: Check) -> Broker:
    options = check.options

    return parse_broker(options["broker"], options["verify_tls"], options["ca_file"])


def _names(check: Check) -> tuple[str, ...]:
    return tuple(f"{check.id}.queue_{queue['name']}" for queue in check.options["queues"])


def _place(check: Check) -> str:
    return f"broker {_broker(check).login.place}"


def _validate(check: Check) -> None:
    try:
        _broker(check)
    except BrokerError as error:
        raise CheckError(f"broker {error}") from None


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
        "key_prefix": key_prefix_option(),
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
