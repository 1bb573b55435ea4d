# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log lines of the history: what docs/demo-logs.md promises holds for every seed and day."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import logging
import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.app.services import logs
from demo.history import fairedge, lines, seeded, systems

DAY = dt.date(2026, 3, 4)
#: Name -> lines of a day, from seed, day and how many days ago it was.
SOURCES: dict[str, t.Callable[[int, dt.date, int], list[lines.Line]]] = {
    "api": lambda seed, day, age: fairedge.api(day, fairedge.happenings(seed, day, age)),
    "access": lambda seed, day, age: fairedge.access(day, fairedge.happenings(seed, day, age)),
    "celery": fairedge.celery,
    "racing": systems.racing,
    "app": systems.student_app,
    "health_monitor": systems.student_monitor,
    "automated_tests": systems.student_tests,
    "hyperopt": lambda seed, day, age: systems.hyperopt(seed, "hyperopt-api1", day, age),
    "trailblaze": systems.trailblaze,
    "scraper": systems.scraper,
    "sshd": lambda seed, day, age: systems.sshd(seed, "racing-1", day, age),
}
JSON_KEYS = {
    "json": ("timestamp", "level", "service", "message", *logs.CONTEXT),
    "context": ("timestamp", "level", "service", "message", "request_id", "user_id", "context"),
}
JSON_SOURCES = {
    "api": "json",
    "celery": "json",
    "hyperopt": "json",
    "trailblaze": "context",
    "scraper": "context",
}
SEEDS = st.integers(min_value=1, max_value=2**31)
DAYS = st.dates(min_value=dt.date(2024, 1, 1), max_value=dt.date(2035, 12, 31))
AGES = st.integers(min_value=0, max_value=400)
NOT_QUIET = re.compile(
    r"memory_warning|database connection failed|raised unexpected|LMS sync failed"
    r"|Notification error|Health check failed|scraper \w+ failed"
)


def entries(source: str, seed: int, day: dt.date, age: int) -> list[dict[str, t.Any]]:
    """Return the lines of a JSON log as objects."""
    return [json.loads(text) for _, text in SOURCES[source](seed, day, age)]


@pytest.mark.parametrize("source", SOURCES)
def test_a_seed_gives_the_same_bytes_and_another_seed_others(source: str) -> None:
    sunday = dt.date(2026, 3, 1)  # the day on which every log has lines
    first = SOURCES[source](1, sunday, 40)
    assert first == SOURCES[source](1, sunday, 40)
    assert first != SOURCES[source](2, sunday, 40)
    assert first != SOURCES[source](1, sunday + dt.timedelta(days=7), 40)


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, day=DAYS, age=AGES)
def test_lines_are_in_order_and_of_their_day(
    source: str, seed: int, day: dt.date, age: int
) -> None:
    made = SOURCES[source](seed, day, age)
    moments = [ms for ms, _ in made]

    assert moments == sorted(moments)
    assert all(0 <= ms < seeded.DAY_MS for ms in moments)

    for ms, text in made:
        if source in JSON_SOURCES:
            assert json.loads(text)["timestamp"] == lines.moment(day, ms)
        elif source in ("health_monitor", "automated_tests"):
            assert text.startswith(lines.logging_line(day, ms, "", "", "")[1][:24])
        elif source not in ("access", "sshd"):
            assert text.startswith(f"{lines.moment(day, ms)} ")


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=8, deadline=None)
@given(seed=SEEDS, day=DAYS, age=AGES)
def test_addresses_are_made_up_and_secrets_masked(
    source: str, seed: int, day: dt.date, age: int
) -> None:
    for _, text in SOURCES[source](seed, day, age):
        for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text):
            assert ipaddress.ip_address(address) in ipaddress.ip_network("192.0.2.0/24")
        if source != "sshd":
            assert "masked" in text or not re.search(
                "password|secret|token|key", text, re.IGNORECASE
            ), text


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=12, deadline=None)
@given(seed=SEEDS, day=DAYS, age=st.integers(min_value=0, max_value=seeded.QUIET_DAYS - 1))
def test_quiet_days_are_quiet(source: str, seed: int, day: dt.date, age: int) -> None:
    assert not [text for _, text in SOURCES[source](seed, day, age) if NOT_QUIET.search(text)]


def test_what_is_quiet_now_was_not_always() -> None:
    """The test above could not fail if these lines never came."""
    days = [DAY - dt.timedelta(days=number) for number in range(20)]
    quiet = {
        name: make
        for name, make in SOURCES.items()
        if name not in ("access", "hyperopt", "trailblaze", "sshd")
    }
    text = "\n".join(
        text for make in quiet.values() for day in days for _, text in make(7, day, 30)
    )

    assert {found.split()[0] for found in NOT_QUIET.findall(text)} == {
        "memory_warning", "database", "raised", "LMS", "Notification", "Health", "scraper",
    }  # fmt: skip


@pytest.mark.parametrize("source", JSON_SOURCES)
def test_json_lines_have_their_keys_in_their_order(source: str) -> None:
    assert {tuple(entry) for entry in entries(source, 1, DAY, 30)} == {
        JSON_KEYS[JSON_SOURCES[source]]
    }


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, day=DAYS, age=AGES)
def test_trouble_of_fairedge_keeps_its_rates(seed: int, day: dt.date, age: int) -> None:
    found = entries("api", seed, day, age)
    by_word: dict[str, list[dict[str, t.Any]]] = {}
    for entry in found:
        by_word.setdefault(entry["message"].split(":")[0], []).append(entry)

    requests = by_word["Request processed"]

    assert sum(entry["status_code"] >= 500 for entry in requests) / len(requests) < 0.001

    strangers = [entry["client_ip"] for entry in by_word.get("auth_failed", [])]

    assert len(strangers) <= 6 and all(strangers.count(address) <= 3 for address in strangers)
    assert len(by_word.get("rate_limit_exceeded", [])) <= 4

    slow = [entry["duration_ms"] for entry in by_word.get("slow_query", [])]

    assert len(slow) <= 3 and all(1000 <= took <= 2900 for took in slow)

    misses, asked = (
        len(by_word.get("cache_miss", [])),
        sum(e["endpoint"] == fairedge.BEST for e in requests),
    )

    assert misses < 0.05 * asked

    ids = {entry["request_id"] for entry in requests}

    assert {entry["request_id"] for entry in found} - {None} == ids, (
        "each line about a request has its id"
    )


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, day=DAYS, age=AGES)
def test_errors_stay_far_from_the_limits_of_the_guides(seed: int, day: dt.date, age: int) -> None:
    racing = [text for _, text in systems.racing(seed, day, age)]
    assert sum(" ERROR " in text for text in racing) <= 2, "one failure, with two lines"
    assert sum("Predictions generated" in text for text in racing) > 20
    assert sum(entry["level"] == "ERROR" for entry in entries("hyperopt", seed, day, age)) <= 1
    assert sum(text.startswith("Failed") for _, text in SOURCES["sshd"](seed, day, age)) <= 6


def test_nights_and_weekends_are_calmer() -> None:
    wednesday, sunday = DAY, DAY + dt.timedelta(days=4)
    assert len(systems.student_app(1, sunday, 30)) < len(systems.student_app(1, wednesday, 30)) / 3
    busy = [ms // seeded.HOUR_MS for ms, _ in SOURCES["api"](1, wednesday, 30)]
    assert busy.count(19) > 4 * busy.count(3)


def test_the_two_logs_of_a_request_agree() -> None:
    seen = fairedge.happenings(1, DAY, 30)
    processed = [
        e
        for e in (json.loads(text) for _, text in fairedge.api(DAY, seen))
        if e["status_code"] is not None
    ]
    requests = [entry for entry in processed if entry["message"] == "Request processed"]
    access = [text.split() for _, text in fairedge.access(DAY, seen)]

    assert [(words[0], int(words[8])) for words in access] == [
        (e["client_ip"], e["status_code"]) for e in requests
    ]


def record(
    message: str, level: int = logging.INFO, name: str = "services.api", **extra: t.Any
) -> logging.LogRecord:
    """Return what the running application would log at 09:15:02.481 on the day."""
    made = logging.LogRecord(name, level, __file__, 1, message, (), None)
    made.created = dt.datetime(2026, 3, 4, 9, 15, 2, 481000, dt.UTC).timestamp()
    made.__dict__.update(extra)
    return made


MS = (9 * 60 + 15) * 60_000 + 2_481
REQUEST = lines.LoggedRequest(
    MS, "GET", "/v1/events", 200, 12.4, "192.0.2.17", None, "req_5f1c0a9be2d4"
)
EXTRA = {
    "method": "GET", "endpoint": "/v1/events", "status_code": 200, "duration_ms": 12.4,
    "client_ip": "192.0.2.17", "request_id": "req_5f1c0a9be2d4",
}  # fmt: skip
QUOTED = 'a "quoted" \\ line\nof two rows, größer'


@pytest.mark.parametrize(
    ("formatter", "made", "given"),
    [
        (
            logs.JsonFormatter,
            lines.json_request(DAY, REQUEST),
            record("Request processed", **EXTRA),
        ),
        (
            logs.ContextFormatter,
            lines.context_request(DAY, REQUEST),
            record("Request processed", **EXTRA),
        ),
        (
            logs.TextFormatter,
            lines.text_request(DAY, REQUEST),
            record("Request processed", **EXTRA),
        ),
        (
            logs.JsonFormatter,
            lines.json_request(DAY, REQUEST._replace(status=500, user="user_1")),
            record(
                "Request processed",
                logging.ERROR,
                **{**EXTRA, "status_code": 500, "user_id": "user_1"},
            ),
        ),
        (
            logs.JsonFormatter,
            lines.json_line(DAY, MS, "WARNING", "api", QUOTED, endpoint="x", duration=1500.0),
            record(QUOTED, logging.WARNING, endpoint="x", duration_ms=1500.0),
        ),
        (logs.ContextFormatter, lines.context_line(DAY, MS, "INFO", "api", QUOTED), record(QUOTED)),
        (
            logs.TextFormatter,
            lines.text_line(DAY, MS, "ERROR", "services.racing", "two\nrows"),
            record("two\nrows", logging.ERROR, "services.racing"),
        ),
    ],
)
def test_the_history_writes_what_the_application_writes(
    formatter: t.Callable[[str], logging.Formatter], made: lines.Line, given: logging.LogRecord
) -> None:
    assert made[1] == formatter("api").format(given)
