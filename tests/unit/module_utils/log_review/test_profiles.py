# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the profiles ask of logs, on lines as the systems write them: each fault is found.

Where a system writes to the journal, the same lines stand in a file here.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cadence import CADENCES, due_in
from ansible.module_utils.upkeep.findings import Finding

from demo.history import fairedge, systems
from demo.history.lines import Line
from tests import evidence
from tests.unit.module_utils.log_review.log_samples import ago, findings, iso, source
from tools import PROJECT, profiles

#: (system, log) -> lines of a day.
LINES: t.Final[dict[tuple[str, str], t.Callable[[int, dt.date, int], list[Line]]]] = {
    ("racing", "dashboard"): systems.racing,
    ("student_success", "app"): systems.student_app,
    ("student_success", "health-monitor"): systems.student_monitor,
    ("student_success", "logs"): systems.student_app,
    ("fairedge", "api"): lambda seed, day, age: fairedge.api(
        day, fairedge.happenings(seed, day, age)
    ),
    ("fairedge", "celery"): fairedge.celery,
    ("hyperopt", "api"): lambda seed, day, age: systems.hyperopt(seed, "hyperopt-api1", day, age),
    ("trailblaze", "api"): systems.trailblaze,
    ("trailblaze", "scraper"): systems.scraper,
}
#: A quarter of a year has its own length; the others look back on two weeks at most.
CADENCES_HERE: t.Final = [
    cadence for cadence in CADENCES if cadence in ("hourly", "daily", "weekly")
]
DAYS: t.Final = 15


@functools.cache
def history(system: str, log: str, seed: int) -> str:
    """Return the lines of the last two weeks, up to now, as they follow from a seed."""
    today, now = dt.datetime.now(dt.UTC).date(), ago(seconds=0)
    ages = range(DAYS - 1, -1, -1)
    rows = [
        text
        for age in ages
        for _, text in LINES[system, log](seed, today - dt.timedelta(days=age), age)
    ]
    newest = next((n for n, text in enumerate(rows) if now < _stamp(text)), len(rows))

    return "".join(f"{text}\n" for text in rows[:newest])


def _stamp(text: str) -> str:
    """Return the moment that a line begins with; "" for a row of a traceback."""
    found = text.removeprefix('{"timestamp": "')[:24]
    if not found.startswith("20"):
        return ""

    return f"{found[:10]}T{found[11:23].replace(',', '.')}Z"


def reviewed(
    system: str,
    log: str,
    cadence: str,
    folder: Path,
    more: t.Sequence[str] = (),
    seed: int = 1,
    before: t.Sequence[str] | None = None,
) -> dict[str, Finding]:
    """Return what is said of the reviews of one log in a cadence.

    Those that ask systemd are left out.

    The log holds the last two weeks, or the lines ``before``, and then some ``more``.
    """
    [raw] = [
        entry
        for entry in profiles.load(PROJECT, system)["system_log_reviews"]
        if entry["name"] == log
    ]
    asked = [
        review
        for review in due_in([dict(r) for r in raw["reviews"]], cadence)
        if review.get("window") != "since_start"
    ]
    path = folder / "log"
    past = history(system, log, seed) if before is None else "".join(f"{line}\n" for line in before)
    path.write_text(past + "".join(f"{line}\n" for line in more))
    keys = {
        key: value
        for key, value in raw.items()
        if key not in ("reviews", "units", "kind", "paths", "cadences")
    }
    kept = source(**{**keys, "kind": "file", "paths": [str(path)]}, reviews=asked)
    state = folder / "log_review.json"
    state.write_text(
        json.dumps(
            {
                "version": 2,
                "places": {},
                "until": {f"log:{log}.{r['name']}": time.time() - 600 for r in asked},
            }
        )
    )

    found = findings(kept, state=str(state), cadence=cadence)
    evidence.add(system, found.values(), "told")

    return found


@pytest.mark.parametrize("seed", [1, 20261122])
@pytest.mark.parametrize("cadence", CADENCES_HERE)
@pytest.mark.parametrize(("system", "log"), LINES)
def test_weeks_without_a_fault_are_quiet(
    tmp_path: Path, system: str, log: str, cadence: str, seed: int
) -> None:
    found = reviewed(system, log, cadence, tmp_path, seed=seed)
    assert {
        check: one["message"] for check, one in found.items() if one["status"] not in ("ok", "info")
    } == {}


def record(message: str, level: str = "INFO", **fields: t.Any) -> str:
    """Return a record as fairedge and hyperopt write them."""
    names = ("request_id", "user_id", "endpoint", "duration_ms", "status_code", "client_ip")
    head = {"timestamp": ago(minutes=2), "level": level, "service": "api", "message": message}
    return json.dumps({**head, **dict.fromkeys(names), **fields})


def nested(message: str, level: str = "INFO", **context: t.Any) -> str:
    """Return a record as trailblaze writes them."""
    head = {"timestamp": ago(minutes=2), "level": level, "service": "api", "message": message}
    return json.dumps({**head, "request_id": None, "user_id": None, "context": context})


def line(text: str, level: str = "INFO", logger: str = "services.api") -> str:
    """Return a line as racing and student_success write them."""
    return f"{ago(minutes=2)} {level} {logger}: {text}"


def request(path: str, status: str, number: int) -> list[str]:
    return [line(f"Request processed {path} {status} 9.0 ms")] * number


class Fault(t.NamedTuple):
    """Lines that tell of a fault, and the review that must tell it in which way."""

    where: tuple[str, str]
    cadence: str
    review: str
    status: str
    lines: list[str]
    requirement: str


RACING, APP, LOGS = ("racing", "dashboard"), ("student_success", "app"), ("student_success", "logs")
API, CELERY = ("fairedge", "api"), ("fairedge", "celery")
ANALYZE: t.Final = "POST /api/post-race/analyze"
SLOW: t.Final = [
    record("Request processed", endpoint="/api/x", duration_ms=9000.0, status_code=200)
] * 200
FAULTS: t.Final = [
    Fault(RACING, "daily", "errors", "warning", [line("x", "ERROR")] * 15, "R-racing-09"),
    Fault(
        RACING, "hourly", "errors-of-an-hour", "critical", [line("x", "ERROR")] * 51, "R-racing-60"
    ),
    Fault(
        RACING,
        "hourly",
        "failed-predictions-of-an-hour",
        "critical",
        request(ANALYZE, "500 X", 40),
        "R-racing-61",
    ),
    Fault(
        RACING,
        "weekly",
        "prediction-time",
        "warning",
        [line("Predictions generated: 9 rows in 60 s")] * 30,
        "R-racing-20",
    ),
    Fault(RACING, "weekly", "traffic", "warning", request("GET /", "200 OK", 9000), "R-racing-68"),
    Fault(
        APP, "daily", "critical-errors", "critical", [line("x", "CRITICAL")], "R-student_success-14"
    ),
    Fault(
        ("student_success", "health-monitor"),
        "daily",
        "failed-checks",
        "warning",
        [line("Health check failed: api answered HTTP 503", "ERROR")],
        "R-student_success-15",
    ),
    Fault(
        APP,
        "daily",
        "notification-errors",
        "warning",
        [line("Notification error: x", "ERROR")],
        "R-student_success-16",
    ),
    Fault(
        APP,
        "daily",
        "database-connection",
        "warning",
        [line("Database connection failed", "ERROR")],
        "R-student_success-17",
    ),
    Fault(
        APP,
        "daily",
        "integrations",
        "warning",
        [line("LMS sync failed: HTTP 502", "ERROR")],
        "R-student_success-18",
    ),
    Fault(
        APP,
        "hourly",
        "failing-requests",
        "critical",
        request("GET /", "503 X", 500),
        "R-student_success-51",
    ),
    Fault(
        APP,
        "hourly",
        "failed-predictions",
        "warning",
        request("POST /api/predictions", "500 X", 1),
        "R-student_success-54",
    ),
    Fault(
        APP,
        "daily",
        "unauthorised",
        "warning",
        request("GET /", "401 Unauthorized", 30),
        "R-student_success-119",
    ),
    Fault(
        APP,
        "daily",
        "failed-sign-ins",
        "warning",
        [line("Sign-in failed for ada", "WARNING")] * 21,
        "R-student_success-119",
    ),
    Fault(
        APP,
        "daily",
        "failed-changes",
        "warning",
        request("DELETE /x", "403 Forbidden", 30),
        "R-student_success-121",
    ),
    Fault(
        LOGS,
        "weekly",
        "new-secrets",
        "warning",
        [line("sign-in with password=correct-horse")],
        "R-student_success-87",
    ),
    Fault(
        API,
        "daily",
        "database-connection",
        "warning",
        [record("database connection failed", "ERROR")],
        "R-fairedge-30",
    ),
    Fault(
        CELERY,
        "daily",
        "odds-api-errors",
        "warning",
        [record("odds_api_error", "ERROR")] * 40,
        "R-fairedge-31",
    ),
    Fault(
        API,
        "daily",
        "slow-queries",
        "warning",
        [record("slow_query", "WARNING", duration_ms=2000.0)] * 40,
        "R-fairedge-34",
    ),
    Fault(
        API, "daily", "memory", "warning", [record("memory_warning", "WARNING")], "R-fairedge-35"
    ),
    Fault(
        API,
        "daily",
        "addresses-of-failed-sign-ins",
        "warning",
        [record("auth_failed", "WARNING", client_ip="192.0.2.9")] * 30,
        "R-fairedge-105",
    ),
    Fault(
        API,
        "daily",
        "server-errors",
        "critical",
        [record("Request processed", "ERROR", endpoint="/", status_code=500, duration_ms=1.0)]
        * 500,
        "R-fairedge-10",
    ),
    Fault(
        API, "daily", "secrets", "warning", [record("api_key=abcd1234efgh5678")], "R-fairedge-107"
    ),
    Fault(
        API,
        "hourly",
        "failing-requests",
        "critical",
        [
            record("Request processed", endpoint="/", status_code=code)
            for code in (*[500] * 4, *[200] * 150)
        ],
        "R-fairedge-22",
    ),
    Fault(
        ("hyperopt", "api"),
        "hourly",
        "failed-optimisations",
        "critical",
        [record("optimization failed: strategy 7: no market data", "ERROR")] * 31,
        "R-hyperopt-94",
    ),
    Fault(("hyperopt", "api"), "weekly", "response-time", "warning", SLOW, "R-hyperopt-33"),
    Fault(
        ("trailblaze", "scraper"),
        "daily",
        "failures",
        "warning",
        [nested("scraper aerc_calendar failed", "ERROR")],
        "R-trailblaze-49",
    ),
    Fault(
        ("trailblaze", "api"),
        "quarter_hourly",
        "failed-requests",
        "warning",
        [nested("Request processed", status_code=code) for code in (500, 503, *[200] * 30)],
        "R-trailblaze-32",
    ),
    Fault(
        ("trailblaze", "api"),
        "daily",
        "response-time",
        "warning",
        [nested("Request processed", status_code=200, duration_ms=900.0)] * 60,
        "R-trailblaze-03",
    ),
]


@pytest.mark.requirement(
    "R-fairedge-10",
    "R-fairedge-105",
    "R-fairedge-107",
    "R-fairedge-22",
    "R-fairedge-30",
    "R-fairedge-31",
    "R-fairedge-34",
    "R-fairedge-35",
    "R-hyperopt-33",
    "R-hyperopt-94",
    "R-racing-09",
    "R-racing-20",
    "R-racing-60",
    "R-racing-61",
    "R-racing-68",
    "R-student_success-119",
    "R-student_success-121",
    "R-student_success-14",
    "R-student_success-15",
    "R-student_success-16",
    "R-student_success-17",
    "R-student_success-18",
    "R-student_success-51",
    "R-student_success-54",
    "R-student_success-87",
    "R-trailblaze-03",
    "R-trailblaze-20",
    "R-trailblaze-32",
    "R-trailblaze-49",
)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.where[0]}-{fault.review}")
def test_a_fault_is_found_by_its_review(tmp_path: Path, fault: Fault) -> None:
    found = reviewed(*fault.where, fault.cadence, tmp_path, fault.lines)[
        f"log:{fault.where[1]}.{fault.review}"
    ]
    assert found["status"] == fault.status, found
    assert fault.requirement in found["requirements"]


@pytest.mark.requirement(
    "R-hyperopt-28", "R-hyperopt-29", "R-hyperopt-30", "R-hyperopt-31", "R-hyperopt-32"
)
def test_a_week_of_an_api_is_four_figures(tmp_path: Path) -> None:
    found = reviewed("hyperopt", "api", "weekly", tmp_path)
    assert "average" in found["log:api.response-time"]["message"]
    assert "95th percentile" in found["log:api.response-time"]["message"]
    assert found["log:api.error-rate"]["observed"] == 0
    assert "by hour: 20" in found["log:api.requests-by-hour"]["message"]


@pytest.mark.requirement("R-hyperopt-57", "R-hyperopt-58", "R-hyperopt-61", "R-hyperopt-63")
def test_a_quarter_tells_times_failures_and_who_was_active(tmp_path: Path) -> None:
    def requests(days: int, ms: float, status: int, number: int) -> list[str]:
        fields = {
            "endpoint": "/api/strategies",
            "user_id": f"user_{days}",
            "duration_ms": ms,
            "status_code": status,
        }
        return [
            json.dumps(
                {**json.loads(record("Request processed", **fields)), "timestamp": ago(days=days)}
            )
        ] * number

    before = [*requests(100, 10, 200, 300), *requests(60, 20, 200, 180), *requests(9, 20, 503, 20)]
    found = reviewed("hyperopt", "api", "quarterly", tmp_path, before=before)
    times = found["log:api.response-time-of-the-quarter"]

    assert (times["status"], times["observed"]) == ("warning", 20)
    assert "200 measurements in the last 90 days" in times["message"]
    assert "+100 % against the previous window (10)" in times["message"]
    assert found["log:api.error-rate-of-the-quarter"]["observed"] == 10.0

    users = found["log:api.users-of-the-quarter"]

    assert (users["status"], users["observed"], users["unit"]) == (
        "info",
        180,
        "requests of one user",
    )
    assert "by user_id: user_60: 180, user_9: 20." in users["message"], (
        "not those of the quarter before"
    )


@pytest.mark.requirement("R-racing-26", "R-racing-27", "R-racing-28")
@pytest.mark.parametrize(("failed", "status"), [(2, "ok"), (3, "warning")])
def test_the_month_that_is_over_is_counted_whole(tmp_path: Path, failed: int, status: str) -> None:
    first = dt.datetime.now(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    inside, outside = ((first + dt.timedelta(hours=hours)).timestamp() for hours in (-30, -24 * 40))

    def said(moment: float, text: str, level: str = "INFO") -> str:
        return f"{iso(moment)} {level} services.racing: {text}"

    before = [said(outside, "x", "ERROR")] * 9
    before += [said(inside, "Predictions generated: 9 rows in 0.1 s")] * 200 + [
        said(inside, "x", "ERROR")
    ] * failed
    found = reviewed("racing", "dashboard", "monthly", tmp_path, before=before)

    assert found["log:dashboard.predictions-of-the-month"]["observed"] == 200
    assert found["log:dashboard.errors-of-the-month"]["observed"] == failed

    share = found["log:dashboard.error-share-of-the-month"]

    assert (share["status"], share["observed"]) == (status, failed / 2)


@pytest.mark.requirement("R-trailblaze-06", "R-trailblaze-21")
def test_trailblaze_tells_its_endpoints_and_its_week(tmp_path: Path) -> None:
    endpoints = reviewed("trailblaze", "api", "daily", tmp_path)["log:api.endpoints"]

    assert "by context.endpoint: /v1/events: " in endpoints["message"]
    assert ", /v1/scrapers: " in endpoints["message"]

    week = reviewed("trailblaze", "api", "weekly", tmp_path)["log:api.response-time-of-the-week"]

    assert (week["status"], "95th percentile" in week["message"]) == ("ok", True)
    assert "against the previous window" in week["message"]


@pytest.mark.requirement("R-fairedge-32", "R-fairedge-33", "R-fairedge-36")
def test_what_fairedge_s_day_is_searched_for_is_found(tmp_path: Path) -> None:
    def now(message: str) -> str:
        return json.dumps({**json.loads(record(message, "WARNING")), "timestamp": ago(seconds=0)})

    said = [now("auth_failed: planted")] * 60 + [now("rate_limit_exceeded: planted")] * 3
    quiet = reviewed("fairedge", "api", "daily", tmp_path)
    found = reviewed("fairedge", "api", "daily", tmp_path, said)

    assert found["log:api.failed-sign-ins"]["status"] == "warning"

    limits = [one["log:api.rate-limits"]["observed"] for one in (quiet, found)]

    assert limits[1] - limits[0] == 3
    assert "planted" in found["log:api.rate-limits"]["message"]

    misses = [record("cache_miss: x")] * 500
    share = reviewed("fairedge", "api", "daily", tmp_path, misses)["log:api.cache-misses"]

    assert share["observed"] > quiet["log:api.cache-misses"]["observed"] > 0


@pytest.mark.requirement("R-fairedge-32", "R-fairedge-104", "R-fairedge-105")
def test_a_path_that_holds_the_word_is_no_failed_sign_in(tmp_path: Path) -> None:
    attempt = ["auth_failed: no such user", "Request processed"]
    said = [
        json.dumps({**json.loads(record(text, client_ip="192.0.2.9")), "timestamp": ago(seconds=0)})
        for text in attempt
    ]
    forged = record("Request processed", endpoint="/auth_failed", client_ip="198.51.100.7")
    found = reviewed("fairedge", "api", "daily", tmp_path, before=[forged] * 60, more=said)

    assert found["log:api.failed-sign-ins"]["observed"] == 1
    assert "192.0.2.9: 1." in found["log:api.addresses-of-failed-sign-ins"]["message"]


@pytest.mark.requirement("R-student_success-119")
def test_an_attempt_that_leaves_two_lines_counts_once_in_each_review(tmp_path: Path) -> None:
    refused = request("POST /login", "401 Unauthorized", 1)
    attempt = [line("Login failed for ada", "WARNING"), *refused]
    slow = line("Request processed GET / 200 OK 401 ms")
    found = reviewed("student_success", "app", "daily", tmp_path, before=[slow, *attempt * 12])

    assert found["log:app.unauthorised"]["observed"] == 12
    assert found["log:app.unauthorised"]["status"] == "ok"
    assert found["log:app.failed-sign-ins"]["observed"] == 12


@pytest.mark.requirement("R-student_success-06", "R-student_success-105")
def test_student_success_shows_the_newest_lines(tmp_path: Path) -> None:
    newest = f"{ago(seconds=0)} INFO health_monitor: Health check passed: planted"
    monitor = reviewed("student_success", "health-monitor", "daily", tmp_path, [newest])

    assert "planted" in monitor["log:health-monitor.newest-lines"]["message"].splitlines()[-1]

    tests = reviewed(
        "student_success",
        "automated-tests",
        "daily",
        tmp_path,
        before=[line("48 tests passed, planted")],
    )

    assert (
        "48 tests passed, planted"
        in tests["log:automated-tests.newest-lines"]["message"].splitlines()[-1]
    )

    warned = reviewed("student_success", "logs", "daily", tmp_path, [line("planted", "WARNING")])[
        "log:logs.warnings"
    ]

    assert (warned["observed"], "planted" in warned["message"].splitlines()[-1]) == (1, True)


@pytest.mark.requirement("R-hyperopt-98", "R-trailblaze-02")
@pytest.mark.parametrize(
    ("system", "said"),
    [("hyperopt", record("planted", "ERROR")), ("trailblaze", nested("planted", "ERROR"))],
)
def test_errors_since_the_run_before_are_shown_once(tmp_path: Path, system: str, said: str) -> None:
    found = reviewed(system, "api", "daily", tmp_path, [said])["log:api.new-errors"]
    assert (found["observed"], "planted" in found["message"]) == (1, True)
    assert "the time since the last run" in found["message"]
