# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One look at the task queues of a host."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterator

from ..base.deadline import Deadline
from ..base.files import reason_of
from ..base.redis_client import RedisError
from ..base.state_file import StateFileError
from ..findings import Finding, finding
from . import beat, broker_facts, state, workers
from . import findings as report
from .broker_facts import BrokerFacts
from .results import FailedTask, StoredResults, collect, listed
from .settings import Application, Settings
from .state import SeenApplication

#: Keys that are looked at for failed tasks where the results are not counted.
_DEFAULT_SCAN: t.Final[dict[str, t.Any]] = {"max_scanned": 200_000, "seconds": 20.0}


def run(settings: Settings, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer: what was seen of all applications."""
    before = state.load(settings.state_file)
    seen: dict[str, SeenApplication] = {}
    findings: list[Finding] = []
    for application in settings.applications:
        earlier = before.get(application.name, SeenApplication())
        found, seen[application.name] = look(application, settings, earlier, time.time())
        findings += found

    if not settings.applications:
        message = "No task queue is named for this host: nothing to look at."
        findings = [finding("task_queue:none", "info", message)]
    elif not check_mode:
        findings += _keep(settings, {**before, **seen})

    return {"changed": False, "findings": findings}


def look(
    application: Application, settings: Settings, before: SeenApplication, now: float
) -> tuple[list[Finding], SeenApplication]:
    """Return the findings on one application, and its state for the next run."""
    try:
        broker: BrokerFacts | str = broker_facts.collect(application, Deadline(settings.timeout))
    except TimeoutError:
        broker = f"the broker did not answer within {settings.timeout:g} s"
    except RedisError as error:
        broker = str(error)

    stored, failures = _stored(application, settings, broker)
    seen = state.seen_now(before, None if isinstance(broker, str) else broker, failures, now)
    found = [*_of_broker(application, broker, seen, now)]
    found += _of_workers(application, settings, broker)
    found += _of_beat(application, settings, broker)
    found += _of_results(application, stored, failures, seen, now)

    return found, seen


def _of_broker(
    application: Application, broker: BrokerFacts | str, seen: SeenApplication, now: float
) -> Iterator[Finding]:
    if isinstance(broker, str):
        yield report.unreachable(application, broker)
        return

    yield report.looked_at(application)
    yield from report.queues(application, broker)
    if "in_hand" in application.aspects:
        yield from report.in_hand(application, broker, now)
    if "oldest" in application.aspects:
        yield report.oldest(application, seen, now)


def _of_workers(
    application: Application, settings: Settings, broker: BrokerFacts | str
) -> Iterator[Finding]:
    """Yield the findings on workers; they are not asked when the broker does not answer."""
    if not application.asks_workers:
        return

    answer: workers.WorkerFacts | str = "the broker does not answer"
    if not isinstance(broker, str):
        answer = workers.collect(application, Deadline(settings.timeout))
    if isinstance(answer, str):
        yield from report.silent(application, answer)
    else:
        yield from report.workers(application, answer)
        yield from report.bindings(application, unbound_queues(application, settings, answer))


def unbound_queues(
    application: Application, settings: Settings, facts: workers.WorkerFacts
) -> list[workers.ConsumedQueue] | str:
    """Return queues that are not bound, or why that is not known."""
    try:
        return broker_facts.unbound(application, facts, Deadline(settings.timeout))
    except TimeoutError:
        return f"the broker did not answer within {settings.timeout:g} s"
    except RedisError as error:
        return str(error)


def _of_beat(
    application: Application, settings: Settings, broker: BrokerFacts | str
) -> Iterator[Finding]:
    if "beat" not in application.aspects:
        return

    # A broker that is down says so at once, so nothing is lost by asking it once more.
    seconds = 2.0 if isinstance(broker, str) else settings.timeout
    try:
        facts: beat.BeatFacts | str = beat.collect(
            application.process, application.broker, Deadline(seconds)
        )
    except OSError as error:
        facts = f"the processes of this host are not known: {reason_of(error)}"

    yield from report.beat(application, facts)


def _stored(
    application: Application, settings: Settings, broker: BrokerFacts | str
) -> tuple[StoredResults | str, list[FailedTask]]:
    """Return the stored results, or why that is not known, and all tasks known to have failed."""
    aspects = application.aspects
    if not {"results", "failed"} & aspects.keys():
        return "not looked at", []
    if isinstance(broker, str):
        return broker, []

    options = aspects.get("results") or _DEFAULT_SCAN
    own_list = aspects.get("failed", {}).get("list")
    try:
        stored = collect(application, Deadline(options["seconds"]), options["max_scanned"])
        own = listed(application, own_list, Deadline(settings.timeout)) if own_list else []
    except TimeoutError:
        return "there was not enough time", []
    except RedisError as error:
        return str(error), []

    return stored, [*stored.failed, *own]


def _of_results(
    application: Application,
    stored: StoredResults | str,
    failures: list[FailedTask],
    seen: SeenApplication,
    now: float,
) -> Iterator[Finding]:
    for aspect in ("results", "failed"):
        if aspect not in application.aspects:
            continue
        if isinstance(stored, str):
            yield report.not_read(application, aspect, stored)
        elif aspect == "results":
            yield report.results(application, stored)
        else:
            yield from report.failed(application, failures, seen, now, stored.unread)
        if not isinstance(stored, str):
            yield from report.foreign_results(application, aspect, stored)


def _keep(settings: Settings, seen: dict[str, SeenApplication]) -> list[Finding]:
    """Keep what was seen for the next look; return a finding when that is not possible."""
    try:
        state.save(settings.state_file, seen)
    except StateFileError as error:
        message = f"what was seen cannot be kept for the next look: {error}"
        return [finding("task_queue:state", "warning", message)]

    return []
