# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every numeric limit of the shipped profiles: at it all is well, just beyond it is not.

Each is carried through the module's own run, with what the host would have said replaced at one
place for each kind.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import SEVERITY, Finding

from tests import evidence
from tests.unit.profiles import data_readings, health_readings, log_readings
from tests.unit.profiles.limits import Entry, Limit, data, figure, guide, health, logs

#: Limits below which it gets bad, by their name or by (kind, what is measured).
BELOW: t.Final = frozenset({"at_least", "min_workers"})
BELOW_ASPECTS: t.Final = frozenset({("table", "rows"), ("scrapers", "rows")})
#: Kinds whose check fails without a figure, too, which test_states.py shows.
FAILS: t.Final = frozenset({"unit", "postgresql", "http"})
#: Limits that no seam reaches here, each with what tests them instead.
UNREACHED: t.Final[dict[str, str]] = {
    "hyperopt/log_reviews/sign-ins/failed/warning": "lines of the journal: test_log_reviews.py",
}


def _reached(limits: t.Iterable[Limit]) -> list[Limit]:
    return [limit for limit in limits if limit.label not in UNREACHED]


HEALTH: t.Final = _reached(health())
DATA: t.Final = _reached(data())
LOGS: t.Final = [(log, limit) for log, limit in logs() if limit.label not in UNREACHED]


def _readings(limit: Limit) -> tuple[float, float]:
    """Return a reading at the limit and one just beyond it."""
    is_value = limit.path[:2] == ("aspects", "value")
    below = (
        limit.path[-1] in BELOW
        or (limit.kind, limit.path[-2:][0]) in BELOW_ASPECTS
        or (is_value and limit.entry.get("worse") == "below")
    )

    return limit.value, limit.value - 1 if below else limit.value + 1


def _assert_boundary(limit: Limit, inside: list[Finding], outside: list[Finding]) -> None:
    within, beyond = _worst(inside), _worst(outside)

    assert within["status"] != "unknown", within["message"]
    assert SEVERITY.index(within["status"]) > SEVERITY.index(limit.status), within
    assert beyond["status"] == limit.status, beyond

    for requirement, value in figure(limit).items():
        assert value == limit.value, f"{requirement}: the guide has {value}"

    evidence.add(limit.system, [beyond], f"{'/'.join(map(str, limit.path))} {limit.value:g}")


def _worst(findings: list[Finding]) -> Finding:
    own = [found for found in findings if found["check"] != "health:state"]

    return min(own, key=lambda found: SEVERITY.index(found["status"]))


@pytest.mark.parametrize("limit", HEALTH, ids=lambda limit: limit.label)
def test_health_checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: Limit) -> None:
    host = health_readings.Host(monkeypatch, tmp_path)
    inside, outside = (health_readings.judged(host, limit, reading) for reading in _readings(limit))

    _assert_boundary(limit, inside, outside)


@pytest.mark.parametrize(
    ("system", "check", "aspect", "advice"),
    [
        ("fairedge", "http:health", "latency", "above 3 s scale it out"),
        ("fairedge", "cpu:average", "warning", "scale out the API or add workers"),
        ("fairedge", "memory:scaling", "warning", "scale out the API or add workers"),
        ("fairedge", "celery:workers", "queues", "above 100 waiting tasks add workers"),
        ("racing", "filesystem:disks", "warning", "then archive data"),
    ],
)
def test_a_finding_says_what_its_guide_would_do(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    system: str,
    check: str,
    aspect: str,
    advice: str,
) -> None:
    [limit, *_] = [
        one
        for one in HEALTH
        if (one.system, f"{one.kind}:{one.entry['name']}") == (system, check)
        and one.path[0] == aspect
    ]
    host = health_readings.Host(monkeypatch, tmp_path)
    inside, outside = (health_readings.judged(host, limit, reading) for reading in _readings(limit))

    assert advice in _worst(outside)["message"]
    assert advice not in _worst(inside)["message"]
    evidence.add(system, [_worst(outside)], f"advice: {advice}")


@pytest.mark.parametrize("limit", DATA, ids=lambda limit: limit.label)
def test_data_quality(monkeypatch: pytest.MonkeyPatch, limit: Limit) -> None:
    inside, outside = (
        data_readings.judged(monkeypatch, limit, reading) for reading in _readings(limit)
    )

    _assert_boundary(limit, inside, outside)


@pytest.mark.parametrize(
    ("log", "limit"), LOGS, ids=lambda value: value.label if isinstance(value, Limit) else ""
)
def test_log_reviews(tmp_path: Path, log: Entry, limit: Limit) -> None:
    inside, outside = (
        log_readings.judged(tmp_path, log, limit, beyond=beyond) for beyond in (False, True)
    )

    _assert_boundary(limit, inside, outside)


def test_every_limit_is_reached_or_listed() -> None:
    known = {limit.label for limit in [*health(), *data(), *(limit for _, limit in logs())]}

    assert set(UNREACHED) <= known, "listed, but no longer a limit"


def test_the_severity_of_the_guide_is_that_of_the_limit() -> None:
    statuses: dict[tuple[str, str], set[str]] = {}
    for limit in [*health(), *data(), *(limit for _, limit in logs())]:
        found = statuses.setdefault((limit.system, limit.place), set())
        found.add(limit.status)
        if limit.kind in FAILS:
            found.add(limit.entry.get("severity", "critical"))

    wrong = [
        f"{requirement}: {sorted(found)}, the guide says {row['severity']}"
        for (system, place), found in statuses.items()
        for requirement, row in guide(system).get(place, {}).items()
        if row.get("severity", next(iter(found))) not in found
    ]

    assert wrong == []
