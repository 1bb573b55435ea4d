# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host would have said, at one place for each kind of health check.

All behind it is real: the options, the scheduler, judging, severities and counting over runs.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import conditions, counters, machine, run, state
from ansible.module_utils.upkeep.health_check.clients.http import HttpAnswer
from ansible.module_utils.upkeep.health_check.kinds import (
    celery,
    cpu,
    filesystem,
    memory,
    metrics,
    postgresql,
    replication,
    unit,
    unit_memory,
)
from ansible.module_utils.upkeep.health_check.kinds import (
    http as http_kind,
)
from ansible.module_utils.upkeep.health_check.settings import parse

from tests.unit.profiles.limits import Entry, Limit

#: An account of the host, a file of the host and others that a check needs are not here.
ABSENT: t.Final = (
    "run_as",
    "upload",
    "depends_on",
    "cadences",
    "component",
    "headers",
    "asked_from",
)
_SECONDS: t.Final = 900.0


class Host(t.NamedTuple):
    """Where a test replaces what the host says."""

    patch: pytest.MonkeyPatch
    folder: Path


Seam = Callable[[Host, Limit, float], None]


def judged(host: Host, limit: Limit, reading: float) -> list[Finding]:
    """Return the findings of the module's run on the shipped entry when the host says this.

    A check that waits for several failures in a row is run as often.
    """
    SEAMS[limit.kind](host, limit, reading)
    entry = {key: value for key, value in limit.entry.items() if key not in ABSENT}
    path = host.folder / f"state-{reading}.json"
    found: list[Finding] = []

    for number in range(entry.get("fall", 1)):
        if not number:
            state.save(path, state.HealthState(memories=_memories(limit)))

        values = {"checks": [entry], "state_file": str(path), "run": f"run-{number}"}
        found = run.run(parse(values))

    return found


def _memories(limit: Limit) -> dict[str, t.Any]:
    """Return what the check kept a quarter of an hour ago: all its counters were 0."""
    names = {"cpu": ("busy", "all"), "unit": ("restarts",), "metrics": METRICS}
    if limit.kind not in names:
        return {}

    kept = counters.snapshot(dict.fromkeys(names[limit.kind], 0))
    check = f"{limit.kind}:{limit.entry['name']}"

    return {check: {**kept, "at": kept["at"] - _SECONDS}}


METRICS: t.Final = ("requests", "failed", "microseconds", "at most inf")


def _memory(host: Host, _limit: Limit, percent: float) -> None:
    path = host.folder / "meminfo"
    free = round(1000 * (100 - percent))
    swap = f"SwapTotal: 100000 kB\nSwapFree: {free} kB\n"
    path.write_text(f"MemTotal: 100000 kB\nMemAvailable: {free} kB\n{swap}")
    host.patch.setattr(memory, "MEMINFO", path)


def _filesystem(host: Host, _limit: Limit, percent: float) -> None:
    path = host.folder / "mountinfo"
    path.write_text("1 0 8:1 / / rw - ext4 a rw\n")
    free = round(1000 * (100 - percent))
    counts = {"f_blocks": 100000, "f_bfree": free, "f_bavail": free, "f_frsize": 4096}
    seen = SimpleNamespace(**counts, f_files=0, f_ffree=0)
    host.patch.setattr(filesystem, "MOUNTINFO", path)
    host.patch.setattr(os, "statvfs", lambda _path: seen)


def _cpu(host: Host, _limit: Limit, percent: float) -> None:
    path = host.folder / "stat"
    busy = round(1000 * percent)
    path.write_text(f"cpu {busy} 0 0 {100000 - busy} 0 0 0 0\n")
    host.patch.setattr(cpu, "STAT", path)
    host.patch.setattr(machine, "CONTAINER", host.folder / "no container")


def _unit_memory(host: Host, _limit: Limit, megabytes: float) -> None:
    host.patch.setattr(unit_memory, "unit_properties", lambda *_: {"ControlGroup": "/app"})
    host.patch.setattr(unit_memory, "resident", lambda *_: int(megabytes * 1e6))


def _unit(host: Host, limit: Limit, restarts: float) -> None:
    properties = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running"}
    said = {**properties, "Result": "success", "NRestarts": str(int(restarts))}
    host.patch.setattr(unit, "unit_properties", lambda *_: said)


def _http(host: Host, limit: Limit, reading: float) -> None:
    """Answer as the check wants it, with the reading as the time or the value of the rule."""
    milliseconds = reading if limit.path[0] == "latency" else 1.0
    content = document(limit.entry, limit.path, reading)
    answer = HttpAnswer(
        url=limit.entry["url"],
        status=200,
        headers=http.client.HTTPMessage(),
        body=json.dumps(content).encode(),
        truncated=False,
        ms=milliseconds,
        not_after=None,
        phases={},
    )
    host.patch.setattr(http_kind, "fetch", lambda *_: answer)


def document(entry: Entry, path: tuple[str | int, ...] = (), reading: float = 0) -> t.Any:
    """Return a body that a check is content with, but for what ``path`` leads to."""
    content: dict[str, t.Any] = {}
    for position, figure in enumerate(entry.get("figures", [])):
        is_read = path[:2] == ("figures", position)
        put(content, conditions.split_path(figure["path"]), reading if is_read else 0)
        if "of" in figure:
            put(content, conditions.split_path(figure["of"]), 100)

    for position, rule in enumerate(entry.get("json", [])):
        if conditions.lookup(content, rule["path"]) is conditions.MISSING:
            is_read = path[:2] == ("json", position)
            put(content, conditions.split_path(rule["path"]), reading if is_read else right(rule))

    return lists(content)


def right(rule: Entry) -> t.Any:
    """Return a value that a rule is content with."""
    if "matches" in rule:
        return rule["matches"].strip("^$()").partition("|")[0]
    if "exists" in rule:
        return "there"

    return next(rule[key] for key in ("equals", "at_least", "at_most") if key in rule)


def put(document: dict[str, t.Any], steps: list[str], value: t.Any) -> None:
    """Put a value where a path leads to."""
    for step in steps[:-1]:
        document = document.setdefault(step, {})

    document[steps[-1]] = value


def lists(node: t.Any) -> t.Any:
    """Return the document with lists where paths have numbers."""
    if not isinstance(node, dict):
        return node
    if node and all(key.isdigit() for key in node):
        last = max(map(int, node))
        return [lists(node.get(str(number))) for number in range(last + 1)]

    return {key: lists(value) for key, value in node.items()}


def _postgresql(host: Host, limit: Limit, reading: float) -> None:
    expect = limit.entry.get("expect", {})
    value = reading if limit.path[0] == "expect" else right(expect) if expect else 1

    @contextlib.contextmanager
    def session(*_: t.Any) -> Iterator[t.Any]:
        yield lambda *_: [(value,)]

    host.patch.setattr(postgresql.client, "session", session)
    host.patch.setattr(postgresql.client, "prepare_reading", lambda *_: None)
    if limit.path[0] == "latency":
        host.patch.setattr(postgresql, "milliseconds", lambda *_: reading)


def _replication(host: Host, _limit: Limit, seconds: float) -> None:
    answers = {
        replication._STANDBY: [(False, 0, 0.0, True)],
        replication._REPLICAS: [("replica", "streaming", seconds, 0.0)],
        replication._SLOTS: [],
    }

    @contextlib.contextmanager
    def session(*_: t.Any) -> Iterator[t.Any]:
        yield answers.__getitem__

    host.patch.setattr(replication.client, "session", session)


def _celery(host: Host, limit: Limit, reading: float) -> None:
    is_queue = limit.path[0] == "queues"
    length = int(reading) if is_queue else 0
    workers = limit.entry["min_workers"] if is_queue else int(reading)

    class Broker:
        def __init__(self) -> None:
            self.lists = 0

        def ask(self, command: str, *_: t.Any) -> t.Any:
            if command != "LLEN":
                return "PONG"

            self.lists += 1
            return length if self.lists == 1 else 0

    @contextlib.contextmanager
    def session(*_: t.Any, **__: t.Any) -> Iterator[Broker]:
        yield Broker()

    host.patch.setattr(celery, "session", session)
    host.patch.setattr(celery, "_ping", lambda *_: workers)


def _metrics(host: Host, limit: Limit, reading: float) -> None:
    """Expose a thousand requests: so many per cent failed, or 95 % took so many ms at most.

    Within its bucket a time is taken to grow evenly from 0.
    """
    is_time = limit.path[0] == "response_time"
    failed = 0 if is_time else round(10 * reading)
    bound = reading / 950 if is_time else 0.5
    lines = [
        f'http_requests_total{{status_code="200"}} {1000 - failed}',
        f'http_requests_total{{status_code="500"}} {failed}',
        f'http_request_duration_seconds_bucket{{le="{bound!r}"}} 1000',
        'http_request_duration_seconds_bucket{le="+Inf"} 1000',
        "http_request_duration_seconds_sum 1",
        "http_request_duration_seconds_count 1000",
        'database_pool_connections{state="checked_out"} 1',
        'database_pool_connections{state="checked_in"} 4',
    ]
    body = "".join(f"{line}\n" for line in lines).encode()
    headers = http.client.HTTPMessage()
    answer = HttpAnswer(limit.entry["url"], 200, headers, body, False, 1.0, None, {})
    host.patch.setattr(metrics, "fetch", lambda *_: answer)


#: Kind of a health check -> the one place where its reading is replaced.
SEAMS: t.Final[dict[str, Seam]] = {
    "memory": _memory,
    "filesystem": _filesystem,
    "cpu": _cpu,
    "unit_memory": _unit_memory,
    "unit": _unit,
    "http": _http,
    "postgresql": _postgresql,
    "replication": _replication,
    "celery": _celery,
    "metrics": _metrics,
}
