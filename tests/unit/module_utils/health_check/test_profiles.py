# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""HTTP checks of the profiles, against good servers and servers that only seem good."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from ansible.module_utils.upkeep.health_check.attempt import observe

from tests.unit.module_utils.health_check.checks import parse
from tests.unit.module_utils.health_check.servers import Handler, answering, request_head
from tools import PROJECT, profiles

Listen = Callable[..., int]
TEMPLATE: t.Final = PROJECT / "demo" / "image" / "home" / "racing" / "post_race_sample_template.csv"
ALL_WELL: t.Final = dict.fromkeys(("database", "redis", "celery"), "healthy")
HEALTH: t.Final = {
    "status": "healthy",
    "services": ALL_WELL,
    "version": "1.0.0",
    "timestamp": "2026-03-01T00:00:00Z",
}
STUDENT: t.Final = {"risk_probability": 0.4, "risk": "low", "explanation": {"early_avg_score": 0.1}}
METRICS: t.Final = (
    "http_requests_total 1\nhttp_request_duration_seconds 1\ndatabase_pool_connections 1\n"
)
LAPS: t.Final = {"predictions": [90.1] * 20, "chart": "<svg/>"}
SCRAPERS: t.Final = {"scrapers": {"aerc_calendar": {"status": "ok", "events": 72}}}
POOL: t.Final = {"size": 20, "checked_in": 19, "checked_out": 1, "overflow": 0}


class Service(t.NamedTuple):
    """A check of a profile, an answer that is well, and answers with status 200 that are not."""

    system: str
    check: str
    good: t.Any
    bad: list[t.Any]
    requirement: str


SERVICES: t.Final = [
    Service("fairedge", "health", HEALTH, [
        {**HEALTH, "status": "degraded"},
        *({**HEALTH, "services": {**ALL_WELL, name: "unhealthy"}} for name in ALL_WELL),
        {**HEALTH, "services": {}},
        {key: value for key, value in HEALTH.items() if key != "version"},
        {key: value for key, value in HEALTH.items() if key != "timestamp"},
        "<html>healthy</html>",
    ], "R-fairedge-05"),
    Service("fairedge", "health-database", {"status": "healthy", "pool_stats": POOL},
            [{"status": "healthy"}, {"status": "unhealthy", "pool_stats": POOL}], "R-fairedge-06"),
    Service("fairedge", "health-redis", {"status": "healthy"},
            [{"status": "unhealthy"}, []], "R-fairedge-07"),
    Service("fairedge", "health-celery", {"status": "healthy"},
            [{"status": "no workers"}, None], "R-fairedge-08"),
    Service("fairedge", "opportunities", {"count": 12},
            [{"count": 0}, {"count": "12"}], "R-fairedge-130"),
    Service("hyperopt", "health", {"status": "healthy"},
            [{"status": "starting"}, {}], "R-hyperopt-114"),
    Service("racing", "prediction", {**LAPS, "count": 3}, [
        {**LAPS, "count": 2}, {**LAPS, "count": 3, "predictions": [90.1, 90.1]},
        {**LAPS, "count": 3, "chart": ""},
    ], "R-racing-88"),
    Service("racing", "template", {**LAPS, "count": 20},
            [{**LAPS, "count": 3}, {"error": "x"}], "R-racing-18"),
    Service("student_success", "prediction", {"count": 3, "predictions": [STUDENT] * 3}, [
        {"count": 3, "predictions": [STUDENT] * 2},
        {"count": 3, "predictions": [{**STUDENT, "risk_probability": 1.5}] * 3},
        {"count": 3, "predictions": [{**STUDENT, "risk": "none"}] * 3},
        {"count": 3, "predictions": [{**STUDENT, "explanation": {}}] * 3},
    ], "R-student_success-10"),
    Service("trailblaze", "scrapers", SCRAPERS, [
        {"scrapers": {}}, {"scrapers": {"aerc_calendar": {"status": "ok", "events": 0}}},
        {"scrapers": {"aerc_calendar": {"status": "failed", "events": 72}}},
    ], "R-trailblaze-04"),
    Service("trailblaze", "metrics", METRICS, ["http_requests_total 1\n"], "R-trailblaze-27"),
]  # fmt: skip
#: Pages that need only be there, with what is asked of their time.
PAGES: t.Final = [
    ("racing", "dashboard"), ("student_success", "web"), ("student_success", "health"),
    ("student_success", "notifications"), ("trailblaze", "health"),
]  # fmt: skip


def asked(system: str, check: str, port: int) -> dict[str, dict[str, t.Any]]:
    """Return what a check of a profile says of a server on this port.

    A sample of time is one, so that tests are.
    """
    [raw] = [
        dict(entry)
        for entry in profiles.load(PROJECT, system)["system_health_checks"]
        if (entry["kind"], entry["name"]) == ("http", check)
    ]
    raw |= {
        "url": f"http://127.0.0.1:{port}{urlsplit(raw['url']).path}",
        "depends_on": [],
        "timeout": 5,
    }
    if "path" in raw.get("upload", {}):
        upload = {k: v for k, v in raw["upload"].items() if k not in ("path", "run_as")}
        raw["upload"] = {**upload, "content": TEMPLATE.read_text()}

    if "latency" in raw:
        raw["latency"] = {
            **raw["latency"],
            "samples": 2,
            "warning_ms": 4000,
            "critical_ms": None,
            "timeout_ms": 5000,
        }

    return {found["check"]: found for found in observe(parse(raw)) if "check" in found}


def served(body: t.Any) -> Handler:
    """Return a handler that takes the whole request and answers 200 with this."""
    said = (body if isinstance(body, str) else json.dumps(body)).encode()

    def handler(connection: t.Any, over: t.Any) -> None:
        head, _, sent = request_head(connection).partition(b"\r\n\r\n")
        sizes = [
            line.split(b":")[1]
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        ]
        while sizes and len(sent) < int(sizes[0]):
            sent += connection.recv(65536)

        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))

    return handler


@pytest.mark.requirement(
    "R-fairedge-05", "R-fairedge-06", "R-fairedge-07", "R-fairedge-08", "R-fairedge-130"
)
@pytest.mark.requirement("R-hyperopt-114", "R-racing-88", "R-racing-18", "R-student_success-10")
@pytest.mark.requirement("R-trailblaze-04", "R-trailblaze-27")
@pytest.mark.parametrize(
    "service", SERVICES, ids=lambda service: f"{service.system}-{service.check}"
)
def test_a_service_is_well_by_what_it_says_and_not_by_its_status(
    listen: Listen, service: Service
) -> None:
    found = asked(service.system, service.check, listen(served(service.good)))

    assert {one["status"] for one in found.values()} == {"ok"}, found
    assert service.requirement in found[f"http:{service.check}"]["requirements"]

    for bad in service.bad:
        found = asked(service.system, service.check, listen(served(bad)))
        assert list(found) == [f"http:{service.check}"], (
            "a wrong answer has no time that says something"
        )
        assert found[f"http:{service.check}"]["status"] == "critical", bad


@pytest.mark.requirement(
    "R-racing-05", "R-racing-11", "R-student_success-07", "R-student_success-11"
)
@pytest.mark.requirement("R-student_success-12", "R-student_success-49", "R-trailblaze-33")
@pytest.mark.parametrize(("system", "check"), PAGES)
def test_a_page_that_fails_or_is_not_there_is_critical(
    listen: Listen, closed_port: int, system: str, check: str
) -> None:
    assert {
        one["status"]
        for one in asked(system, check, listen(served({"status": "healthy"}))).values()
    } == {"ok"}

    for handler in (
        answering(b"", "500 Internal Server Error"),
        answering(b"", "503 Service Unavailable"),
    ):
        assert asked(system, check, listen(handler))[f"http:{check}"]["status"] == "critical"

    assert asked(system, check, closed_port)[f"http:{check}"]["status"] == "critical"
