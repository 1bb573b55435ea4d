# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verb `schedule`: next starts for people, rules for programs, problems in lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from upkeep.__main__ import main
from upkeep.commands.schedule import as_text
from upkeep.schedule.load import Schedule
from upkeep.schedule.settings import parse_control, parse_slots

NOW = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)


def test_the_shipped_schedule_is_shown(capsys: pytest.CaptureFixture[str]):
    assert main(["schedule", "--system", "hyperopt"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == "Times of UTC; a run waits for a lock at most 120 min."
    assert "  weekly          Sunday 02:00, at most 60 min" in lines
    assert sum(line.startswith("    ") for line in lines) == 5


def test_next_starts_name_frozen_days_and_what_never_starts():
    control = parse_control(
        {
            "zone": "Europe/Berlin",
            "frozen_days": [{"first": "2026-11-28", "last": "2026-11-28", "reason": "moving"}],
        }
    )
    schedule = Schedule(control, {"shop": parse_slots({"daily": {"hour": 9}})})

    assert list(as_text(schedule, NOW, 2)) == [
        "Times of Europe/Berlin; a run waits for a lock at most 120 min.",
        "\nshop",
        "  daily           09:00, at most 30 min",
        "  never started: quarter_hourly, hourly, weekly, monthly, quarterly",
        "    Fri 2026-11-27 09:00  daily",
        "    Sat 2026-11-28 09:00  daily  left out: moving",
    ]


def test_json_has_the_rules_of_each_slot(capsys: pytest.CaptureFixture[str]):
    assert main(["schedule", "--json", "--count", "2"]) == 0
    shown = json.loads(capsys.readouterr().out)
    racing = next(item for item in shown["systems"] if item["system"] == "racing")
    monthly = next(slot for slot in racing["slots"] if slot["cadence"] == "monthly")

    assert shown["zone"] == "UTC"
    assert monthly["rule"] == "first Monday 05:00"
    assert monthly["on_calendar"] == "Mon *-*-01..07 05:00:00 UTC"
    assert monthly["rrule"].endswith("RRULE:FREQ=MONTHLY;INTERVAL=1;BYDAY=MO;BYSETPOS=1")
    assert monthly["requirements"] == ["R-racing-22"]
    assert len(monthly["starts"]) == 2
    assert len(racing["starts"]) == 2


def test_each_problem_is_a_line_and_the_code_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "schedule.yml").write_text("zone: Europe/Berlin\n")
    code = main(["schedule", "--control", str(tmp_path / "schedule.yml")])
    captured = capsys.readouterr()

    assert code == 2
    assert captured.out == ""
    assert all(line.startswith("upkeep: ") for line in captured.err.splitlines())
    assert "upkeep: hyperopt: system_schedule.weekly is at 02:00" in captured.err


def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["schedule", "--control", str(tmp_path / "nothing.yml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
