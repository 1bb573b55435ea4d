# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Health checks of the shipped profiles that have no figure: what works is well, what does not is
not, and what is only told is told.

What the host would have said is replaced at one place for each kind; all behind it is real.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import run
from ansible.module_utils.upkeep.health_check.clients.http import HttpAnswer
from ansible.module_utils.upkeep.health_check.kinds import (
    http as http_kind,
)
from ansible.module_utils.upkeep.health_check.kinds import (
    postgresql,
    process,
    redis,
    unit,
)
from ansible.module_utils.upkeep.health_check.settings import parse

from tests import evidence
from tests.unit.profiles import health_readings
from tests.unit.profiles.limits import Entry, Limit, profile
from tools import PROJECT, profiles

Patch = pytest.MonkeyPatch
State = Callable[[Patch, Entry, bool], None]
#: Kinds that only tell something, or whose reading of this very host will do.
TOLD: t.Final = ("network", "load", "top", "cpu", "disk_io", "unit_memory", "metrics")
#: Those of them that this very host does not have.
SAID: t.Final = ("unit_memory", "metrics")
INFO: t.Final = "used_memory:1000000\r\nconnected_clients:3\r\ndb0:keys=7,expires=1\r\n"
LOOKUPS: t.Final = "keyspace_hits:950\r\nkeyspace_misses:50\r\n"


def entries(*kinds: str) -> list[t.Any]:
    """Return the checks of some kinds that carry requirements, each with its system."""
    return [
        pytest.param(system, entry, id=f"{system}-{entry['kind']}:{entry['name']}")
        for system in profiles.systems(PROJECT)
        for entry in profile(system)["system_health_checks"]
        if entry["kind"] in kinds and _requirements(entry)
    ]


def _requirements(node: t.Any) -> list[str]:
    """Return the ids of an entry and of all that stands within it."""
    if isinstance(node, list):
        return [one for item in node for one in _requirements(item)]
    if not isinstance(node, dict):
        return []

    within = [
        one for key, value in node.items() if key != "requirements" for one in _requirements(value)
    ]

    return [*node.get("requirements", []), *within]


def judged(entry: Entry, folder: Path) -> list[Finding]:
    """Return the findings of the module's run on a shipped entry."""
    asked = {key: value for key, value in entry.items() if key not in health_readings.ABSENT}
    asked.pop("attempts", None)
    found = run.run(parse({"checks": [asked], "state_file": str(folder / "state.json")}))

    return [one for one in found if one["check"] != "health:state"]


def _unit(patch: Patch, entry: Entry, good: bool) -> None:
    state = entry.get("expect", ["active"])[0] if good else "failed"
    said = {"LoadState": "loaded", "ActiveState": state, "SubState": "x", "NRestarts": "0"}
    patch.setattr(unit, "unit_properties", lambda *_: {**said, "Result": "success"})


def _process(patch: Patch, _entry: Entry, good: bool) -> None:
    patch.setattr(process, "_found", lambda *_: [1] if good else [])


def _postgresql(patch: Patch, entry: Entry, good: bool) -> None:
    expect = entry.get("expect")
    value = health_readings.right(expect) if expect else 1

    @contextlib.contextmanager
    def session(*_: t.Any) -> Iterator[t.Any]:
        if not good:
            raise ConnectionRefusedError(111, "Connection refused")

        yield lambda *_: [(value,)]

    patch.setattr(postgresql.client, "session", session)
    patch.setattr(postgresql.client, "prepare_reading", lambda *_: None)
    patch.setattr(postgresql, "milliseconds", lambda *_: 1.0)


def _redis(patch: Patch, _entry: Entry, good: bool) -> None:
    class Server:
        def ask(self, command: str, *_: t.Any) -> str:
            return "PONG" if command == "PING" else INFO + LOOKUPS

    @contextlib.contextmanager
    def session(*_: t.Any, **__: t.Any) -> Iterator[Server]:
        if not good:
            raise ConnectionRefusedError(111, "Connection refused")

        yield Server()

    patch.setattr(redis, "session", session)


def _http(patch: Patch, entry: Entry, good: bool) -> None:
    body = json.dumps(health_readings.document(entry))
    if "body_regex" in entry:
        body = "http_requests_total http_request_duration_seconds database_pool_connections"

    headers, status = http.client.HTTPMessage(), 200 if good else 503
    answer = HttpAnswer(entry["url"], status, headers, body.encode(), False, 1.0, None, {})
    patch.setattr(http_kind, "fetch", lambda *_: answer)


#: Kind of a check -> the one place where what the host says is replaced.
STATES: t.Final[dict[str, State]] = {
    "unit": _unit,
    "process": _process,
    "postgresql": _postgresql,
    "redis": _redis,
    "http": _http,
}


@pytest.mark.parametrize(("system", "entry"), entries(*STATES))
def test_what_works_is_well_and_what_does_not_has_its_severity(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    STATES[entry["kind"]](monkeypatch, entry, True)
    well = judged(entry, tmp_path)
    STATES[entry["kind"]](monkeypatch, entry, False)
    ill = judged(entry, tmp_path)

    assert {found["status"] for found in well} <= {"ok", "info"}, well
    severity = entry.get("severity", "critical")
    failed = [found for found in ill if found["status"] == severity]

    assert failed, ill
    evidence.add(system, failed, "not there")
    evidence.add(system, [found for found in well if found["check"].startswith("redis:")], "told")


@pytest.mark.parametrize(("system", "entry"), entries(*TOLD))
def test_what_is_only_told_is_told(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    if entry["kind"] in SAID:
        limit = Limit(system, "", entry["kind"], ("",), 0, "", entry)
        found = health_readings.judged(health_readings.Host(monkeypatch, tmp_path), limit, 1)
    else:
        found = judged(entry, tmp_path)

    found = [one for one in found if one["check"] != "health:state"]

    assert "unknown" not in {one["status"] for one in found}, found

    evidence.add(system, found, "told")
