# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Crontab lines of the maintenance guides that never run or run twice, and what we do instead.

Each test first shows the recipe failing, so that the reason for doing otherwise stays visible. A
line is run as cron does it: by ``sh -c`` in the home of its user, with a short PATH.
"""

from __future__ import annotations

import subprocess
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.schedule import units
from ansible.module_utils.upkeep.schedule.settings import TimerSettings, parse
from croniter import croniter

from upkeep.schedule.load import Schedule, load
from upkeep.schedule.starts import starts
from upkeep.schedule.timers import planned_starts

NOW: t.Final = datetime(2026, 11, 27, 7, 0, tzinfo=UTC)
YEAR: t.Final = timedelta(days=365)


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    return load(NOW)


@pytest.fixture(scope="module")
def settings(schedule: Schedule) -> TimerSettings:
    return parse({"starts": planned_starts(schedule), "lock_wait": 120})


def by_cron(line: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the command of a crontab line."""
    return subprocess.run(
        ["sh", "-c", line],
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.mark.requirement("R-fairedge-62")
def test_a_python_file_without_an_interpreter_never_runs(
    tmp_path: Path, settings: TimerSettings
) -> None:
    script = tmp_path / "warm_cache.py"
    script.write_text("print('warm')\n")

    assert by_cron(f"{script} --all", tmp_path).returncode == 126

    for name, text in units.files(settings).items():
        if name.endswith(".service") and name != units.FAILED:
            (command,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
            assert command.startswith("ExecStart=/opt/upkeep/.venv/bin/python -m upkeep run ")


@pytest.mark.requirement("R-hyperopt-16", "R-hyperopt-125")
def test_a_name_that_only_a_login_shell_finds_is_not_found(
    tmp_path: Path, settings: TimerSettings
) -> None:
    (tmp_path / "work" / "scripts").mkdir(parents=True)
    script = tmp_path / "work" / "scripts" / "weekly_db_maintenance.sh"
    script.write_text("#!/bin/sh\necho done\n")
    script.chmod(0o755)

    # The guide writes relative paths; cron starts in the home folder.
    assert by_cron("scripts/weekly_db_maintenance.sh", tmp_path).returncode == 127

    text = units.files(settings)["upkeep-weekly-hyperopt.service"]
    assert "WorkingDirectory=/opt/upkeep" in text


@pytest.mark.requirement("R-racing-22")
def test_first_monday_by_cron_is_every_monday_too(schedule: Schedule) -> None:
    # Day of the month and weekday are joined by "or".
    begin = NOW.replace(day=1) - timedelta(minutes=1)
    cron = croniter("0 5 1-7 * 1", begin)
    first_year = 0
    while cron.get_next(datetime) < begin + YEAR:
        first_year += 1

    assert first_year > 100

    (slot,) = [slot for slot in schedule.systems["racing"] if slot.cadence == "monthly"]
    ours = list(starts(slot, schedule.control.zone, begin, begin + YEAR))
    assert len({(start.year, start.month) for start in ours}) == len(ours) >= 12
    assert {(start.weekday(), start.day <= 7) for start in ours} == {(0, True)}


@pytest.mark.requirement("R-hyperopt-01", "R-hyperopt-124")
def test_a_line_in_two_crontabs_runs_twice(settings: TimerSettings) -> None:
    # The guide shows the daily job for a user's crontab, and once more for /etc/crontab.
    crontabs = ["0 9 * * *", "0 9 * * *"]
    day = {next(croniter(line, NOW, ret_type=datetime)) for line in crontabs}

    assert len(crontabs) > len(day), "two starts at one moment"

    names = [name for name in units.files(settings) if name.endswith("daily-hyperopt.timer")]
    assert names == ["upkeep-daily-hyperopt.timer"]


def test_cron_leaves_out_what_the_host_slept_over(settings: TimerSettings) -> None:
    asleep = (NOW.replace(hour=8), NOW.replace(hour=10))
    start = croniter("0 9 * * *", asleep[1]).get_next(datetime)

    assert start > asleep[1] + timedelta(hours=20), "nothing runs until the next day"

    timers = [text for name, text in units.files(settings).items() if name.endswith(".timer")]
    assert all("Persistent=true" in text for text in timers)
