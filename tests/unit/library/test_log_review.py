# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module log_review: good, bad and missing logs, windows, state, and bad input."""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_review import run as reviewing

from library import log_review
from tests.unit.library.module_calls import Call, by_check, caller
from tests.unit.module_utils.log_review.log_samples import ago

FIELDS: t.Final = ["timestamp", "level", "message", "request_id"]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    run = caller(log_review, capsys)
    return lambda **arguments: run(
        **{"state": str(tmp_path / "state" / "log_review.json"), **arguments}
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log of text: two errors within a day, one of them a traceback, and older ones."""
    lines = [
        f"{ago(hours=50)} ERROR app: old",
        f"{ago(hours=30)} ERROR app: yesterday's",
        f"{ago(hours=3)} INFO app: fine",
        f"{ago(hours=2)} ERROR app: job 17 failed",
        "Traceback (most recent call last):",
        '  File "app.py", line 1, in <module>',
        "ValueError: ERROR in Exception",
        f"{ago(minutes=5)} ERROR app: job 18 failed",
    ]
    path = tmp_path / "app.log"
    path.write_text("\n".join(lines) + "\n")

    return path


def entry(path: Path, *reviews: dict[str, t.Any], **keys: t.Any) -> dict[str, t.Any]:
    return {"name": "app", "paths": [str(path)], "reviews": list(reviews), **keys}


@pytest.mark.requirement("R-racing-07", "R-racing-12", "R-student_success-104")
@pytest.mark.parametrize("check_mode", [True, False])
def test_errors_of_a_window_are_counted_once_each_and_shown(
    call: Call, log: Path, check_mode: bool
) -> None:
    day = {
        "name": "day",
        "pattern": "ERROR|Exception",
        "warning": 1,
        "critical": 10,
        "requirements": ["R-racing-07"],
    }
    hour = {"name": "hour", "pattern": "ERROR|Exception", "window": "1h", "critical": 50}
    for _ in range(2):
        answer = call(sources=[entry(log, day, hour)], _ansible_check_mode=check_mode)
        found = by_check(answer)

        assert answer["changed"] is False
        assert (found["log:app.day"]["observed"], found["log:app.day"]["status"]) == (2, "warning")
        assert (found["log:app.hour"]["observed"], found["log:app.hour"]["status"]) == (1, "ok")
        assert found["log:app.day"]["requirements"] == ["R-racing-07"]
        assert "job # failed" in found["log:app.day"]["message"]

        lines = answer["reviews"][0]["lines"]

        assert [line.split()[4:6] for line in lines] == [["17", "failed"], ["18", "failed"]]
        assert "ValueError" in lines[0]
        assert not (log.parent / "state").exists()


def test_beyond_the_upper_limit_is_critical_and_a_limit_itself_is_fine(
    call: Call, log: Path
) -> None:
    statuses = []
    for limit in (1, 2):
        answer = call(
            sources=[entry(log, {"name": "errors", "levels": ["error"], "critical": limit})]
        )
        statuses.append(by_check(answer)["log:app.errors"]["status"])

    assert statuses == ["critical", "ok"]


@pytest.mark.requirement("R-racing-07")
@pytest.mark.parametrize("optional", [False, True])
def test_a_missing_log_is_unknown_and_not_zero(call: Call, tmp_path: Path, optional: bool) -> None:
    missing = entry(
        tmp_path / "none.log",
        {"name": "errors", "pattern": "ERROR", "critical": 0},
        optional=optional,
    )
    answer = call(sources=[missing])

    assert {found["status"] for found in answer["findings"]} == {"info" if optional else "unknown"}
    assert set(by_check(answer)) == {"log:app"}
    assert "Not reviewed: errors." in by_check(answer)["log:app"]["message"]
    assert answer["reviews"] == []


def test_a_silent_log_an_empty_one_and_one_of_the_future(call: Call, log: Path) -> None:
    def judged(text: str | None = None, **keys: t.Any) -> tuple[str, str]:
        if text is not None:
            log.write_text(text)
        found = by_check(call(sources=[entry(log, {"name": "any"}, **keys)]))["log:app"]
        return found["status"], found["message"]

    assert judged(silent_after="1h")[0] == "ok"

    status, message = judged(f"{ago(hours=5)} INFO app: last words\n", silent_after="1h")

    assert (status, message[:23]) == ("warning", "It has no line since 20")
    assert judged("", silent_after="1h") == (
        "warning",
        "It has no line at all: look whether the service works and where it logs to.",
    )
    assert judged("")[0] == "ok"
    assert (
        judged(f"{ago(days=-2)} INFO app: to come\n{ago(minutes=1)} INFO app: now\n")[0]
        == "warning"
    )
    assert judged("no stamp\nat all\n")[0] == "unknown"


@pytest.mark.requirement("R-fairedge-29", "R-trailblaze-35", "R-trailblaze-36")
@pytest.mark.parametrize(
    ("line", "status", "word"),
    [
        (
            '{"timestamp": "%s", "level": "INFO", "message": "x", "request_id": null}',
            "ok",
            "have their fields",
        ),
        ('{"timestamp": "%s", "level": "INFO", "message": "x"}', "warning", "request_id (1 of 2)"),
        (
            '{"timestamp": "%s", "level": null, "message": "x", "request_id": null}',
            "warning",
            "level (1 of 2)",
        ),
        ("print() says hello, not JSON", "warning", "around the logger"),
        ('{"timestamp": "%s", "level"', "warning", "around the logger"),
    ],
)
def test_records_must_have_their_fields(
    call: Call, log: Path, line: str, status: str, word: str
) -> None:
    good = {"timestamp": ago(minutes=9), "level": "INFO", "message": "x", "request_id": "req_1"}
    log.write_text(f"{json.dumps(good)}\n{line.replace('%s', ago(minutes=5))}\n")
    found = by_check(call(sources=[entry(log, format="json", fields=FIELDS)]))["log:app.format"]
    assert (found["status"], word in found["message"]) == (status, True), found


def test_shares_durations_and_rankings_of_json(call: Call, log: Path) -> None:
    def record(minutes: int, status: int, address: str) -> str:
        fields = {
            "status_code": status,
            "duration_ms": minutes * 10.0,
            "context": {"client_ip": address},
        }
        return json.dumps(
            {"timestamp": ago(minutes=minutes), "level": "INFO", "message": "request", **fields}
        )

    rows = [record(40 - n, 500 if n % 10 == 0 else 200, f"192.0.2.{n % 4}") for n in range(40)]
    log.write_text("\n".join(rows) + "\n")
    reviews = [
        {
            "name": "failing",
            "measure": "share",
            "pattern": '"status_code": 5',
            "warning": 5,
            "critical": 50,
        },
        {
            "name": "few",
            "measure": "share",
            "pattern": '"status_code": 5',
            "warning": 5,
            "least_events": 100,
        },
        {
            "name": "slow",
            "measure": "duration",
            "number": "duration_ms",
            "figure": "p95",
            "warning": 300,
            "unit": "ms",
        },
        {"name": "slow-ones", "number": "duration_ms", "more_than": 390},
        {"name": "addresses", "measure": "ranking", "by": "context.client_ip", "critical": 9},
        {"name": "statuses", "measure": "ranking", "by": "status_code"},
    ]
    answer = call(sources=[entry(log, *reviews, format="json")])
    found = by_check(answer)
    observed = {
        check.split(".")[1]: (item["observed"], item["status"])
        for check, item in found.items()
        if "." in check
    }

    assert observed["failing"] == (10.0, "warning")
    assert observed["few"] == (None, "info")
    assert observed["slow"][1] == "warning"
    assert observed["slow"][0] == pytest.approx(380, rel=0.01)
    assert observed["slow-ones"] == (1, "info")
    assert observed["addresses"] == (10, "critical")

    groups = {row["check"]: row["groups"] for row in answer["reviews"]}

    assert groups["log:app.statuses"] == [
        {"value": "200", "count": 36},
        {"value": "500", "count": 4},
    ]


@pytest.mark.requirement("R-trailblaze-20", "R-trailblaze-32")
def test_the_worst_part_of_a_window_is_judged(call: Call, log: Path) -> None:
    asked = {
        "name": "failed",
        "measure": "share",
        "pattern": "answered 5",
        "of": "answered",
        "window": "15m",
    }
    asked |= {"worst_of": "5m", "warning": 5, "least_events": 20}

    def judged(*parts: tuple[float, int, int]) -> tuple[str, t.Any, str]:
        """Return the judgement on a log of (minutes ago, failed requests, all requests)."""
        lines = [
            f"{ago(minutes=minutes)} INFO app: answered {500 if number < failed else 200}\n"
            for minutes, failed, of in parts
            for number in range(of)
        ]
        log.write_text("".join(lines))
        found = by_check(call(sources=[entry(log, asked)]))["log:app.failed"]

        return found["status"], found["observed"], found["message"]

    status, observed, message = judged((12, 0, 100), (7, 3, 30), (2, 1, 100))

    assert (status, observed) == ("warning", 10.0), "2 % of the quarter of an hour"
    assert message.startswith("3 against 30 in the worst 5 minutes, up to 20")
    assert judged((12, 5, 100), (7, 0, 100))[:2] == ("ok", 5.0)
    assert judged((20, 50, 50), (7, 0, 30))[:2] == ("ok", 0.0), "that was before"

    status, observed, message = judged((12, 19, 19), (7, 19, 19), (2, 0, 2))

    assert (status, observed) == ("info", None)
    assert message.startswith(
        "Not enough events to judge (38 of 40, at least 20 in 5 minutes) in the last 15 minutes."
    )

    asked.pop("of")

    assert judged((7, 3, 30))[:2] == ("warning", 10.0), "of all events"


@pytest.mark.parametrize(
    ("window", "part"), [("15m", "20m"), ("15m", "x"), ("1h", "1s"), ("today", "5m")]
)
def test_a_part_that_does_not_fit_its_window_is_refused(
    call: Call, log: Path, window: str, part: str
) -> None:
    asked = {"name": "failed", "measure": "share", "window": window, "worst_of": part}
    answer = call(sources=[entry(log, asked)])

    assert (answer["failed"], f"worst_of is '{part}'" in answer["msg"]) == (
        True,
        True,
    )

    duration = {"name": "all", "measure": "duration", "number": "ms", "worst_of": "5m"}
    answer = call(sources=[entry(log, duration)])

    assert "worst_of does not go with measure duration" in answer["msg"]


@pytest.mark.requirement("R-racing-21")
def test_durations_are_held_against_the_window_before(call: Call, log: Path) -> None:
    def judged(growth: int) -> tuple[str, bool]:
        times = [(90, 100), (80, 100), (30, 100 + growth), (20, 100 + growth)]
        log.write_text("".join(f"{ago(minutes=m)} INFO app: took {ms} ms\n" for m, ms in times))
        asked = {
            "measure": "duration",
            "pattern": r"took (?P<ms>\d+) ms",
            "number": "ms",
            "trend_percent": 20,
        }
        found = by_check(call(sources=[entry(log, {"name": "time", "window": "1h", **asked})]))[
            "log:app.time"
        ]

        return found["status"], f"+{growth} %" in found["message"]

    assert [judged(10), judged(50)] == [("ok", True), ("warning", True)]


@pytest.mark.requirement("R-racing-68")
def test_a_count_is_held_against_the_window_before(call: Call, log: Path) -> None:
    def judged(now: int, before: int, first: int = 119) -> tuple[str, str]:
        moments = [first] * (before > 0) + [70] * (before - 1) + [10] * now
        log.write_text("".join(f"{ago(minutes=m)} INFO app: Request processed\n" for m in moments))
        asked = {"pattern": "Request", "window": "1h", "trend_percent": 80, "least_events": 5}
        found = by_check(call(sources=[entry(log, {"name": "traffic", **asked})]))[
            "log:app.traffic"
        ]

        return found["status"], found["message"].partition(": ")[2]

    assert judged(10, 10) == ("ok", "+0 % against the previous one (10).")
    assert judged(19, 10)[0] == "warning"
    assert judged(1, 10)[0] == "warning"
    assert judged(0, 10)[0] == "warning"
    assert judged(18, 10)[0] == "ok"

    nothing = ("ok", "nothing to compare with in the previous window.")

    assert [judged(50, 4), judged(50, 10, first=80), judged(0, 0)] == [nothing] * 3


@pytest.mark.requirement("R-racing-16")
def test_the_newest_line_decides(call: Call, log: Path) -> None:
    def judged(*lines: str) -> str:
        log.write_text(
            "".join(f"{ago(minutes=10 - n)} INFO {line}\n" for n, line in enumerate(lines))
        )
        asked = {
            "measure": "newest",
            "pattern": "Using .*Predictor",
            "expected": "Using SimplePredictor",
        }
        found = by_check(call(sources=[entry(log, {"name": "predictor", **asked})]))[
            "log:app.predictor"
        ]

        return str(found["status"])

    assert judged("Using SimplePredictor", "Using OldPredictor") == "critical"
    assert judged("Using OldPredictor", "Using SimplePredictor") == "ok"
    assert judged("nothing") == "unknown"


def test_secrets_are_found_and_never_shown(call: Call, log: Path) -> None:
    log.write_text(
        f"{ago(minutes=3)} INFO login password=hunter2hunter of ada@example.org\n"
        f"{ago(minutes=2)} INFO signing key masked, password=masked token: expired\n"
        f"{ago(minutes=1)} INFO connect postgresql://app:s3cr3tword@db.example.org/app\n"
    )
    answer = call(
        sources=[entry(log, {"name": "secrets", "secrets": True, "warning": 0}, {"name": "lines"})]
    )
    found = by_check(answer)["log:app.secrets"]

    assert (found["observed"], found["status"]) == (2, "warning")
    assert "Change what was given away" in found["message"]

    text = json.dumps(answer)
    for hidden in ("hunter2", "s3cr3t", "ada@"):
        assert hidden not in text

    assert "password=***" in text


def test_since_the_last_run_counts_each_line_once(call: Call, log: Path) -> None:
    new = entry(log, {"name": "new", "pattern": "ERROR", "window": "since_last_run"})
    state = log.parent / "state" / "log_review.json"

    def counted(**arguments: t.Any) -> int:
        return int(by_check(call(sources=[new], **arguments))["log:app.new"]["observed"])

    assert counted(_ansible_check_mode=True) == 2
    assert not state.exists()
    assert [counted(), counted()] == [2, 0]

    with log.open("a") as file:
        file.write(f"{ago(seconds=0)} ERROR app: one more\n")

    assert counted(_ansible_check_mode=True) == 1
    assert [counted(), counted()] == [1, 0]

    state.write_text("{broken")
    answer = call(sources=[new])

    assert by_check(answer)["log:app.new"]["observed"] == 3
    assert by_check(answer)["log:state"]["status"] == "info"
    assert json.loads(state.read_text())["version"] == 2
    assert os.listdir(state.parent) == [state.name]  # noqa: PTH208 - names only


def test_a_state_that_cannot_be_written_is_told(call: Call, log: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    new = entry(log, {"name": "new", "window": "since_last_run"})
    found = by_check(call(sources=[new], state=str(tmp_path / "file" / "state.json")))
    assert (found["log:state"]["status"], found["log:app.new"]["observed"]) == ("warning", 3)


def test_only_what_the_cadence_and_the_host_want_is_read(call: Call, log: Path) -> None:
    daily = {"name": "daily", "cadences": ["daily"]}
    other = {**entry(Path("/nowhere/db.log")), "name": "db", "component": "postgresql"}
    for cadence, checks in (("daily", {"log:app", "log:app.daily"}), ("weekly", {"log:none"})):
        assert (
            set(
                by_check(
                    call(sources=[entry(log, daily), other], cadence=cadence, components=["app"])
                )
            )
            == checks
        )


@pytest.mark.requirement("R-student_success-106")
def test_following_sees_only_what_is_new_and_ends_early(
    call: Call, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def here(work: t.Any, *_more: t.Any, **_limits: t.Any) -> tuple[list[t.Any], str]:
        return list(work()), ""

    monkeypatch.setattr(reviewing.isolated, "run", here)
    monkeypatch.setattr(reviewing, "INTERVAL", 0.05)
    looks = 0

    def write(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            with log.open("a") as file:
                file.write(f"{ago(seconds=0)} ERROR app: while watched\n")

    monkeypatch.setattr(time, "sleep", write)
    watched = entry(log, {"name": "errors", "pattern": "ERROR", "critical": 0})
    answer = call(sources=[watched], follow_seconds=60)

    assert (by_check(answer)["log:app.errors"]["observed"], looks) == (1, 3)

    looks = 3

    assert by_check(call(sources=[watched], follow_seconds=0.2))["log:app.errors"]["status"] == "ok"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"name": "A b", "paths": ["/x"]}, "name is 'A b'"),
        ({"name": "a"}, "paths is empty"),
        ({"name": "a", "paths": ["x"]}, "an absolute path"),
        (
            {"name": "a", "paths": ["/x"], "units": ["x.service"]},
            "units does not go with kind file",
        ),
        ({"name": "a", "kind": "journal", "units": ["--file=/etc/x"]}, "such as shop-api.service"),
        (
            {"name": "a", "paths": ["/x"], "fields": ["level"], "format": "text"},
            "set format to json",
        ),
        ({"name": "a", "paths": ["/x"], "silent_after": "soon"}, "silent_after is 'soon'"),
        ({"name": "a", "paths": ["/x"], "time_zone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"name": "a", "paths": ["/x"], "cadences": ["yearly"]}, "yearly"),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r", "pattern": "("}]},
            "pattern is not a regular",
        ),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r", "window": "24"}]},
            "window is '24'",
        ),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r", "window": "since_start"}]},
            "needs the unit",
        ),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r", "levels": ["loud"]}]},
            "loud",
        ),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r", "measure": "duration"}]},
            "needs number",
        ),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r", "of": "x"}]},
            "of does not go with",
        ),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r", "warning": -1}]},
            "warning is -1",
        ),
        (
            {"name": "a", "paths": ["/x"], "reviews": [{"name": "r"}, {"name": "r"}]},
            "duplicate name 'r'",
        ),
        (
            {
                "name": "a",
                "paths": ["/x"],
                "reviews": [{"name": "r", "measure": "newest", "pattern": "x"}],
            },
            "expected",
        ),
    ],
)
def test_bad_input_is_named(call: Call, source: dict[str, t.Any], message: str) -> None:
    answer = call(sources=[source])
    assert answer["failed"] is True
    assert message in answer["msg"]
