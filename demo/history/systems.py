# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A day of the logs of racing, student_success, hyperopt, trailblaze, and of every sshd."""

from __future__ import annotations

import datetime as dt
import random
import typing as t

from . import seeded, web
from .lines import (
    Line,
    context_line,
    context_request,
    json_line,
    json_request,
    logging_line,
    text_line,
    text_request,
)

ANALYZE: t.Final = "/api/post-race/analyze"
PREDICT: t.Final = "/api/predictions"
OPTIMIZE: t.Final = "/api/optimizations"
HYPEROPT: t.Final[tuple[web.Path, ...]] = (
    ("GET", "/api/strategies", 70, 12.0),
    ("GET", OPTIMIZE, 30, 18.0),
)
TRAILBLAZE: t.Final[tuple[web.Path, ...]] = (
    ("GET", "/v1/events", 85, 14.0),
    ("GET", "/v1/scrapers", 15, 6.0),
)
TRACEBACK: t.Final = (
    "Exception in ASGI application\n"
    "Traceback (most recent call last):\n"
    '  File "/srv/racing_analytics/src/models/inference/simple_post_race_predictor.py", '
    "line 33, in predict\n"
    "    return [float(value) for value in self.model.predict(rows)]\n"
    "ValueError: Input contains NaN."
)
NAMES: t.Final = ("admin", "test", "oracle", "ubuntu", "git")
MINUTE_MS: t.Final = 60_000


def racing(seed: int, day: dt.date, age: int) -> list[Line]:
    """Return the lines of dashboard.log.

    A failure comes on any day, about once a week: far below one in a hundred. It is one of the
    page, since an hour has few predictions, of which one would be more than one in ten.
    """
    numbers = seeded.stream(seed, "racing", day)
    busy = day.weekday() >= 4
    lines = []

    for request in web.requests(
        numbers,
        seeded.about(numbers, 420 if busy else 260),
        (("GET", "/", 1, 2.0),),
        seeded.EVENING,
        0,
    ):
        lines.append(text_request(day, request))

    for request in web.requests(
        numbers,
        seeded.about(numbers, 60 if busy else 30),
        (("POST", ANALYZE, 1, 36.0),),
        seeded.EVENING,
        0,
    ):
        rows, seconds = numbers.randint(3, 60), request.duration / 2000
        text = f"Predictions generated: {rows} rows in {seconds:.3f} s"
        lines += [
            text_line(day, request.ms, "INFO", "services.racing", text),
            text_request(day, request),
        ]

    for ms in seeded.moments(numbers, int(numbers.randrange(7) == 0)):
        failed = web.stranger(numbers, ms, "GET", "/", 500, 12.1)
        lines += [
            text_line(day, ms, "ERROR", "uvicorn.error", TRACEBACK),
            text_request(day, failed),
        ]

    if day.day == 1:
        text = "Using SimplePostRacePredictor with data/models/lightgbm_baseline.pkl"
        lines.append(text_line(day, 3 * seeded.HOUR_MS, "INFO", "services.racing", text))

    return _in_order(lines)


def student_app(seed: int, day: dt.date, age: int) -> list[Line]:
    """Return the lines of app.log."""
    numbers = seeded.stream(seed, "student-app", day)
    count = seeded.about(numbers, 60 if seeded.weekend(day) else 520)
    paths = (
        ("POST", PREDICT, 60, 40.0),
        ("GET", "/", 30, 3.0),
        ("GET", "/api/notifications/health", 10, 8.0),
    )
    lines = [
        text_request(day, request)
        for request in web.requests(numbers, count, paths, seeded.OFFICE, 0)
    ]
    for ms in seeded.moments(numbers, seeded.some(numbers, 3)):
        refused = web.stranger(numbers, ms, "POST", PREDICT, numbers.choice((401, 403)))
        lines.append(text_request(day, refused))

    for ms in seeded.moments(numbers, seeded.about(numbers, 20), seeded.OFFICE):
        text = f"Notification sent to advisor-{numbers.randint(1, 45)}"
        lines.append(text_line(day, ms, "INFO", "services.notifications", text))

    return _in_order(lines + _integrations(numbers, day, age) + _trouble(numbers, day, age))


def _integrations(numbers: random.Random, day: dt.date, age: int) -> list[Line]:
    night, logger = 2 * seeded.HOUR_MS + numbers.randrange(60_000), "services.integrations"
    failed = seeded.once_in(numbers, 30, age)
    done = (
        ("ERROR", "LMS sync failed: HTTP 502")
        if failed
        else ("INFO", "LMS sync finished: 214 courses")
    )

    return [
        text_line(day, night, done[0], logger, done[1]),
        text_line(day, night + 40_000, "INFO", logger, "SIS sync finished: 3000 students"),
    ]


def _trouble(numbers: random.Random, day: dt.date, age: int) -> list[Line]:
    kinds = (
        ("services.notifications", "Notification error: the mail gateway did not answer"),
        ("services.api", "Database connection failed: OperationalError"),
    )
    came = [
        (numbers.randrange(seeded.DAY_MS), kind)
        for kind in kinds
        if seeded.once_in(numbers, 30, age)
    ]
    return [text_line(day, ms, "ERROR", logger, text) for ms, (logger, text) in came]


def student_monitor(seed: int, day: dt.date, age: int) -> list[Line]:
    """Return the lines of health_monitor.log, one each quarter of an hour."""
    numbers = seeded.stream(seed, "student-monitor", day)
    bad = numbers.randrange(96) if seeded.once_in(numbers, 15, age) else -1
    lines = []

    for quarter in range(96):
        ms = quarter * 15 * MINUTE_MS + numbers.randrange(2000)
        api, database = numbers.randint(20, 80), numbers.randint(1, 9)
        text = f"Health check passed: api {api} ms, database {database} ms"
        level = "INFO"
        if quarter == bad:
            level, text = "ERROR", "Health check failed: api answered HTTP 503"

        lines.append(logging_line(day, ms, level, "health_monitor", text))

    return lines


def student_tests(seed: int, day: dt.date, age: int) -> list[Line]:
    """Return the line of automated_tests.log, on Sundays."""
    if day.weekday() != 6:
        return []

    numbers = seeded.stream(seed, "student-tests", day)
    seconds = numbers.randint(250, 400) / 10
    text = f"48 tests passed in {seconds} s"

    return [
        logging_line(
            day, 2 * seeded.HOUR_MS + numbers.randrange(60_000), "INFO", "automated_tests", text
        )
    ]


def hyperopt(seed: int, host: str, day: dt.date, age: int) -> list[Line]:
    """Return what the API of one host said on standard output."""
    numbers = seeded.stream(seed, "hyperopt", host, day)
    requests = web.requests(numbers, seeded.about(numbers, 120), HYPEROPT, seeded.OFFICE, 40)
    lines = [json_request(day, request) for request in requests]

    for ms in seeded.moments(numbers, seeded.about(numbers, 20)):
        seconds = numbers.randint(80, 900) / 10
        text = f"optimization finished: strategy {numbers.randint(1, 60)} in {seconds} s"
        lines.append(
            json_line(day, ms, "INFO", "api", text, endpoint=OPTIMIZE, duration=seconds * 1000)
        )

    for ms in seeded.moments(numbers, seeded.some(numbers, 1)):
        text = f"optimization failed: strategy {numbers.randint(1, 60)}: no market data"
        lines.append(json_line(day, ms, "ERROR", "api", text, endpoint=OPTIMIZE))

    return _in_order(lines)


def trailblaze(seed: int, day: dt.date, age: int) -> list[Line]:
    """Return what the API said on standard output."""
    numbers = seeded.stream(seed, "trailblaze", day)
    requests = web.requests(numbers, seeded.about(numbers, 120), TRAILBLAZE, seeded.EVENING, 0)
    return [context_request(day, request) for request in requests]


def scraper(seed: int, day: dt.date, age: int) -> list[Line]:
    """Return what the scraper said at its daily run."""
    numbers = seeded.stream(seed, "scraper", day)
    ms = numbers.randrange(seeded.HOUR_MS)
    if seeded.once_in(numbers, 30, age):
        text = (
            "scraper aerc_calendar failed: aerc_calendar_"
            + f"{day:%Y-%m}: the page has 12 rows, 11 events"
        )
        return [context_line(day, ms, "ERROR", "scraper", f"{text} were made of them")]

    hits = numbers.choice((12, 18, 20))
    text = f"scraper aerc_calendar: 72 events, {hits} of 24 entries from the cache"

    return [context_line(day, ms, "INFO", "scraper", text)]


def sshd(seed: int, host: str, day: dt.date, age: int) -> list[Line]:
    """Return what sshd said: people in charge who came, and strangers who did not get in."""
    numbers = seeded.stream(seed, "sshd", host, day)
    lines: list[Line] = []
    for ms in seeded.moments(numbers, 2, seeded.OFFICE):
        port = numbers.randint(32_768, 60_999)
        key = f"ED25519 SHA256:{'demo' * 10}abc"
        text = f"Accepted publickey for upkeep from 192.0.2.5 port {port} ssh2: {key}"
        lines.append((ms, text))

    seen: list[str] = []

    for ms in seeded.moments(numbers, seeded.some(numbers, 6)):
        address, name = numbers.choice(web.STRANGERS), numbers.choice(NAMES)
        if seen.count(address) < 3:
            seen.append(address)
            port = numbers.randint(32_768, 60_999)
            lines.append(
                (ms, f"Failed password for invalid user {name} from {address} port {port} ssh2")
            )

    return _in_order(lines)


def _in_order(lines: list[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: line[0])
