# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of logs that people read arrive in the finding, as many as the guides name."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest

from tests import evidence
from tests.unit.module_utils.log_review.log_samples import findings, iso, source
from tests.unit.profiles.limits import profile

#: System, log, review, number of lines, requirement, level and text of a line.
READ: t.Final = [
    ("racing", "dashboard", "errors", 20, "R-racing-12", "ERROR", "x"),
    ("student_success", "health-monitor", "newest-lines", 50, "R-student_success-06", "INFO", "x"),
    ("student_success", "automated-tests", "newest-lines", 50, "R-student_success-06", "INFO", "x"),
    ("student_success", "logs", "errors", 20, "R-student_success-104", "ERROR", "x"),
    ("student_success", "logs", "warnings", 20, "R-student_success-105", "WARNING", "x"),
    ("student_success", "app", "newest-lines", 50, "R-student_success-110", "INFO", "x"),
    ("student_success", "health-monitor", "newest-lines", 50, "R-student_success-110", "INFO", "x"),
    (
        "student_success",
        "automated-tests",
        "newest-lines",
        50,
        "R-student_success-110",
        "INFO",
        "x",
    ),
    ("fairedge", "celery", "retries", 20, "R-fairedge-75", "INFO", "retry"),
    ("fairedge", "api", "rate-limits", 50, "R-fairedge-106", "WARNING", "rate_limit_exceeded"),
    ("hyperopt", "system", "errors-of-an-hour", 50, "R-hyperopt-112", "ERROR", "x"),
]


@pytest.mark.parametrize(("system", "log", "review", "number", "asked", "level", "text"), READ)
def test_the_newest_lines_are_there_to_read(
    tmp_path: Path,
    system: str,
    log: str,
    review: str,
    number: int,
    asked: str,
    level: str,
    text: str,
) -> None:
    [raw] = [entry for entry in profile(system)["system_log_reviews"] if entry["name"] == log]
    [wanted] = [dict(entry) for entry in raw["reviews"] if entry["name"] == review]
    wanted.pop("cadences", None)
    path = tmp_path / "log"
    path.write_text("".join(_line(level, f"{text} {n}") for n in range(80)))
    kept = source(log, [wanted], paths=[str(path)], format="python")
    found = findings(kept)[f"log:{log}.{review}"]

    assert len(found["lines"]) == number
    assert found["lines"][-1].endswith(f"{text} 79")
    assert asked in found["requirements"]
    evidence.add(system, [found], f"{number} lines")


def _line(level: str, text: str) -> str:
    return f"{iso(time.time() - 5)} {level} services.api: {text}\n"
