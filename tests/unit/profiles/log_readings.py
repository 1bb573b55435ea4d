# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs that are just at a limit of a review, or just beyond it; all behind the file is real."""

from __future__ import annotations

import datetime as dt
import json
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.log_review.settings import length

from tests.unit.module_utils.log_review.log_samples import findings, iso, source
from tests.unit.profiles.limits import Entry, Limit

#: Events that a share is taken of, and those of the previous window that a trend is held against.
TOTAL: t.Final = 1000
BEFORE: t.Final = 100
#: Where the systems write to the journal, the same lines stand in a file here.
ABSENT: t.Final = ("reviews", "units", "identifiers", "kind", "paths", "cadences", "component")
_ANALYZE: t.Final = "Request processed POST /api/post-race/analyze"
_DEFAULT_WINDOW: t.Final = "24h"

Write = Callable[[float, str, str, Entry], str]


class Sample(t.NamedTuple):
    """What a system writes: the event that a review looks for, and one that is counted with it."""

    message: str
    level: str = "INFO"
    fields: t.Mapping[str, t.Any] = {}
    other: str = ""
    other_fields: t.Mapping[str, t.Any] = {}


_FAILED: t.Final = Sample(
    "Request processed",
    fields={"status_code": 500},
    other="Request processed",
    other_fields={"status_code": 200},
)
_SECRET: t.Final = Sample("sign-in with password=correct-horse")
_KEY: t.Final = Sample("api_key=abcd1234efgh5678")
#: Place of a review -> what its system writes.
SAMPLES: t.Final[dict[str, Sample]] = {
    "fairedge/log_reviews/celery/odds-refresh-duration": Sample(
        "odds_refresh finished: 9 rows", fields={"duration_ms": 300001}
    ),
    "fairedge/log_reviews/celery/ev-calculation-duration": Sample(
        "ev_calculation finished: 9 rows", fields={"duration_ms": 120001}
    ),
    "fairedge/log_reviews/celery/cache-warming-duration": Sample(
        "cache_warming finished: 9 rows", fields={"duration_ms": 60001}
    ),
    "fairedge/log_reviews/celery/user-cleanup-duration": Sample(
        "user_cleanup finished: 9 rows", fields={"duration_ms": 30001}
    ),
    "racing/log_reviews/dashboard/errors": Sample("x", "ERROR"),
    "racing/log_reviews/dashboard/errors-of-an-hour": Sample("x", "ERROR"),
    "racing/log_reviews/dashboard/failed-predictions-of-an-hour": Sample(
        f"{_ANALYZE} 500 X 9.0 ms", other=f"{_ANALYZE} 200 OK 9.0 ms"
    ),
    "racing/log_reviews/dashboard/prediction-time": Sample(
        "Predictions generated: 9 rows in {reading} s"
    ),
    "racing/log_reviews/dashboard/traffic": Sample("Request processed GET / 200 OK 9.0 ms"),
    "racing/log_reviews/dashboard/error-share-of-the-month": Sample(
        "x", "ERROR", other="Predictions generated: 9 rows in 0.1 s"
    ),
    "student_success/log_reviews/app/critical-errors": Sample("x", "CRITICAL"),
    "student_success/log_reviews/app/notification-errors": Sample("Notification error: x", "ERROR"),
    "student_success/log_reviews/app/database-connection": Sample(
        "Database connection failed", "ERROR"
    ),
    "student_success/log_reviews/app/integrations": Sample("LMS sync failed: HTTP 502", "ERROR"),
    "student_success/log_reviews/app/failing-requests": Sample(
        "Request processed GET / 503 X 9.0 ms", other="Request processed GET / 200 OK 9.0 ms"
    ),
    "student_success/log_reviews/app/failed-predictions": Sample(
        "Request processed POST /api/predictions 500 X 9.0 ms"
    ),
    "student_success/log_reviews/app/unauthorised": Sample(
        "Request processed GET / 401 Unauthorized 9.0 ms"
    ),
    "student_success/log_reviews/app/failed-sign-ins": Sample("Sign-in failed for x", "WARNING"),
    "student_success/log_reviews/app/failed-changes": Sample(
        "Request processed DELETE /x 403 Forbidden 9.0 ms"
    ),
    "student_success/log_reviews/health-monitor/failed-checks": Sample(
        "Health check failed: api answered HTTP 503", "ERROR"
    ),
    "student_success/log_reviews/logs/secrets": _SECRET,
    "student_success/log_reviews/logs/new-secrets": _SECRET,
    "trailblaze/log_reviews/api/failed-requests": _FAILED,
    "trailblaze/log_reviews/api/debug-lines": Sample("x", "DEBUG"),
    "trailblaze/log_reviews/api/response-time": Sample(
        "Request processed", fields={"status_code": 200, "duration_ms": "{reading}"}
    ),
    "trailblaze/log_reviews/api/response-time-of-the-week": Sample(
        "Request processed", fields={"status_code": 200, "duration_ms": "{reading}"}
    ),
    "trailblaze/log_reviews/api/response-time-of-the-month": Sample(
        "Request processed", fields={"status_code": 200, "duration_ms": "{reading}"}
    ),
    "trailblaze/log_reviews/scraper/failures": Sample("scraper aerc_calendar failed", "ERROR"),
    "hyperopt/log_reviews/api/failed-optimisations": Sample(
        "optimization failed: strategy 7: no market data", "ERROR"
    ),
    "hyperopt/log_reviews/api/response-time": Sample(
        "Request processed", fields={"duration_ms": "{reading}"}
    ),
    "hyperopt/log_reviews/api/response-time-of-the-quarter": Sample(
        "Request processed", fields={"duration_ms": "{reading}"}
    ),
    "fairedge/log_reviews/api/database-connection": Sample("database connection failed", "ERROR"),
    "fairedge/log_reviews/api/failed-sign-ins": Sample("auth_failed", "WARNING"),
    "fairedge/log_reviews/api/addresses-of-failed-sign-ins": Sample(
        "auth_failed", "WARNING", {"client_ip": "192.0.2.9"}
    ),
    "fairedge/log_reviews/api/slow-queries": Sample(
        "slow_query", "WARNING", {"duration_ms": 2000.0}
    ),
    "fairedge/log_reviews/api/memory": Sample("memory_warning", "WARNING"),
    "fairedge/log_reviews/api/server-errors": _FAILED,
    "fairedge/log_reviews/api/failing-requests": _FAILED,
    "fairedge/log_reviews/api/secrets": _KEY,
    "fairedge/log_reviews/celery/odds-api-errors": Sample("odds_api_error", "ERROR"),
    "fairedge/log_reviews/celery/memory": Sample("memory_warning", "WARNING"),
    "fairedge/log_reviews/celery/secrets": _KEY,
}


def place(limit: Limit) -> str:
    """Return the name of a review in SAMPLES."""
    return f"{limit.system}/{limit.place}"


def judged(folder: Path, log: Entry, limit: Limit, *, beyond: bool) -> list[Finding]:
    """Return the findings of the module's run on the shipped review, on a log at its limit."""
    path = folder / f"log-{beyond}"
    path.write_text("".join(f"{line}\n" for line in _lines(log, limit, beyond=beyond)))
    review = {key: value for key, value in limit.entry.items() if key != "cadences"}
    kept = {key: value for key, value in log.items() if key not in ABSENT}
    known = source(**kept, kind="file", paths=[str(path)], reviews=[review])
    state = folder / "log_review.json"
    check = f"log:{log['name']}.{review['name']}"
    until = {"version": 2, "places": {}, "until": {check: time.time() - 600}}
    state.write_text(json.dumps(until))

    return [found for name, found in findings(known, state=str(state)).items() if name == check]


def _lines(log: Entry, limit: Limit, *, beyond: bool) -> Iterator[str]:
    sample, write = SAMPLES[place(limit)], _WRITERS[_form(limit, log)]
    now, before = _moments(limit.entry)

    def line(moment: float, reading: float | None = None) -> str:
        fields = {
            key: reading if value == "{reading}" else value for key, value in sample.fields.items()
        }
        message = sample.message.replace("{reading}", f"{reading}")

        return write(moment, message, sample.level, fields)

    if limit.path[-1] == "trend_percent":
        yield from _trend(limit, line, now, before, beyond=beyond)
    elif limit.kind == "share":
        hits = round(TOTAL * limit.value / 100) + beyond
        counted_too = _counts_itself(limit, sample)
        others = TOTAL - hits if counted_too else TOTAL
        yield from [line(now)] * hits
        yield from [write(now, sample.other, "INFO", dict(sample.other_fields))] * others
    elif limit.kind == "duration":
        least = int(limit.entry.get("least_events", 1))
        yield from [line(now, limit.value + _step(limit, beyond=beyond))] * least
    else:
        yield from [line(now)] * (int(limit.value) + beyond)


def _trend(
    limit: Limit,
    line: Callable[..., str],
    now: float,
    before: float,
    *,
    beyond: bool,
) -> Iterator[str]:
    """Yield as many events as before, or as long ones, and the allowed growth more."""
    growth = 1 + (limit.value + _step(limit, beyond=beyond)) / 100
    if limit.kind == "duration":
        # The limit on the figure itself must not be what is passed.
        short = limit.entry.get("warning", float(BEFORE)) / 4
        yield from [line(before, short)] * BEFORE
        yield from [line(now, short * growth)] * BEFORE
    else:
        yield from [line(before)] * BEFORE
        yield from [line(now)] * round(BEFORE * growth)


def _step(limit: Limit, *, beyond: bool) -> float:
    """Return how far from its limit a time is; percentiles are kept to about three per cent."""
    if limit.entry.get("figure") != "p95":
        return float(beyond)

    margin = 0.05 * max(limit.value, 100)

    return margin if beyond else -margin


def _counts_itself(limit: Limit, sample: Sample) -> bool:
    """Return whether the events that a share is taken of include those that are looked for."""
    return sample.message.partition(" ")[0] == sample.other.partition(" ")[0]


def _moments(review: Entry) -> tuple[float, float]:
    """Return a moment in the window of a review, and one early in the previous one."""
    now, window = time.time(), review.get("window", _DEFAULT_WINDOW)
    if window == "last_month":
        first = dt.datetime.now(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return (first - dt.timedelta(days=2)).timestamp(), 0.0

    seconds = length(window)
    if seconds is None:
        return now, 0.0

    return now - min(60.0, seconds / 10), now - 1.95 * seconds


def _form(limit: Limit, log: Entry) -> str:
    return f"{log['format']} {limit.system}" if limit.system == "trailblaze" else log["format"]


def _python(moment: float, message: str, level: str, _fields: Entry) -> str:
    return f"{iso(moment)} {level} services.api: {message}"


def _record(moment: float, message: str, level: str, fields: Entry) -> str:
    names = ("request_id", "user_id", "endpoint", "duration_ms", "status_code", "client_ip")
    head = {"timestamp": iso(moment), "level": level, "service": "api", "message": message}

    return json.dumps({**head, **dict.fromkeys(names), **fields})


def _nested(moment: float, message: str, level: str, fields: Entry) -> str:
    head = {"timestamp": iso(moment), "level": level, "service": "api", "message": message}

    return json.dumps({**head, "request_id": None, "user_id": None, "context": fields})


_WRITERS: t.Final[dict[str, Write]] = {
    "python": _python,
    "json": _record,
    "json trailblaze": _nested,
}
