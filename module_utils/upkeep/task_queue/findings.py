# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what was seen of a task queue to findings."""

from __future__ import annotations

import typing as t
from collections import Counter
from collections.abc import Iterator, Sequence

from ..base.broker import SEPARATOR
from ..base.text import limit_text, list_some, visible
from ..findings import Finding, Limits, Subject
from .beat import BeatFacts
from .broker_facts import UNACKED, UNACKED_INDEX, BrokerFacts
from .results import FailedTask, StoredResults
from .settings import OF_WORKERS, Application
from .state import SeenApplication
from .workers import ConsumedQueue, WorkerFacts, WorkerTask

_LONGEST: t.Final = 80


def unreachable(application: Application, reason: str) -> Finding:
    """Return the finding on a broker that does not answer."""
    message = f"the queues were not looked at: {visible(reason)}"

    return application.subject().finding("unknown", message)


def looked_at(application: Application) -> Finding:
    """Return the finding that says which broker answered."""
    message = f"the broker at {application.broker.place} was looked at"

    return application.subject().finding("ok", message)


# Waiting tasks and those in hand.


def queues(application: Application, broker: BrokerFacts) -> Iterator[Finding]:
    """Yield how many tasks wait in each queue, and what a purge that was cut short left."""
    for queue, facts in zip(application.queues, broker.queues, strict=True):
        subject = application.subject(f"queue_{queue.name}", queue.requirements)
        yield subject.measured(
            facts.waiting,
            queue.limits,
            f"{facts.waiting} tasks wait in the queue {queue.name}",
            "add workers, or see why tasks take long",
            unit="tasks",
        )

        if facts.left:
            message = (
                f"a purge was cut short and left {facts.left} tasks aside: purge the queue"
                f" {queue.name} again, which puts them back first"
            )
            yield subject.finding("warning", message, aspect="left", observed=facts.left)


def in_hand(application: Application, broker: BrokerFacts, now: float) -> Iterator[Finding]:
    """Yield how many tasks workers have taken, since when, and how many would be lost with them."""
    subject, limits = application.subject("in_hand"), _limits(application, "in_hand")
    age = 0.0 if broker.oldest_in_hand is None else max(now - broker.oldest_in_hand, 0.0)
    message = f"workers have taken {broker.in_hand} tasks and not finished them"
    if broker.in_hand:
        message += f", the oldest for {age:.0f} s"

    yield subject.measured(round(age), limits, message, "see the log of the workers", unit="s")

    if broker.forgotten:
        message = (
            f"{broker.forgotten} tasks that workers have taken are missing in {UNACKED_INDEX}: when"
            f" their worker dies, no other one gets them; see the key {UNACKED} of the broker"
        )
        yield subject.finding("warning", message, aspect="forgotten", observed=broker.forgotten)


def oldest(application: Application, seen: SeenApplication, now: float) -> Finding:
    """Return for how long the oldest waiting task has been at the end of its list."""
    subject, limits = application.subject("oldest"), _limits(application, "oldest")
    ages = {visible(name): now - since for name, (_, since) in seen.oldest.items()}
    if not ages:
        return subject.measured(0, limits, "no task waits", unit="s")

    name = max(ages, key=lambda each: ages[each])
    message = f"the next task of {name} has waited for at least {ages[name]:.0f} s"

    return subject.measured(
        round(ages[name]),
        limits,
        message,
        "no worker takes it: see the units of the workers",
        unit="s",
    )


# What workers say.


def silent(application: Application, reason: str) -> Iterator[Finding]:
    """Yield the findings on workers that could not be reached."""
    for aspect in OF_WORKERS:
        if aspect in application.aspects:
            message = f"the workers were not asked: {visible(reason)}"
            yield application.subject(aspect).finding("unknown", message)

    for task in application.tasks:
        message = f"the workers were not asked: {visible(reason)}"
        subject = application.subject(f"running_{task.name}", task.requirements)
        yield subject.finding("unknown", message)


def workers(application: Application, facts: WorkerFacts) -> Iterator[Finding]:
    """Yield what the workers answered."""
    if "workers" in application.aspects:
        yield from _workers(application, facts)

    for aspect, (judge, questions) in _BY_QUESTIONS.items():
        if aspect in application.aspects:
            subject = application.subject(aspect)
            yield _with_gap(subject, judge(application, facts), facts.gap(*questions))

    yield from _other_lists(application, facts)
    yield from _deserted(application, facts)
    yield from _running(application, facts)


def _with_gap(subject: Subject, found: Finding, gap: str) -> Finding:
    """Return a finding that is unknown, not ok, where the answer of a worker is missing."""
    if not gap or found["status"] != "ok":
        return found

    return subject.finding("unknown", f"{found['message']}; {gap}")


def _workers(application: Application, facts: WorkerFacts) -> Iterator[Finding]:
    subject, least = application.subject("workers"), application.aspects["workers"]["at_least"]
    message = f"{facts.count} of at least {least} workers answer"
    if facts.names:
        message += f": {list_some([*map(visible, facts.names)])}"
    if facts.here:
        message += (
            f"; {facts.here} run on this host: they hang, or work in the pool solo, which answers"
            " between two tasks only"
        )

    yield subject.measured(
        facts.count,
        Limits(critical=least, side="below"),
        message,
        "see the units of the workers and their log",
        unit="workers",
    )

    if facts.namesakes:
        named = [f"{visible(name)} ({more + 1})" for name, more in sorted(facts.namesakes.items())]
        message = (
            f"several workers have the name {list_some(named)}, so that figures of them are"
            " missing: give each one a name of its own by --hostname"
        )
        yield subject.finding("warning", message, aspect="names", observed=len(named))


def _other_lists(application: Application, facts: WorkerFacts) -> Iterator[Finding]:
    """Yield that workers take their tasks from lists that were not counted."""
    steps = {step for step in application.priority_steps if step}
    for naming in facts.naming:
        differing = []
        if (naming.prefix or "") != application.key_prefix:
            differing.append(f"global_keyprefix {visible(naming.prefix or 'of none')}")
        if naming.separator not in (None, SEPARATOR):
            differing.append(f"sep {visible(naming.separator or '')}")
        if naming.steps is not None and {step for step in naming.steps if step} - steps:
            differing.append(f"priority_steps {list(naming.steps)}")
        if not differing:
            continue

        message = (
            f"workers use {list_some(differing)}, so that tasks wait in lists that are not counted"
            " here: use key_prefix and priority_steps of the profile, or Celery's own names"
        )
        yield application.subject("workers").finding("warning", message, aspect="lists")


def _deserted(application: Application, facts: WorkerFacts) -> Iterator[Finding]:
    """Yield the queues of the profile from which no worker takes tasks, although some answer."""
    consumed = {each.queue for each in facts.consumed}
    for queue in application.queues:
        if not facts.names or queue.name in consumed:
            continue

        subject = application.subject(f"queue_{queue.name}", queue.requirements)
        message = (
            f"no worker takes tasks from the queue {queue.name}, although {facts.count} answer"
        )
        if gap := facts.gap("active_queues"):
            yield subject.finding("unknown", f"{message}; {gap}", aspect="workers")
            continue

        message += ": Celery may lose its queues when the broker was away; restart the workers"
        yield subject.finding("critical", message, aspect="workers", observed=0)


def bindings(application: Application, missing: Sequence[ConsumedQueue] | str) -> Iterator[Finding]:
    """Yield that queues of workers are not bound to their exchange, or why that is not known."""
    subject = application.subject("workers")
    if isinstance(missing, str):
        message = f"whether the queues of the workers are bound is not known: {visible(missing)}"
        yield subject.finding("unknown", message, aspect="bindings")
    elif missing:
        named = [f"{_name(each.queue)} (exchange {_name(each.exchange)})" for each in missing]
        message = (
            f"the broker has lost the binding of {list_some(named)}: a process that has sent"
            " through the exchange before now loses its tasks without an error. Restart the"
            " workers, which bind their queues, and see what removed keys of the broker"
        )
        yield subject.finding("critical", message, aspect="bindings", observed=len(missing))


def _active(application: Application, facts: WorkerFacts) -> Finding:
    named = [f"{_name(task.name)} for {_seconds(task)}" for task in facts.active]
    message = f"{len(named)} tasks run" + (f": {list_some(named)}" if named else "")

    return application.subject("active").finding("ok", message, observed=len(named), unit="tasks")


def _scheduled(application: Application, facts: WorkerFacts) -> Finding:
    named = [f"{_name(task.name)} in {_seconds(task)}" for task in facts.scheduled]
    message = f"{len(named)} tasks wait in workers for a later start"
    message += f": {list_some(named)}" if named else ""
    message += f"; {facts.reserved} are fetched ahead"

    return application.subject("scheduled").finding(
        "ok", message, observed=len(named), unit="tasks"
    )


def _statistics(application: Application, facts: WorkerFacts) -> Finding:
    done: Counter[str] = Counter()
    for each in facts.statistics:
        done.update(each.totals)

    processes = sum(each.processes for each in facts.statistics)
    named = list_some([f"{_name(name)} {number}" for name, number in done.most_common()])
    message = f"{processes} processes have finished {done.total()} tasks since they started"

    return application.subject("statistics").finding(
        "ok", f"{message}: {named}" if named else message, observed=done.total(), unit="tasks"
    )


def _visibility_timeout(application: Application, facts: WorkerFacts) -> Finding:
    reasons = {f"{task.name} may run": task.max_seconds for task in application.tasks}
    if facts.time_limit:
        reasons["a task may run"] = facts.time_limit
    for task in facts.scheduled:
        reasons[f"{_name(task.name)} starts in"] = max(task.seconds or 0.0, 0.0)
    longest = max(reasons, key=lambda each: reasons[each], default="")
    seconds = reasons.get(longest, 0.0)
    message = f"the broker gives a task to another worker after {facts.visibility_timeout:g} s"
    if longest:
        message += f", and {longest} {seconds:.0f} s"

    return application.subject("visibility_timeout").measured(
        facts.visibility_timeout,
        Limits(warning=seconds, side="below"),
        message,
        "raise visibility_timeout, or the task runs twice",
        unit="s",
    )


def _running(application: Application, facts: WorkerFacts) -> Iterator[Finding]:
    """Yield for each task that has a limit how long it runs at the moment."""
    for task in application.tasks:
        running = [item.seconds or 0.0 for item in facts.active if item.name == task.name]
        longest = round(max(running, default=0.0), 1)
        message = f"{len(running)} tasks {task.name} run"
        message += f", the longest for {longest:g} s" if running else ""
        subject = application.subject(f"running_{task.name}", task.requirements)
        found = subject.measured(
            longest, Limits(task.max_seconds), message, "see what it waits for", unit="s"
        )
        yield _with_gap(subject, found, facts.gap("active"))


_Judge = t.Callable[[Application, WorkerFacts], Finding]
#: What is judged by answers of workers, and to which questions.
_BY_QUESTIONS: t.Final[dict[str, tuple[_Judge, tuple[str, ...]]]] = {
    "active": (_active, ("active",)),
    "scheduled": (_scheduled, ("scheduled", "reserved")),
    "statistics": (_statistics, ("stats",)),
    "visibility_timeout": (_visibility_timeout, ("stats", "conf", "scheduled")),
}


# The beat.


def beat(application: Application, facts: BeatFacts | str) -> Iterator[Finding]:
    """Yield whether exactly one beat runs, and when it sent its last task."""
    subject = application.subject("beat")
    if isinstance(facts, str):
        yield subject.finding("unknown", facts)
        return

    number = len(facts.processes)
    message = f"{number} beats of {application.process} run on this host"
    advice = "each task would be sent as often" if number else "no task is sent: see its unit"
    yield subject.finding(
        "ok" if number == 1 else "critical",
        message if number == 1 else f"{message}: {advice}",
        observed=number,
        expected="exactly 1",
        unit="processes",
    )

    if facts.problem:
        message = f"when the beat sent its last task is not known: {visible(facts.problem)}"
        yield subject.finding("unknown", message, aspect="last_run")
    elif number == 1:
        sent = "sent its last task" if facts.age is not None else "has sent nothing; it started"
        seconds = facts.uptime if facts.age is None else facts.age
        yield subject.measured(
            round(seconds),
            Limits(application.aspects["beat"]["max_age"]),
            f"the beat {sent} {seconds:.0f} s ago",
            "it hangs: see its unit and its log",
            aspect="last_run",
            unit="s",
        )


# Results and failures.


def results(application: Application, stored: StoredResults) -> Finding:
    """Return how many results are stored."""
    message = f"{stored.count} results are stored"
    if stored.is_partial:
        message += f" among the first {stored.scanned} keys"

    return application.subject("results").measured(
        stored.count,
        _limits(application, "results"),
        message,
        "set result_expires",
        unit="results",
    )


def not_read(application: Application, aspect: str, reason: str) -> Finding:
    """Return the finding for results that could not be read."""
    return application.subject(aspect).finding(
        "unknown", f"the results were not read: {visible(reason)}"
    )


def failed(
    application: Application,
    tasks: Sequence[FailedTask],
    seen: SeenApplication,
    now: float,
    unread: int = 0,
) -> Iterator[Finding]:
    """Yield the tasks that failed of late, and whether they and their names are known."""
    subject, options = application.subject("failed"), application.aspects["failed"]
    since = now - options["hours"] * 3600
    late = [task for task in tasks if _failed_at(task, seen, now) >= since]
    late.sort(key=lambda task: _failed_at(task, seen, now), reverse=True)
    named = [
        f"{_name(task.name) or 'a task without a name'}"
        f" ({_name(task.error) or 'no error is kept'}, {_name(task.id)})"
        for task in late
    ]
    message = f"{len(late)} tasks failed in the last {options['hours']:g} hours"
    message += f": {list_some(named, options['listed'])}" if named else ""
    yield subject.measured(
        len(late),
        _limits(application, "failed"),
        message,
        "see the log, then playbooks/retry_tasks.yml",
        unit="tasks",
    )

    if unread:
        message = (
            f"{unread} results are not JSON or too large, so it is not known whether these tasks"
            " failed: set result_serializer to json in the application"
        )
        yield subject.finding("unknown", message, aspect="unread", observed=unread)

    nameless = sum(1 for task in late if not task.name)
    if nameless:
        message = (
            f"{nameless} failed tasks have no name, so they cannot be started again: set"
            " result_extended in the application"
        )
        yield subject.finding("unknown", message, aspect="names", observed=nameless)


def foreign_results(
    application: Application, aspect: str, stored: StoredResults
) -> Iterator[Finding]:
    """Yield that all results of the back end have keys of another kind than the application's."""
    if stored.count or not stored.foreign:
        return

    named = list_some([f"'{_name(prefix)}'" for prefix in stored.foreign])
    message = (
        f"no result has the prefix '{application.result_prefix}', and others have {named}: use"
        " result_prefix of the profile, if they are of this application"
    )
    yield application.subject(aspect).finding("unknown", message, aspect="prefix")


def _failed_at(task: FailedTask, seen: SeenApplication, now: float) -> float:
    """Return when a task failed; where nothing tells, when it was first seen."""
    return task.at if task.at is not None else seen.failed.get(task.id, now)


def _limits(application: Application, aspect: str) -> Limits:
    return Limits.of(application.aspects[aspect])


def _seconds(task: WorkerTask) -> str:
    return "unknown time" if task.seconds is None else f"{task.seconds:.0f} s"


def _name(text: str) -> str:
    return limit_text(visible(text), _LONGEST)
