# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of real programs that were once read wrongly, one test for each kind: forms and values."""

from __future__ import annotations

import datetime as dt
import json
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding

from tests.unit.module_utils.log_review.log_samples import ago, findings, run, source

ERRORS: t.Final = {"name": "errors", "levels": ["error", "critical"], "warning": 0}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return where a test writes its log."""
    return tmp_path / "app.log"


def write(path: Path, *lines: str, end: str = "\n") -> None:
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode())


def about(log: Path | str, *reviews: dict[str, t.Any], **keys: t.Any) -> dict[str, Finding]:
    """Return the findings on a log of files, by what follows its name."""
    found = findings(source(paths=[str(log)], reviews=reviews or [ERRORS], **keys))

    return {check.removeprefix("log:app").lstrip("."): one for check, one in found.items()}


def errors_of(log: Path, **keys: t.Any) -> tuple[str, t.Any]:
    """Return status and number of the errors of a day."""
    found = about(log, **keys)["errors"]

    return found["status"], found["observed"]


def at(form: str, **span: float) -> str:
    moment = dt.datetime.fromtimestamp(time.time() - dt.timedelta(**span).total_seconds(), dt.UTC)
    return moment.strftime(form)


ACCESS: t.Final = "%d/%b/%Y:%H:%M:%S +0000"


# --- what does not fit ---------------------------------------------------------------------------

EVERY_REVIEW: t.Final = [
    ERRORS,
    {"name": "words", "pattern": "error", "warning": 0},
    {"name": "secrets", "secrets": True, "warning": 0},
    {"name": "month", "pattern": "error", "window": "month"},
    {"name": "rank", "measure": "ranking", "pattern": "error (?P<word>.)", "by": "word"},
    {"name": "new", "pattern": "error", "window": "since_last_run"},
]


@pytest.mark.parametrize("declared", ["auto", "python"])
def test_reviews_of_a_log_whose_form_is_not_known_are_unknown(log: Path, declared: str) -> None:
    write(log, *[f"<{number}> the job of {at('%c')} ended with error x" for number in range(100)])
    found = about(log, *EVERY_REVIEW, format=declared)
    found.pop("log:state", None)

    assert {name: one["status"] for name, one in found.items()} == dict.fromkeys(
        ("", "errors", "words", "secrets", "month", "rank", "new"), "unknown"
    )


def test_records_whose_time_has_another_name_are_unknown(log: Path) -> None:
    write(log, *[json.dumps({"when": ago(minutes=1), "level": "ERROR"}) for _ in range(20)])

    assert errors_of(log)[0] == "unknown"
    assert errors_of(log, format="json")[0] == "unknown"
    assert errors_of(log, timestamp_key="when") == ("warning", 20)


@pytest.mark.parametrize(
    "line",
    ['{"timestamp": "%s", "level": "ERROR",}', '{"timestamp": "%s", "level": "ERROR", "mess',
     "{'timestamp': '%s', 'level': 'ERROR'}", '{\n  "timestamp": "%s",\n  "level": "ERROR"\n}'],
)  # fmt: skip
@pytest.mark.parametrize("declared", ["auto", "json"])
def test_records_that_are_not_json_are_unknown(log: Path, line: str, declared: str) -> None:
    write(log, *[line.replace("%s", ago(minutes=1)) for _ in range(20)])
    found = about(log, format=declared)

    assert [found[name]["status"] for name in ("", "errors")] == ["unknown"] * 2


def test_lines_that_look_like_events_within_an_event_are_reported(log: Path) -> None:
    lines = ['INFO:     192.0.2.1:51000 - "GET /x HTTP/1.1" 500'] * 20
    write(log, f"[{at('%Y-%m-%d %H:%M:%S +0000')}] [7] [INFO] Booting worker", *lines)

    for declared in ("auto", "gunicorn"):
        found = about(log, {"name": "failed", "pattern": '" 500', "warning": 5}, format=declared)
        assert [found[name]["status"] for name in ("", "failed")] == ["unknown"] * 2


def test_a_few_lines_that_do_not_fit_are_allowed_as_far_as_the_option_says(log: Path) -> None:
    lines = [f"{ago(minutes=9)} INFO app: x"] * 30 + [f"{ago(minutes=5)} ERROR app: x"]
    write(log, *lines, *["somebody prints"] * 2)

    assert errors_of(log, format="python", unfit_percent=10) == ("warning", 1)
    assert about(log, format="python")["errors"]["status"] == "warning", "a passed limit stays"
    assert about(log, format="python")[""]["status"] == "unknown"

    message = about(log, {**ERRORS, "warning": 5}, format="python")["errors"]["message"]

    assert "6 % of the lines do not fit the format python, as 'somebody prints'" in message


# --- levels --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("- uvicorn.error - INFO - Application startup complete.", "info"),
        ("[error-handler-1] INFO fine", "info"),
        ("INFO could not find the error page", "info"),
        ("alert INFO fine", "info"),
        ("error: [main] INFO fine", "info"),
        ("[info] <0.9.0> ERROR is a word of the message", "info"),
        ("- services.notifications.email.backends.smtp_delivery - ERROR - x", "error"),
        ("[req-5f1c0a9b-e2d4-4f7a-9e0f-aaaabbbbcccc-dddd-eeee-ffff] ERROR x", "error"),
        ("root ERROR x", "error"),
        ("[main] WARN  org.example.Main - x", "warning"),
        ("| ERROR    | app.jobs:run:12 - x", "error"),
        ("[FTL] x", "critical"),
        ("FTL x", "critical"),
        ("[error    ] cannot pay   order=7", "error"),
        ("\x1b[31mERROR\x1b[0m cannot pay", "error"),
        ("\x1b[1;31m[ERROR]\x1b[0m cannot pay", "error"),
        ('level=error msg="cannot pay"', "error"),
        ("Severe: x", "error"),
    ],
)
def test_the_level_is_where_the_format_has_it(log: Path, line: str, level: str) -> None:
    write(log, *[f"{ago(minutes=1)} {line}"] * 3)
    levels = ["debug", "info", "warning", "error", "critical"]
    reviews = [{"name": name, "levels": [name]} for name in levels]
    found = about(log, *reviews, format="python")
    seen = [name for name in levels if found[name]["observed"] == 3]

    assert seen == [level]


def test_the_host_and_path_of_a_line_are_not_its_level(log: Path) -> None:
    write(log, *[f"{at('%b %e %H:%M:%S', minutes=1)} alert-01 app[1]: INFO fine"] * 9)
    assert errors_of(log) == ("ok", 0)

    far = "ip-10-0-0-1.eu-central-1.compute.internal"
    write(log, *[f"{at('%b %e %H:%M:%S', minutes=1)} {far} app[1]: ERROR x"] * 9)
    assert errors_of(log) == ("warning", 9)

    write(log, *[f'192.0.2.1 - - [{at(ACCESS)}] "GET /error HTTP/1.1" 200 5'] * 9)
    assert errors_of(log)[0] == "unknown", "an access log has no level"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"time": 0, "level": 50, "msg": "x", "pid": 1}, ("warning", 9)),
        ({"time": 0, "level": 30, "msg": "x", "pid": 1}, ("ok", 0)),
        ({"t": {"$date": ""}, "s": "E", "msg": "x"}, ("warning", 9)),
        ({"version": "1.1", "timestamp": 0, "level": 3, "short_message": "x"}, ("warning", 9)),
        ({"timestamp": "", "level": "ERROR ", "message": "x"}, ("warning", 9)),
        ({"timestamp": "", "level": "\x1b[31merror\x1b[39m", "message": "x"}, ("warning", 9)),
        ({"reqId": "x", "level": 3, "time": "", "message": "x"}, ("warning", 9)),
        ({"ts": 0, "level": "error", "msg": "x"}, ("warning", 9)),
        ({"time": "", "level": "ERROR", "msg": "x"}, ("warning", 9)),
        ({"@timestamp": "", "level": "ERROR", "message": "x"}, ("warning", 9)),
    ],
)
def test_levels_of_records_are_read_as_their_format_means_them(
    log: Path, record: dict[str, t.Any], expected: tuple[str, int]
) -> None:
    stamps = {"": ago(minutes=1), 0: time.time() - 60}
    filled = {
        key: {"$date": ago(minutes=1)} if isinstance(value, dict) else stamps.get(value, value)
        for key, value in record.items()
    }
    write(log, *[json.dumps(filled)] * 9)

    assert errors_of(log) == expected


def test_records_without_a_level_are_counted_and_have_none(log: Path) -> None:
    records = [{"timestamp": ago(minutes=1), "level": "ERROR"}, {"timestamp": ago(minutes=1)}]
    write(log, *[json.dumps(record) for record in records] * 9)
    found = about(log, {**ERRORS, "warning": 50}, {"name": "all"})

    assert (found["all"]["observed"], found[""]["status"]) == (18, "ok")
    assert found["errors"]["status"] == "unknown"
    assert "50 % of the events name no level that is known" in found["errors"]["message"]

    records = [{"time": ago(minutes=1), "level": "ERROR"}] * 9 + [{"time": ago(minutes=1)}]
    write(log, *[json.dumps(record) for record in records] * 3)
    assert errors_of(log, unfit_percent=20) == ("warning", 27)


def test_records_none_of_whose_levels_is_known_are_unknown(log: Path) -> None:
    write(log, *[json.dumps({"timestamp": ago(minutes=1), "level": 3, "message": "x"})] * 9)

    assert errors_of(log, format="json")[0] == "unknown"
    assert errors_of(log, format="json", level_map={"3": "error"}) == ("warning", 9)


# --- numbers and values --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (0.000039, "s", 0.000039),
        (3.9e-05, "", 3.9e-05),
        ("7.98702e-05s", "s", 7.98702e-05),
        ("1.5e3", "", 1500),
        (".5", "", 0.5),
        ("-3", "", 0),
        ("250ms", "s", 0.25),
        ("1.5s", "ms", 1500),
        ("1m30s", "s", 90),
        ("900µs", "ms", 0.9),
        ("12", "ms", 12),
    ],
)
def test_numbers_are_read_as_they_are_written(
    log: Path, value: t.Any, unit: str, seconds: float
) -> None:
    write(log, *[json.dumps({"ts": time.time() - 9, "level": "info", "msg": "x", "d": value})] * 9)
    review = {"name": "d", "measure": "duration", "number": "d", "unit": unit}
    answer = run(source(paths=[str(log)], reviews=[review]))

    assert answer["reviews"][0]["average"] == pytest.approx(seconds, rel=1e-6)


def test_fast_requests_are_not_slow_ones(log: Path) -> None:
    write(log, *[json.dumps({"ts": time.time() - 9, "level": "info", "duration": 5e-05})] * 30)
    review = {"name": "slow", "number": "duration", "more_than": 1, "warning": 0}

    assert about(log, review)["slow"]["observed"] == 0


def test_values_that_are_not_numbers_make_the_review_unknown(log: Path) -> None:
    review = {"name": "slow", "number": "d", "more_than": 1, "warning": 0}
    for value in ("fast", "9" * 400, True, "1,5"):
        record = {"ts": time.time() - 9, "level": "info", "msg": "x", "d": value}
        write(log, *[json.dumps(record)] * 30)
        assert about(log, review)["slow"]["status"] == "unknown", value

    write(log, *[json.dumps({"ts": time.time() - 9, "level": "info", "msg": "x"})] * 30)
    assert about(log, review)["slow"]["status"] == "unknown", "the field has another name"

    lines = [f"{ago(minutes=1)} INFO took {value}" for value in ("900µs", "1.2s")]
    write(log, *lines)
    mixed = {"name": "t", "measure": "duration", "pattern": r"took (?P<d>\S+)", "number": "d"}
    assert about(log, mixed)["t"]["status"] == "unknown", "microseconds and seconds"
    assert about(log, {**mixed, "unit": "s"})["t"]["observed"] == pytest.approx(0.60045)


# --- times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "zone"),
    [
        ("%Y-%m-%d %H:%M:%S.123 UTC [42] ERROR:  x", "Europe/Berlin"),
        ("%Y-%m-%d %H:%M:%S GMT [42] ERROR:  x", "Europe/Berlin"),
        ("%Y-%m-%d %H:%M:%S+00 ERROR x", "Europe/Berlin"),
        ("%Y-%m-%dT%H:%M:%S.123456789012Z ERROR x", "Europe/Berlin"),
        ("%Y-%m-%d %H:%M:%S -5000 units ERROR", "UTC"),
        ("%Y-%m-%d %H:%M:%S ERROR +1200 rows", "UTC"),
    ],
)
def test_a_zone_in_the_stamp_means_what_it_says(log: Path, form: str, zone: str) -> None:
    write(log, *[at(form, minutes=90)] * 5, *[at(form, minutes=1)] * 3)
    review = {"name": "x", "pattern": "ERROR", "window": "1h"}
    found = about(log, review, time_zone=zone)

    assert (found[""]["status"], found["x"]["observed"]) == ("ok", 3)


@pytest.mark.parametrize("text", ["-5000 units booked", "+1200 rows", "+49301234567 called"])
def test_a_message_that_begins_with_a_sign_and_digits_is_not_a_zone(log: Path, text: str) -> None:
    write(log, *[f"{at('%Y-%m-%d %H:%M:%S', minutes=1)} {text}"] * 3)
    found = about(log, {"name": "x", "window": "1h"}, time_zone="UTC")

    assert (found[""]["status"], found["x"]["observed"]) == ("ok", 3)


def test_letters_of_a_zone_that_is_not_known_are_unknown(log: Path) -> None:
    write(log, *[at("%Y-%m-%d %H:%M:%S PDT [42] LOG:  x")] * 9)
    found = about(log, {"name": "x"}, format="postgresql", time_zone="Europe/Berlin")

    assert [one["status"] for one in found.values()] == ["unknown"] * 2
    assert "the zone PDT is not known" in found["x"]["message"]

    pacific = dt.datetime.now(dt.UTC).astimezone(dt.timezone(dt.timedelta(hours=-8)))
    write(log, *[f"{pacific:%Y-%m-%d %H:%M:%S} PST [42] LOG:  x"] * 9)
    summer = "America/Los_Angeles"
    found = about(log, {"name": "x", "window": "1h"}, format="postgresql", time_zone=summer)
    assert found["x"]["status"] in ("info", "unknown"), "by the season"


def test_stamps_without_a_year_are_not_after_the_file_and_go_back_over_new_year(
    log: Path,
) -> None:
    today = dt.datetime.now(dt.UTC)
    months = [today - dt.timedelta(days=days) for days in (366, 300, 200, 100, 0)]
    stamps = [f"{moment:%b %e} {at('%H:%M:%S', minutes=1)}" for moment in months]
    write(log, *[f"{stamp} host app[1]: x" for stamp in stamps for _ in range(3)])

    found = about(log, {"name": "x", "pattern": "x"}, time_zone="UTC")
    assert found["x"]["observed"] == 3

    old = log.with_name("app.log.1")
    write(old, *[f"{stamps[-1]} host app[1]: x"] * 10)
    os.utime(old, (time.time() - 365 * 86400,) * 2)
    assert about(log, {"name": "x", "pattern": "x"}, time_zone="UTC")["x"]["observed"] == 3


def test_the_newest_line_is_the_newest_time(log: Path) -> None:
    def request(address: str, **span: float) -> str:
        return f'{address} - - [{at(ACCESS, **span)}] "GET / HTTP/1.1" 200 5'

    write(
        log,
        request("203.0.113.9", hours=30),
        request("192.0.2.1", minutes=1),
        request("198.51.100.7", hours=2),
    )
    found = about(log, {"name": "all"}, silent_after="1h")

    assert found[""]["status"] == "ok"
