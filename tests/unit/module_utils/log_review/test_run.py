# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs that are rotated while they are read, clocks that were set back, starts of units."""

from __future__ import annotations

import gzip
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.log_review import files, reading
from ansible.module_utils.upkeep.log_review import run as running
from ansible.module_utils.upkeep.log_review.settings import LogReviewError, parse

from tests.unit.module_utils.log_review.log_samples import ago, count, findings, run, source


def errors(*hours: float) -> str:
    return "".join(f"{ago(hours=hour)} ERROR app: x\n" for hour in hours)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log with five errors of this day, two of them in its rotated file."""
    path = tmp_path / "app.log"
    path.with_name("app.log.1").write_text(errors(9, 8))
    path.write_text(errors(3, 2, 1))
    return path


def rotate(log: Path) -> None:
    """Rotate as logrotate does: compress the older file, rename the live one, begin a new one."""
    first, second = log.with_name("app.log.1"), log.with_name("app.log.2.gz")
    second.write_bytes(gzip.compress(first.read_bytes()))
    os.utime(second, (first.stat().st_mtime,) * 2)
    first.unlink()
    log.rename(first)
    log.write_text("")


@pytest.mark.usefixtures("in_process")
def test_a_log_rotated_while_it_is_read_loses_and_doubles_nothing(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its files are open by then: one that is renamed or removed can be read to its end."""
    real = reading.plain
    read: list[str] = []

    def rotating(piece: files.Piece, *more: t.Any) -> t.Iterator[bytes]:
        if not read:
            rotate(log)
        read.append(piece.path.name)
        yield from real(piece, *more)

    monkeypatch.setattr(reading, "plain", rotating)

    assert count(log, pattern="ERROR") == 5
    assert read == ["app.log.1", "app.log"]
    assert count(log, pattern="ERROR") == 5, "after the rotation it is the same log"


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("place", ["after the listing", "between two files"])
def test_a_log_rotated_while_its_files_are_opened_loses_and_doubles_nothing(
    log: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    real = files._open
    calls: list[Path] = []

    def rotating(*arguments: t.Any) -> files.Piece:
        calls.append(arguments[1])
        if len(calls) == (1 if place == "after the listing" else 2):
            rotate(log)
        return real(*arguments)

    monkeypatch.setattr(files, "_open", rotating)

    assert count(log, pattern="ERROR") == 5
    assert len(calls) > 2, "its files were listed and opened once more"


@pytest.mark.usefixtures("in_process")
def test_a_log_that_is_rotated_over_and_over_is_unknown(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files._open
    calls: list[Path] = []

    def rotating(stack: t.Any, path: Path, live: bool) -> files.Piece:
        if live:
            calls.append(log.rename(log.with_name(f"app.log-{len(calls)}")))
            log.write_text("")
        return real(stack, path, live)

    monkeypatch.setattr(files, "_open", rotating)
    found = findings(
        source(paths=[str(log)], reviews=[{"name": "errors", "pattern": "ERROR", "critical": 100}])
    )

    assert {check: one["status"] for check, one in found.items()} == {"log:app": "unknown"}
    assert len(calls) == 9, "it is not tried for ever"


def test_a_clock_that_was_set_back_is_told_and_every_line_counts(tmp_path: Path) -> None:
    """A host lost its clock for a while: halving by time alone would pass over the morning."""
    path, words = tmp_path / "app.log", "INFO app: " + "x" * 60
    lines = [f"{ago(seconds=40_000 - 2 * number)} {words}\n" for number in range(20_000)]
    lines[9_000:11_000] = [
        f"1970-01-01T00:00:{number % 60:02}.000Z {words}\n" for number in range(2_000)
    ]
    lines[5_000] = lines[5_000].replace("INFO", "ERROR")
    path.write_text("".join(lines))
    found = findings(
        source(paths=[str(path)], reviews=[{"name": "errors", "pattern": "ERROR", "window": "9h"}])
    )

    assert found["log:app.errors"]["observed"] == 1
    assert (found["log:app"]["status"], "was a clock set back?" in found["log:app"]["message"]) == (
        "info",
        True,
    )


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str], None]:
    """Return a function that puts a systemctl in place which says when a unit was started."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def say(words: str) -> None:
        program = tmp_path / "systemctl"
        program.write_text(
            f'#!/bin/sh\ncase "$*" in *show*app.service) ;; *) exit 9 ;; esac\n{words}\n'
        )
        program.chmod(0o755)

    return say


@pytest.mark.requirement("R-racing-16")
def test_what_is_in_use_is_what_the_unit_said_since_its_last_start(
    tmp_path: Path, started: t.Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "app.log"
    log.write_text(
        f"{ago(hours=30)} INFO app: Using New\n{ago(hours=2)} INFO app: Using Old\n"
        f"{ago(hours=1)} INFO x\n"
    )
    asked = {
        "name": "in-use",
        "measure": "newest",
        "pattern": "Using (?:New|Old)",
        "window": "since_start",
    }

    monkeypatch.setattr(running, "boot_time", lambda: time.time() - 100 * 3600)

    def judged(hours: float) -> str:
        since_boot = int((100 - hours) * 3600 * 1e6)
        started(f"echo ExecMainStartTimestampMonotonic={since_boot}")
        found = findings(
            source(
                paths=[str(log)], unit="app.service", reviews=[{**asked, "expected": "Using Old"}]
            )
        )
        return str(found["log:app.in-use"]["status"])

    assert judged(40) == "ok"
    assert judged(3) == "ok"
    assert judged(1.5) == "unknown", "since its start it said nothing, whatever it said before"


@pytest.mark.parametrize(
    "words",
    [
        "echo",
        "echo ExecMainStartTimestampMonotonic=0",
        "exit 1",
        "echo ExecMainStartTimestampMonotonic=x",
    ],
)
def test_a_unit_that_was_never_started_makes_its_reviews_unknown(
    log: Path, started: t.Callable[[str], None], words: str
) -> None:
    started(words)
    asked = source(
        paths=[str(log)], unit="app.service", reviews=[{"name": "e", "window": "since_start"}]
    )
    found = findings(asked)

    assert {check: one["status"] for check, one in found.items()} == {"log:app": "unknown"}
    assert "when app.service was started" in found["log:app"]["message"]


def test_watching_ends_with_the_count_that_was_asked_for(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []

    def write(seconds: float) -> None:
        looks.append(seconds)
        with log.open("a") as file:
            file.write(errors(0))

    monkeypatch.setattr(time, "sleep", write)
    asked = source(paths=[str(log)], reviews=[{"name": "errors", "pattern": "ERROR"}])
    answer = run(asked, follow_seconds=3600, follow_events=3)

    assert answer["reviews"][0]["count"] == 3
    assert len(looks) == 3
    assert max(looks) <= 2, "it looks every two seconds"


def test_reviews_that_ran_at_different_times_read_from_their_own_places(
    log: Path, tmp_path: Path
) -> None:
    """One review is due daily, the other weekly: each counts what is new to itself."""
    state = str(tmp_path / "state" / "log_review.json")
    reviews = [
        {"name": name, "pattern": "ERROR", "window": "since_last_run", "cadences": cadences}
        for name, cadences in (("daily", ["daily"]), ("weekly", ["weekly"]))
    ]
    asked = source(paths=[str(log)], reviews=[*reviews, {"name": "all", "pattern": "ERROR"}])

    def counted(cadence: str) -> dict[str, int]:
        rows = run(asked, cadence=cadence, state=state)["reviews"]
        return {row["check"].removeprefix("log:app."): row["count"] for row in rows}

    assert counted("weekly") == {"weekly": 5, "all": 5}
    log.write_text(log.read_text() + errors(0.1))
    assert counted("daily") == {"daily": 6, "all": 6}
    log.write_text(log.read_text() + errors(0))
    assert counted("") == {"daily": 1, "weekly": 2, "all": 7}
    assert counted("") == {"daily": 0, "weekly": 0, "all": 7}


def test_a_review_of_the_journal_counts_each_entry_in_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    tool, entries = tmp_path / "journalctl", tmp_path / "entries"
    tool.write_text(f"#!/bin/sh\ncat {entries}\n")
    tool.chmod(0o755)
    state = str(tmp_path / "state" / "log_review.json")
    review = {"name": "new", "pattern": "x", "window": "since_last_run"}
    asked = source(kind="journal", units=["app.service"], reviews=[review])

    def write(*ages: float) -> None:
        moments = [int((time.time() - age) * 1e6) for age in ages]
        rows = [f'{{"__REALTIME_TIMESTAMP": "{moment}", "MESSAGE": "x"}}' for moment in moments]
        with entries.open("a") as file:
            file.write("".join(f"{row}\n" for row in rows))

    def counted() -> int:
        return int(run(asked, state=state)["reviews"][0]["count"])

    write(60, 30)
    assert [counted(), counted()] == [2, 0]
    write(0.5)
    assert counted() == 0, "the entries of the last two seconds are left to the next run"
    monkeypatch.setattr(running, "_SETTLING", 0.0)
    assert [counted(), counted()] == [1, 0]


def test_a_count_is_given_for_a_part_of_the_window(log: Path) -> None:
    review = {"name": "errors", "pattern": "ERROR", "window": "10h", "per": "1h", "warning": 0.4}
    found = findings(source(paths=[str(log)], reviews=[review]))["log:app.errors"]

    assert found["status"] == "warning"
    assert found["observed"] == 0.5
    assert found["unit"] == "events in 1 h"
    assert "0.5 in 1 h on average; 5 in the last 10 h" in found["message"]


@pytest.mark.parametrize(
    "changes", [{"window": "today"}, {"worst_of": "1h"}, {"measure": "share"}, {"per": "an hour"}]
)
def test_a_count_for_a_part_needs_a_window_that_is_a_length(changes: dict[str, str]) -> None:
    review = {"name": "errors", "pattern": "x", "window": "24h", "per": "1h", **changes}

    with pytest.raises(LogReviewError):
        parse({"sources": [source(paths=["/a"], reviews=[review])]})


@pytest.mark.parametrize(
    "review",
    [
        {"warning": 0},
        {"warning": 0, "worst_of": "1h"},
        {"warning": 0, "per": "1h"},
        {"warning": 0, "measure": "share"},
        {"warning": 0, "measure": "ranking", "by": "level"},
    ],
)
def test_the_advice_of_a_profile_takes_the_place_of_the_usual_one(
    log: Path, review: dict[str, t.Any]
) -> None:
    asked = {"name": "errors", "pattern": "ERROR", "window": "10h", "advice": "add workers"}
    [kept] = [
        one
        for check, one in findings(source(paths=[str(log)], reviews=[{**asked, **review}])).items()
        if check == "log:app.errors"
    ]

    assert kept["status"] == "warning"
    assert ": add workers." in kept["message"]
    assert "newest first" not in kept["message"]
