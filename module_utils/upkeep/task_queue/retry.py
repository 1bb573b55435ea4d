# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start failed tasks again, by their stored results: with their arguments, and each once."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Sequence

from ..base import isolated, state_file
from ..base.broker import control
from ..base.deadline import Deadline
from ..base.state_file import StateFileError
from . import results, workers
from .results import FailedTask
from .settings import Application, ChangeSettings

VERSION: t.Final = 1
#: Tasks that were started again are remembered, the newest of them.
REMEMBERED: t.Final = 10_000
MAX_SCANNED: t.Final = 1_000_000
#: How long results are searched, s.
SEARCH: t.Final = 120.0
#: How long publishing one task may take, s.
SEND: t.Final = 10.0


class RetryError(Exception):
    """Tasks that cannot be started again; the message says why."""


def start_again(settings: ChangeSettings, deadline: Deadline, check_mode: bool) -> tuple[int, str]:
    """Return how many tasks were, or would be, started again, and a sentence on that."""
    application = settings.application
    _require_worker(application, settings.task, deadline)
    if settings.task == application.aspects["retry"]["own_task"]:
        if not check_mode:
            _send(application, [FailedTask("", settings.task, "", None, ([], {}))], deadline)
        return 1, f"{settings.task} {'would be' if check_mode else 'was'} started"

    known = _load(settings.state_file)
    due = [task for task in _failed(application, settings) if task.id not in known]
    due = due[: settings.at_most]
    if check_mode:
        return len(due), f"{len(due)} failed tasks {settings.task} would be started again"
    if not due:
        return 0, f"no failed task {settings.task} is left that was not started again"

    # Remembered first: a task that runs twice is worse than one that a person starts by hand.
    _save(settings.state_file, [*known, *(task.id for task in due)])
    _send(application, due, deadline)

    return len(due), f"{len(due)} failed tasks {settings.task} were started again"


def _require_worker(application: Application, task: str, deadline: Deadline) -> None:
    facts = workers.collect(application, Deadline(min(deadline.left, 60)))
    if isinstance(facts, str):
        raise RetryError(f"the workers were not asked: {facts}")
    if not facts.names:
        raise RetryError("no worker answers")
    if task not in facts.registered:
        raise RetryError(f"no worker knows a task {task}")


def _failed(application: Application, settings: ChangeSettings) -> list[FailedTask]:
    """Return the failed tasks of the name with their arguments."""
    stored = results.collect(application, Deadline(SEARCH), MAX_SCANNED)
    named = [task for task in stored.failed if task.name == settings.task]
    if stored.failed and not any(task.name for task in stored.failed):
        raise RetryError(
            f"none of {len(stored.failed)} failed tasks has a name: set result_extended in the"
            " application"
        )

    without = sum(1 for task in named if task.arguments is None)
    if without:
        raise RetryError(f"{without} failed tasks {settings.task} have no arguments")

    return sorted(named, key=lambda task: task.at or 0.0)


def _send(application: Application, tasks: Sequence[FailedTask], deadline: Deadline) -> None:
    """Publish tasks in a process of its own; raises RetryError."""
    seconds = min(deadline.left, SEND * len(tasks) + SEND)
    sent, problem = isolated.run(
        lambda: _publish(application, tasks), seconds, limits=workers.LIMITS
    )
    if problem or len(sent) != len(tasks):
        raise RetryError(
            f"{len(sent)} of {len(tasks)} tasks were started again, the others are not started by"
            f" a further call: {problem}"
        )


def _publish(application: Application, tasks: Sequence[FailedTask]) -> Iterator[bool]:
    try:
        sender = control(application.broker, application.name, application.key_prefix)
        with sender as (asker, connection):
            for task in tasks:
                args, kwargs = task.arguments or ([], {})
                options = {"queue": task.queue} if task.queue else {}
                asker.app.send_task(
                    task.name, args=args, kwargs=kwargs, connection=connection, **options
                )
                yield True
    except ImportError as error:
        raise isolated.IsolatedError(workers.MISSING) from error


def _load(path: str) -> list[str]:
    """Return the ids of tasks that were started again; raises RetryError."""
    try:
        raw = state_file.load(path, VERSION) or {"started": []}
    except StateFileError as error:
        raise RetryError(f"it is not known which tasks were started again: {error}") from error

    return [str(name) for name in raw.get("started", [])]


def _save(path: str, names: Sequence[str]) -> None:
    try:
        state_file.save(path, VERSION, {"started": [*dict.fromkeys(names)][-REMEMBERED:]})
    except StateFileError as error:
        raise RetryError(f"nothing was started again: {error}") from error
