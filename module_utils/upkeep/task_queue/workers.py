# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What workers of Celery answer when they are asked over the broker.

Celery's driver runs in a process of its own, since it may hang. Arguments of tasks, which may hold
secrets, never leave that process.
"""

from __future__ import annotations

import datetime as dt
import time
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from ..base import isolated
from ..base.broker import control, whole_waits
from ..base.deadline import Deadline
from ..base.processes import ResourceLimits
from ..base.text import list_some, visible
from . import celery_processes
from .settings import Application

#: How long all workers have to answer; who is slower counts as silent. Two waits of Kombu, s.
PING: t.Final = 1.8
#: How long one further answer may take, s.
ANSWER: t.Final = 4.8
#: Time that is kept for ending in order, s.
RESERVE: t.Final = 1.0
#: What Celery's driver needs, bytes.
LIMITS: t.Final = ResourceLimits(address_space=1 << 30, file_size=0)
#: What Redis' transport does where nobody says otherwise, s.
VISIBILITY_TIMEOUT: t.Final = 3600.0
#: Options of the transport that leave the process which asks.
_TRANSPORT: t.Final = ("visibility_timeout", "global_keyprefix", "sep", "priority_steps")
#: Workers of one process id on two hosts have not started within so many seconds.
SAME_START: t.Final = 2.0
#: Queues of one worker that are looked at.
MOST_QUEUES: t.Final = 200
MISSING: t.Final = "the driver is missing: install the package python3-celery"

Json = t.Any
#: Command -> its arguments, and what of each answer is handed on.
_COMMANDS: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "active": {},
    "scheduled": {},
    "reserved": {},
    "stats": {},
    "conf": {"with_defaults": False},
    "registered": {},
    "active_queues": {},
}


@dataclass(frozen=True)
class WorkerTask:
    """A task in a worker.

    ``seconds`` is since when it runs, or when it will, None where the worker does not say.
    """

    worker: str
    name: str
    seconds: float | None


@dataclass(frozen=True)
class WorkerStatistics:
    """What a worker has done since it started."""

    worker: str
    processes: int
    totals: Mapping[str, int]


@dataclass(frozen=True)
class ListNaming:
    """What a worker says of the lists that hold its tasks; None where that is as by default."""

    prefix: str | None = None
    separator: str | None = None
    steps: tuple[int, ...] | None = None


class ConsumedQueue(t.NamedTuple):
    """A queue from which a worker takes tasks, and the exchange it was bound to, '' for none."""

    queue: str
    exchange: str


@dataclass(frozen=True)
class WorkerFacts:
    """What the workers of one broker answered.

    ``time_limit`` is the longest that any of them sets, ``visibility_timeout`` the shortest.
    ``naming`` is how they name the lists of the broker, where that is not Celery's own way, and
    ``silent`` which of those in ``names`` gave no answer to a question. ``namesakes`` is how many
    more answered by a name. ``here`` is the number of workers on this host, where none answered.
    """

    names: tuple[str, ...] = ()
    active: tuple[WorkerTask, ...] = ()
    scheduled: tuple[WorkerTask, ...] = ()
    reserved: int = 0
    statistics: tuple[WorkerStatistics, ...] = ()
    time_limit: float | None = None
    visibility_timeout: float = VISIBILITY_TIMEOUT
    registered: frozenset[str] = field(default_factory=frozenset)
    naming: tuple[ListNaming, ...] = ()
    consumed: tuple[ConsumedQueue, ...] = ()
    silent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    namesakes: Mapping[str, int] = field(default_factory=dict)
    here: int = 0

    @property
    def count(self) -> int:
        """How many workers answered, also those that share a name."""
        return len(self.names) + sum(self.namesakes.values())

    def gap(self, *questions: str) -> str:
        """Return the clause that says who did not answer a question, '' when all did."""
        if not self.names:
            return "no worker answers"

        silent = {name for question in questions for name in self.silent.get(question, ())}
        named = list_some([visible(name) for name in sorted(silent)])

        return f"{named} did not answer" if silent else ""


def collect(application: Application, deadline: Deadline) -> WorkerFacts | str:
    """Return what the workers answer, or why they could not be reached."""
    seconds = deadline.left
    answers, problem = isolated.run(lambda: _ask(application, seconds), seconds, limits=LIMITS)
    found = dict(answers)
    if "ping" not in found:
        return problem or "the workers were not asked"
    if found["ping"] and problem:
        return problem

    facts = read(found, time.time())

    return facts if facts.names else replace(facts, here=_workers_here(application.process))


def _workers_here(process: str) -> int:
    """Return how many workers of an application run on this host; 0 where that cannot be seen."""
    try:
        return len(celery_processes.workers(process)) if process else 0
    except OSError:
        return 0


def read(answers: Mapping[str, Mapping[str, Json]], now: float) -> WorkerFacts:
    """Return facts from the answers by command and worker; what does not fit is left out."""
    configured = list(answers.get("conf", {}).values())
    limits = [_number(each.get("task_time_limit")) for each in configured]
    transports = list(answers.get("transport", {}).values())
    hidden = [_number(each.get("visibility_timeout")) for each in transports]

    return WorkerFacts(
        names=tuple(sorted(answers.get("ping", {}))),
        active=_tasks(answers.get("active", {}), lambda started: now - started),
        scheduled=_tasks(answers.get("scheduled", {}), lambda due: due - now),
        reserved=sum(len(each) for each in answers.get("reserved", {}).values()),
        statistics=tuple(
            WorkerStatistics(worker, int(each.get("processes", 0)), each.get("totals", {}))
            for worker, each in sorted(answers.get("stats", {}).items())
        ),
        time_limit=max((limit for limit in limits if limit), default=None),
        visibility_timeout=min(filter(None, hidden), default=VISIBILITY_TIMEOUT),
        registered=frozenset(
            name for names in answers.get("registered", {}).values() for name in names
        ),
        naming=tuple(dict.fromkeys(_naming(each) for each in transports)),
        consumed=tuple(
            sorted(
                {
                    ConsumedQueue(queue, exchange)
                    for queues in answers.get("active_queues", {}).values()
                    for queue, exchange in queues
                }
            )
        ),
        namesakes=dict(answers.get("namesakes", {})),
        silent={
            question: tuple(sorted(answers.get("ping", {}).keys() - answers.get(question, {})))
            for question in _COMMANDS
        },
    )


def _ask(application: Application, seconds: float) -> Iterator[list[Json]]:
    """Yield each command with the answers of the workers, as plain data."""
    deadline = Deadline(seconds)
    try:
        asked = control(application.broker, application.name, application.key_prefix)
        with asked as (asker, connection):
            replies = asker.broadcast("ping", reply=True, timeout=PING, connection=connection)
            yield ["ping", _by_worker(replies)]

            for command, arguments in _COMMANDS.items() if replies else ():
                if (left := deadline.left - RESERVE) < RESERVE:
                    return  # what was answered counts, the rest is unknown

                replies = asker.broadcast(
                    command,
                    arguments=arguments,
                    reply=True,
                    timeout=whole_waits(min(ANSWER, left)),
                    limit=len(replies),
                    connection=connection,
                )
                yield from _handed_on(command, replies)
    except ImportError as error:
        raise isolated.IsolatedError(MISSING) from error


def _handed_on(command: str, replies: Json) -> Iterator[list[Json]]:
    """Yield what of the replies leaves this process."""
    answers = _by_worker(replies)
    if command == "stats":
        yield ["transport", {worker: _transport(each) for worker, each in answers.items()}]
        yield ["namesakes", _namesakes(replies)]

    yield [command, {worker: _KEPT[command](each) for worker, each in answers.items()}]


def _by_worker(replies: Json) -> dict[str, Json]:
    """Return the answers by worker, without those that report a failed command."""
    found: dict[str, Json] = {}
    for reply in replies or ():
        found.update(reply)

    return {
        worker: answer
        for worker, answer in found.items()
        if not (isinstance(answer, dict) and answer.keys() == {"error"})
    }


def _namesakes(replies: Json) -> dict[str, Json]:
    """Return how many more workers have the name of one; one that answers twice is one."""
    found: dict[str, list[tuple[Json, float]]] = {}
    for name, answer in ((name, each) for reply in replies or () for name, each in reply.items()):
        pid, uptime = _dict(answer).get("pid"), _number(_dict(answer).get("uptime")) or 0.0
        known = found.setdefault(name, [])
        if not any(pid == other and abs(uptime - since) < SAME_START for other, since in known):
            known.append((pid, uptime))

    return {name: len(known) - 1 for name, known in found.items() if len(known) > 1}


def _running(answer: Json) -> list[list[Json]]:
    return [[str(task.get("name")), task.get("time_start")] for task in _list(answer)]


def _waiting(answer: Json) -> list[list[Json]]:
    return [
        [str(_dict(task.get("request")).get("name")), _moment(task.get("eta"))]
        for task in _list(answer)
    ]


def _statistics(answer: Json) -> dict[str, Json]:
    pool = _dict(_dict(answer).get("pool"))
    processes = pool.get("processes")
    totals = _dict(_dict(answer).get("total")).items()

    return {
        "processes": len(processes) if isinstance(processes, list) else 0,
        "totals": {str(name): int(number) for name, number in totals},
    }


def _transport(answer: Json) -> dict[str, Json]:
    """Return the options of the transport; others of them may be secret."""
    options = _dict(_dict(_dict(answer).get("broker")).get("transport_options"))

    return {name: options.get(name) for name in _TRANSPORT}


def _naming(options: Mapping[str, Json]) -> ListNaming:
    prefix, separator = options.get("global_keyprefix"), options.get("sep")
    steps = options.get("priority_steps")

    return ListNaming(
        prefix if isinstance(prefix, str) else None,
        separator if isinstance(separator, str) else None,
        tuple(each for each in steps if isinstance(each, int)) if isinstance(steps, list) else None,
    )


def _configured(answer: Json) -> dict[str, Json]:
    return {"task_time_limit": _dict(answer).get("task_time_limit")}


def _registered(answer: Json) -> list[str]:
    """Return names of tasks, of which a worker says ``name [rate_limit=1/s]``."""
    names = answer if isinstance(answer, list) else []

    return [name.partition(" ")[0] for name in names if isinstance(name, str)]


def _consumed(answer: Json) -> list[list[str]]:
    """Return queues with their exchanges, '' for one to which Kombu binds nothing in the broker."""
    found: list[list[str]] = []
    for queue in _list(answer)[:MOST_QUEUES]:
        name, exchange = queue.get("name"), _dict(queue.get("exchange"))
        is_bound = exchange.get("type") != "fanout" and not queue.get("no_declare")
        bound_to = exchange.get("name") if is_bound else ""
        if isinstance(name, str):
            found.append([name, bound_to if isinstance(bound_to, str) else ""])

    return found


_KEPT: t.Final[Mapping[str, t.Callable[[Json], Json]]] = {
    "active": _running,
    "scheduled": _waiting,
    "reserved": _running,
    "stats": _statistics,
    "conf": _configured,
    "registered": _registered,
    "active_queues": _consumed,
}


def _list(answer: Json) -> list[dict[str, Json]]:
    return [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []


def _dict(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _moment(text: Json) -> float | None:
    """Return a time in ISO 8601, UTC where it names no zone, as seconds since the epoch."""
    try:
        moment = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None

    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) and value == value else None


def _tasks(
    answers: Mapping[str, Json], seconds: t.Callable[[float], float]
) -> tuple[WorkerTask, ...]:
    return tuple(
        WorkerTask(worker, name, None if _number(moment) is None else seconds(float(moment)))
        for worker, tasks in sorted(answers.items())
        for name, moment in tasks
    )
