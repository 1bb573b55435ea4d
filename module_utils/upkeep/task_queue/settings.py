# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what looking after task queues takes; ``parse`` is the one way to it."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..base import options
from ..base.broker import Broker, BrokerError, lists_of, parse_broker
from ..base.text import duplicates
from ..findings import Limits, Subject
from .options import CHANGE_OPTIONS, OPTIONS

ASPECTS: t.Final = (
    "workers",
    "active",
    "scheduled",
    "statistics",
    "in_hand",
    "oldest",
    "visibility_timeout",
    "beat",
    "results",
    "failed",
    "purge",
    "retry",
)
#: Aspects that only workers know about.
OF_WORKERS: t.Final = ("workers", "active", "scheduled", "statistics", "visibility_timeout")
#: Name of a copy of purged tasks.
COPY_NAME: t.Final = re.compile(r"[A-Za-z0-9_.@-]{1,220}")


class SettingsError(options.OptionError):
    """Settings that cannot work; one line for each problem, naming application, key and limit."""


@dataclass(frozen=True)
class WatchedQueue:
    """A queue and how many tasks may wait in it."""

    name: str
    limits: Limits
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class LimitedTask:
    """A task and for how many seconds it may run."""

    name: str
    max_seconds: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Application:
    """One application with a task queue.

    ``process`` is how its processes name it; ``aspects`` holds the options of each aspect that is
    looked after.
    """

    name: str
    broker: Broker
    backend: Broker
    process: str
    key_prefix: str
    result_prefix: str
    priority_steps: tuple[int, ...]
    queues: tuple[WatchedQueue, ...]
    tasks: tuple[LimitedTask, ...]
    aspects: Mapping[str, Mapping[str, t.Any]]
    requirements: tuple[str, ...]

    @property
    def asks_workers(self) -> bool:
        """Whether workers have to be asked at all."""
        return bool(self.tasks) or any(name in self.aspects for name in OF_WORKERS)

    def lists(self, queue: str) -> list[str]:
        """Return the names of the lists of a queue in the broker."""
        return lists_of(queue, self.priority_steps, self.key_prefix)

    def subject(self, aspect: str = "", own: t.Sequence[str] = ()) -> Subject:
        """Return what a finding on an aspect is about; its own ids, else those of the whole."""
        ids = tuple(own) or tuple(self.aspects.get(aspect, {}).get("requirements", ()))
        check = f"task_queue:{self.name}" + (f".{aspect}" if aspect else "")

        return Subject(check, ids or self.requirements)


@dataclass(frozen=True)
class Settings:
    """All that one look is given."""

    applications: tuple[Application, ...]
    state_file: str
    timeout: float
    max_seconds: int


@dataclass(frozen=True)
class ChangeSettings:
    """All that one change is given."""

    application: Application
    action: str
    queue: str
    copy: str
    task: str
    folder: str
    state_file: str
    at_most: int
    timeout: float
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> Settings:
    """Return the settings of a look; raises SettingsError."""
    filled = _filled(OPTIONS, values)

    return Settings(
        _applications(filled), filled["state_file"], filled["timeout"], filled["max_seconds"]
    )


def parse_change(values: Mapping[str, t.Any]) -> ChangeSettings:
    """Return the settings of a change; raises SettingsError."""
    filled = _filled(CHANGE_OPTIONS, values)
    application = _chosen(filled)
    if problem := _change_problem(filled, application):
        raise SettingsError(problem)

    names = ("action", "queue", "copy", "task", "folder", "state_file", "at_most")
    given = {name: filled[name] for name in names}

    return ChangeSettings(
        application, **given, timeout=filled["timeout"], max_seconds=filled["max_seconds"]
    )


def _filled(spec: options.Options, values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    try:
        filled = options.parse(spec, values)
    except options.OptionError as error:
        raise SettingsError(str(error)) from None

    if found := list(_problems(filled["applications"])):
        raise SettingsError("\n".join(found))

    return filled


def _problems(entries: t.Sequence[Mapping[str, t.Any]]) -> Iterator[str]:
    for name in duplicates(entry["name"] for entry in entries):
        yield f"applications: duplicate name {name!r}; give each application a name of its own"

    for entry in entries:
        place = f"applications '{entry['name']}'"
        for key in ("broker", "backend"):
            if entry[key]:
                try:
                    parse_broker(entry[key])
                except BrokerError as error:
                    yield f"{place}.{key} {error}"

        for key in ("queues", "tasks"):
            for name in duplicates(item["name"] for item in entry[key]):
                yield f"{place}.{key}: duplicate name {name!r}"

        if entry["beat"] and not entry["application"]:
            yield f"{place}.beat needs application, by which its process is known"
        if entry["oldest"] and not entry["queues"]:
            yield f"{place}.oldest needs queues, since they hold the waiting tasks"


def _applications(filled: Mapping[str, t.Any]) -> tuple[Application, ...]:
    here = filled["components"]

    return tuple(
        _application(entry)
        for entry in filled["applications"]
        if here is None or entry["component"] is None or entry["component"] in here
    )


def _application(entry: Mapping[str, t.Any]) -> Application:
    tls = entry["verify_tls"], entry["ca_file"]
    broker = parse_broker(entry["broker"], *tls)

    return Application(
        name=entry["name"],
        broker=broker,
        backend=parse_broker(entry["backend"], *tls) if entry["backend"] else broker,
        process=entry["application"],
        key_prefix=entry["key_prefix"],
        result_prefix=entry["result_prefix"],
        priority_steps=tuple(entry["priority_steps"]),
        queues=tuple(
            WatchedQueue(item["name"], Limits.of(item), tuple(item["requirements"]))
            for item in entry["queues"]
        ),
        tasks=tuple(
            LimitedTask(item["name"], item["max_seconds"], tuple(item["requirements"]))
            for item in entry["tasks"]
        ),
        aspects={name: entry[name] for name in ASPECTS if entry[name] is not None},
        requirements=tuple(entry["requirements"]),
    )


def _chosen(filled: Mapping[str, t.Any]) -> Application:
    """Return the application that is to be changed; raises SettingsError."""
    name, found = filled["application"], _applications(filled)
    chosen = [item for item in found if item.name == name] if name else list(found)
    if len(chosen) == 1:
        return chosen[0]

    names = ", ".join(repr(item.name) for item in found) or "none"
    problem = "does not name one" if chosen or not name else f"is {name!r}"
    raise SettingsError(f"application {problem}; this host has {names}")


def _change_problem(filled: Mapping[str, t.Any], application: Application) -> str:
    """Return why a change cannot be made, '' when it can."""
    match filled["action"]:
        case "purge":
            allowed = [queue.name for queue in application.queues]
            allowed = allowed if "purge" in application.aspects else []
            if filled["queue"] not in allowed:
                named = ", ".join(map(repr, allowed)) or "no queue"
                return f"queue is {filled['queue']!r}; the profile allows {named}"
        case "put_back" if not COPY_NAME.fullmatch(filled["copy"]):
            return f"copy is {filled['copy']!r}; give the name that purging returned"
        case "retry":
            retry = application.aspects.get("retry", {})
            allowed = [*retry.get("tasks", ()), *filter(None, [retry.get("own_task")])]
            if filled["task"] not in allowed:
                named = ", ".join(map(repr, allowed)) or "no task"
                return f"task is {filled['task']!r}; the profile allows {named}"

    return ""
