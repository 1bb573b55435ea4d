# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind metrics, against servers that count their requests."""

from __future__ import annotations

import gzip
import typing as t
from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import counters
from ansible.module_utils.upkeep.health_check.attempt import observe

from tests import evidence
from tests.unit.module_utils.health_check.checks import parse
from tests.unit.module_utils.health_check.servers import Handler, answering, request_head
from tools import PROJECT, profiles

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {
    "url": "http://a/",
    "rate": {"warning": 9},
    "errors": {"warning": 5},
    "gauges": [{"name": "pool", "metric": "pool", "warning": 9}],
}

Listen = Callable[..., int]
Counted = dict[str, tuple[int, dict[float, int], float]]
ANNOUNCED: t.Final = (
    "# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n"
)


def said(counted: Counted) -> str:
    """Return the metrics of a service by status: number, cumulative buckets, seconds."""
    lines = [ANNOUNCED]
    for status, (number, buckets, seconds) in counted.items():
        labels = f'endpoint="/v1/events",method="GET",status_code="{status}"'
        lines.append(f"http_requests_total{{{labels}}} {number}.0\n")
        for bound, count in {**buckets, "+Inf": number}.items():
            lines.append(
                "http_request_duration_seconds_bucket"
                f'{{endpoint="{status}",le="{bound}"}} {count}.0\n'
            )

        lines.append(f'http_request_duration_seconds_sum{{endpoint="{status}"}} {seconds}\n')

    return "".join(lines)


class Service:
    """A server with metrics set by the test, checked as the profile of trailblaze does."""

    def __init__(self, listen: Listen, **changes: t.Any) -> None:
        self.text, self.at, self.before = "", 1000.0, None
        self.heads: list[bytes] = []
        [entry] = [
            e
            for e in profiles.load(PROJECT, "trailblaze")["system_health_checks"]
            if e["kind"] == "metrics"
        ]
        url = f"http://127.0.0.1:{listen(self._handler())}/metrics"
        self.check = parse({**entry, "url": url, "depends_on": [], "timeout": 5, **changes})

    def _handler(self) -> Handler:
        def handler(connection: t.Any, _over: t.Any) -> None:
            self.heads.append(request_head(connection))
            body = self.text.encode()
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )

        return handler

    def look(self, text: str, minutes: float = 15) -> dict[str, Finding]:
        """Return the findings of one look, so many minutes after the one before."""
        self.text, self.at = text, self.at + minutes * 60
        lines = list(observe(replace(self.check, previous=self.before)))
        self.before = next((line["remember"] for line in lines if "remember" in line), self.before)

        return {
            line["check"].removeprefix("metrics:requests"): line
            for line in lines
            if "check" in line
        }


@pytest.fixture
def service(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Return a service that counts."""
    made = Service(listen, gauges=[])
    monkeypatch.setattr(counters.time, "clock_gettime", lambda _clock: made.at)
    return made


@pytest.mark.requirement("R-trailblaze-18", "R-trailblaze-19", "R-trailblaze-20", "R-trailblaze-33")
def test_requests_times_and_failures_since_the_look_before(service: Service) -> None:
    first = service.look(said({"200": (1000, {0.1: 100, 0.5: 1000}, 300)}))

    assert {name: found["status"] for name, found in first.items()} == {
        "": "ok", ".rate": "info", ".response_time": "info", ".errors": "info",
    }  # fmt: skip
    assert b"x-upkeep-probe: 1" in service.heads[0].lower(), "we are no visitor"

    found = service.look(
        said({"200": (1150, {0.1: 250, 0.5: 1150}, 307.5), "404": (10, {0.1: 10, 0.5: 10}, 0)})
    )

    assert (found[".rate"]["observed"], found[".rate"]["unit"]) == (10.67, "requests/min")
    assert found[".rate"]["requirements"] == ["R-trailblaze-18"]
    assert (found[".response_time"]["status"], found[".response_time"]["observed"]) == ("ok", 95.0)
    assert "160 requests: average 46.9 ms" in found[".response_time"]["message"], (
        "not the time of all before"
    )
    assert found[".response_time"]["requirements"] == ["R-trailblaze-19", "R-trailblaze-33"]
    assert (found[".errors"]["status"], found[".errors"]["observed"]) == ("ok", 0.0), (
        "a visitor's mistake is no failure"
    )


@pytest.mark.requirement("R-trailblaze-20", "R-trailblaze-32")
@pytest.mark.parametrize(("failed", "status"), [(5, "ok"), (6, "warning"), (100, "warning")])
def test_more_than_one_in_twenty_is_an_alarm(service: Service, failed: int, status: str) -> None:
    service.look(ANNOUNCED)
    counted: Counted = {
        "200": (100 - failed, {0.5: 100 - failed}, 1),
        "503": (failed, {0.5: failed}, 1),
    }
    found = service.look(said(counted))[".errors"]

    assert (found["status"], found["observed"], found["expected"]) == (
        status,
        float(failed),
        "at most 5",
    )
    assert {"R-trailblaze-20", "R-trailblaze-32"} == set(found["requirements"])


@pytest.mark.requirement("R-trailblaze-20")
def test_too_few_requests_are_told_and_not_judged(service: Service) -> None:
    service.look(ANNOUNCED)
    found = service.look(said({"500": (19, {0.5: 0}, 40)}))
    for aspect in (".errors", ".response_time"):
        assert (
            found[aspect]["status"],
            "not enough requests to judge (19 of 20)" in found[aspect]["message"],
        ) == ("info", True)

    assert found[".rate"]["observed"] == 1.27


@pytest.mark.requirement("R-trailblaze-19")
def test_slow_answers_are_a_warning_and_what_no_bucket_holds_is_not_called_fine(
    service: Service,
) -> None:
    service.look(ANNOUNCED)
    counted: Counted = {"200": (100, {0.1: 90, 0.5: 94, 1.0: 100}, 30)}
    found = service.look(said(counted))[".response_time"]

    assert (found["status"], found["observed"]) == ("warning", 583.3)

    counted = {"200": (200, {0.1: 100, 0.5: 100, 1.0: 100}, 900)}

    assert ", or more" in service.look(said(counted))[".response_time"]["message"]

    service.before = None
    service.look(ANNOUNCED)
    found = service.look(said({"200": (100, {0.1: 90}, 30)}))[".response_time"]

    assert (found["status"], found["observed"]) == ("unknown", 100.0), (
        "the last bucket lies below the limit"
    )


@pytest.mark.parametrize("text", [ANNOUNCED, said({"200": (3, {0.5: 3}, 1)})])
def test_a_service_that_was_started_anew_is_not_judged_by_less_than_nothing(
    service: Service, text: str
) -> None:
    service.look(said({"200": (1000, {0.5: 1000}, 10)}))
    assert {found["status"] for name, found in service.look(text).items() if name} == {"info"}
    again = service.look(said({"200": (103, {0.5: 103}, 3)}))
    assert again[".rate"]["observed"] in (6.87, 6.67)


def test_a_look_right_after_another_waits_for_the_next(service: Service) -> None:
    service.look(ANNOUNCED)
    soon = service.look(said({"500": (50, {0.5: 50}, 1)}), minutes=0.1)

    assert soon[".errors"]["status"] == "info"
    assert service.look(said({"500": (50, {0.5: 50}, 1)}))[".errors"]["status"] == "warning", (
        "they are not lost"
    )


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("", "unknown", "has no http_requests_total"),
        ("<html>404</html>", "unknown", "has no http_requests_total"),
        (
            "# TYPE http_requests_total counter\n",
            "unknown",
            "has no http_request_duration_seconds",
        ),
        ("x" * (4 * 2**20 + 1), "unknown", "is longer than 4 MiB"),
    ],
)
def test_what_gives_no_figures_is_never_fine(
    service: Service, text: str, status: str, words: str
) -> None:
    found = service.look(text)
    assert list(found) == [""]
    assert (found[""]["status"], words in found[""]["message"]) == (status, True)


@pytest.mark.parametrize(
    ("coding", "body", "words"),
    [
        ("gzip", gzip.compress(b"up 1\n", mtime=0), "has no http_requests_total"),
        (
            "gzip",
            gzip.compress(b"a" * (4 * 2**20 + 1), mtime=0),
            "is compressed although nobody asked",
        ),
        ("zstd", b"up 1\n", "is compressed although nobody asked"),
    ],
)
def test_figures_that_come_compressed_are_read_or_unknown(
    listen: Listen, coding: str, body: bytes, words: str
) -> None:
    port = listen(answering(body, "200 OK", f"Content-Encoding: {coding}"))
    raw = {
        "name": "x",
        "kind": "metrics",
        "url": f"http://127.0.0.1:{port}/",
        "errors": {"warning": 5},
    }
    [found, *_] = observe(parse(raw))

    assert found["status"] == "unknown"
    assert words in found["message"]


def test_an_error_page_and_silence_are_critical(listen: Listen, closed_port: int) -> None:
    for port, words in (
        (listen(answering(b"", "503 Busy")), "answered 503"),
        (closed_port, "refused"),
    ):
        raw = {
            "name": "x",
            "kind": "metrics",
            "url": f"http://127.0.0.1:{port}/metrics",
            "rate": {"warning": 1},
        }
        [found] = list(observe(parse(raw)))
        assert (found["status"], words in found["message"]) == ("critical", True)


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        ('http_requests_total{status="5xx"} 500', "has no label status_code"),
        ('http_requests_total{status_code="5xx"} 500', "'5xx'"),
        ('http_requests_total{status_code="error"} 500', "'error'"),
    ],
)
def test_failures_that_cannot_be_told_are_not_none(
    service: Service, counted: str, words: str
) -> None:
    times = 'http_request_duration_seconds_bucket{le="+Inf"} 900\n'

    found = service.look(f"{counted}\n{times}")[".errors"]

    assert found["status"] == "unknown"
    assert words in found["message"]


def test_times_without_a_number_are_unknown(service: Service) -> None:
    times = 'http_request_duration_seconds_bucket{le="0.5"} 900\n'
    text = f'http_requests_total{{status_code="200"}} 900\n{times}'

    assert service.look(text)[".response_time"]["status"] == "unknown"


def test_a_service_cannot_fill_the_state_of_other_checks(service: Service) -> None:
    name = "http_request_duration_seconds_bucket"
    times = "".join(f'{name}{{le="{bound}"}} 1\n' for bound in range(20_000))

    found = service.look(f'http_requests_total{{status_code="200"}} 900\n{times}')

    assert found[""]["status"] == "unknown"
    assert service.before is None, "nothing is kept"


POOL: t.Final = (
    "# TYPE database_pool_connections gauge\n"
    'database_pool_connections{state="checked_in"} 3.0\n'
    'database_pool_connections{state="checked_out"} 2.0\n'
)


@pytest.mark.requirement("R-trailblaze-23")
def test_the_state_of_the_pool_is_read(listen: Listen) -> None:
    found = Service(listen).look(ANNOUNCED + POOL)
    evidence.add("trailblaze", [found[".pool_in_use"], found[".pool_idle"]], "told")

    assert (found[".pool_in_use"]["status"], found[".pool_in_use"]["observed"]) == ("ok", 2.0)
    assert found[".pool_idle"]["observed"] == 3.0
    assert found[".pool_idle"]["requirements"] == ["R-trailblaze-23"]


def test_a_gauge_that_is_missing_or_no_number_is_unknown(listen: Listen) -> None:
    found = Service(listen).look(
        f'{ANNOUNCED}database_pool_connections{{state="checked_out"}} NaN\n'
    )

    assert found[".pool_in_use"]["status"] == "unknown"
    assert found[".pool_idle"]["status"] == "unknown"
    assert "missing" in found[".pool_idle"]["message"]


def test_a_gauge_beyond_its_limit_is_a_warning(listen: Listen) -> None:
    gauge = {"name": "pool", "metric": "database_pool_connections", "warning": 4}
    found = Service(listen, gauges=[gauge]).look(ANNOUNCED + POOL)[".pool"]

    assert (found["status"], found["observed"]) == ("warning", 5.0)
