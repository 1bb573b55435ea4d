# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A day of fairedge's logs: API, task queue, and what nginx saw of it."""

from __future__ import annotations

import datetime as dt
import random
import typing as t

from . import seeded, web
from .lines import Line, LoggedRequest, combined, json_line, json_request

PATHS: t.Final[tuple[web.Path, ...]] = (
    ("GET", "/api/opportunities", 62, 60.0),
    ("GET", "/api/odds", 14, 45.0),
    ("GET", "/api/users/me", 12, 9.0),
    ("POST", "/api/bets", 8, 30.0),
    ("POST", "/api/auth/sign-in", 4, 70.0),
)
SIGN_IN: t.Final = "/api/auth/sign-in"
BEST: t.Final = "/api/opportunities"
WEEKDAY, WEEKEND = 1300, 1100  # requests
#: Task: how often it runs (ms) and how long it usually takes (s). Rows are those of the last
#: column.
TASKS: t.Final = (
    ("odds_refresh", 300_000, 0.4, 200),
    ("ev_calculation", 600_000, 0.2, 180),
    ("cache_warming", 21_600_000, 0.1, 50),
    ("user_cleanup", 86_400_000, 0.1, 0),
)


class LogDay(t.NamedTuple):
    """What happened on one day: requests with the lines before each, and lines of their own."""

    requests: list[LoggedRequest]
    lines: list[Line]


def happenings(seed: int, day: dt.date, age: int) -> LogDay:
    """Return a day's requests and the lines about them; ``age`` is how many days ago it was."""
    numbers = seeded.stream(seed, "fairedge-api", day)
    count = seeded.about(numbers, WEEKEND if seeded.weekend(day) else WEEKDAY)
    requests = web.requests(numbers, count, PATHS, seeded.EVENING, 900)
    lines: list[Line] = []
    _sign_ins_that_fail(numbers, day, requests, lines)
    _too_many_requests(numbers, day, requests, lines)
    _cache_misses(numbers, day, requests, lines)
    _slow_queries(numbers, day, requests, lines)
    if seeded.once_in(numbers, 10, age):
        _a_lost_database(numbers, day, requests, lines)

    if seeded.once_in(numbers, 10, age):
        ms, share = numbers.randrange(seeded.DAY_MS), numbers.randint(85, 90)
        lines.append(
            json_line(day, ms, "WARNING", "api", f"memory_warning: {share} % of memory in use")
        )

    for ms in seeded.moments(numbers, 2):
        lines.append(
            json_line(day, ms, "INFO", "api", "Webhook of billing taken, signing key masked")
        )

    return LogDay(sorted(requests, key=lambda request: request.ms), lines)


def api(day: dt.date, seen: LogDay) -> list[Line]:
    """Return the lines of api.log in order.

    What is said about a request stands before its own line.
    """
    return sorted(
        [*seen.lines, *(json_request(day, request) for request in seen.requests)], key=_moment
    )


def access(day: dt.date, seen: LogDay) -> list[Line]:
    """Return the lines of nginx's access.log in order."""
    return [combined(day, request, 200 + int(request.duration * 90)) for request in seen.requests]


def celery(seed: int, day: dt.date, age: int) -> list[Line]:
    """Return the lines of celery.log in order."""
    numbers = seeded.stream(seed, "fairedge-celery", day)
    lines: list[Line] = []
    for name, period, seconds, rows in TASKS:
        for start in range(7_000, seeded.DAY_MS - 60_000, period):
            lines += _task(numbers, day, start, name, seconds, rows)

    for _ in range(seeded.some(numbers, 3)):
        lines += _an_api_error(numbers, day)

    if seeded.once_in(numbers, 20, age):
        ms = numbers.randrange(seeded.DAY_MS)
        text = (
            f"Task odds_refresh[{seeded.uuid(numbers)}] raised unexpected: TimeLimitExceeded(300)"
        )
        lines.append(json_line(day, ms, "ERROR", "celery", text))

    return sorted(lines, key=_moment)


def _moment(line: Line) -> int:
    return line[0]


def _sign_ins_that_fail(
    numbers: random.Random, day: dt.date, requests: list[LoggedRequest], lines: list[Line]
) -> None:
    for ms in seeded.moments(numbers, seeded.some(numbers, 6)):
        request = web.stranger(numbers, ms, "POST", SIGN_IN, 401)
        if sum(other.ip == request.ip and other.status == 401 for other in requests) < 3:
            requests.append(request)
            lines.append(
                _about(
                    day, request, "WARNING", "auth_failed: no such user, or the wrong passphrase"
                )
            )


def _too_many_requests(
    numbers: random.Random, day: dt.date, requests: list[LoggedRequest], lines: list[Line]
) -> None:
    for ms in seeded.moments(numbers, seeded.some(numbers, 4)):
        request = web.stranger(numbers, ms, "GET", BEST, 429, 0.4)._replace(
            user=f"user_{numbers.randrange(900)}"
        )
        seen = numbers.randint(61, 70)
        text = f"rate_limit_exceeded: {seen} requests in 60 s, the limit of free is 60"
        requests.append(request)
        lines.append(_about(day, request, "WARNING", text))


def _cache_misses(
    numbers: random.Random, day: dt.date, requests: list[LoggedRequest], lines: list[Line]
) -> None:
    for request in requests:
        if request.path == BEST and request.status == 200 and numbers.random() < 0.02:
            ms = max(request.ms - int(request.duration), 0)
            text = "cache_miss: opportunities:best"
            line = json_line(
                day, ms, "INFO", "api", text, request_id=request.request_id, endpoint=BEST
            )
            lines.append(line)


def _slow_queries(
    numbers: random.Random, day: dt.date, requests: list[LoggedRequest], lines: list[Line]
) -> None:
    for _ in range(seeded.some(numbers, 3)):
        place = numbers.randrange(len(requests))
        request = requests[place]
        if request.path == BEST and request.status == 200 and request.duration < 1000:
            took = float(numbers.randint(1000, 2900))
            requests[place] = request._replace(duration=took + 9.5)
            text = "slow_query: SELECT on opportunities"
            line = json_line(
                day,
                request.ms,
                "WARNING",
                "api",
                text,
                request_id=request.request_id,
                endpoint=BEST,
                duration=took,
            )
            lines.append(line)


def _a_lost_database(
    numbers: random.Random, day: dt.date, requests: list[LoggedRequest], lines: list[Line]
) -> None:
    place = numbers.randrange(len(requests))
    request = requests[place] = requests[place]._replace(path=BEST, method="GET", status=500)
    text = "database connection failed: OperationalError"
    line = json_line(
        day, request.ms, "ERROR", "api", text, request_id=request.request_id, endpoint=BEST
    )
    lines.append(line)


def _about(day: dt.date, request: LoggedRequest, level: str, text: str) -> Line:
    return json_line(
        day, request.ms, level, "api", text,
        request_id=request.request_id, user=request.user, endpoint=request.path,
        status=request.status, ip=request.ip,
    )  # fmt: skip


def _task(
    numbers: random.Random, day: dt.date, start: int, name: str, usual: float, rows: int
) -> list[Line]:
    """Return what the worker says about one task that went well."""
    task = f"{name}[{seeded.uuid(numbers)}]"
    seconds = round(usual * (0.8 + numbers.random()), 3)
    begin = start + numbers.randrange(900)
    end = begin + int(seconds * 1000)
    elapsed = int(seconds * 1000) - 2
    finished = json_line(
        day,
        end - 1,
        "INFO",
        "celery",
        f"{name} finished: {rows} rows",
        endpoint=name,
        duration=elapsed,
    )

    return [
        json_line(day, begin, "INFO", "celery", f"Task {task} received"),
        finished,
        json_line(day, end, "INFO", "celery", f"Task {task} succeeded in {seconds}s: {rows}"),
    ]


def _an_api_error(numbers: random.Random, day: dt.date) -> list[Line]:
    """Return what the worker says when a bookmaker does not answer: it tries again."""
    ms, answer = (
        numbers.randrange(seeded.DAY_MS),
        f"bookmaker-{numbers.randint(1, 12)} answered HTTP 503",
    )
    text = (
        f"Task odds_refresh[{seeded.uuid(numbers)}] retry: Retry in 30s: OddsApiError('{answer}')"
    )

    return [
        json_line(day, ms, "WARNING", "celery", f"odds_api_error: {answer}"),
        json_line(day, ms, "INFO", "celery", text),
    ]
