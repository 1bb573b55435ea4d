# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units as systemd takes them: each promise of the role stands in one of their lines."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.schedule import units
from ansible.module_utils.upkeep.schedule.settings import TimerOptionError, parse

START: dict[str, t.Any] = {
    "system": "shop",
    "playbook": "weekly",
    "on_calendar": "Sun *-*-* 02:00:00 UTC",
    "words": "Sunday 02:00",
    "time_limit": 60,
    "waits": True,
}


def written(**values: t.Any) -> dict[str, str]:
    return units.files(parse({"starts": [START], "lock_wait": 120, **values}))


def test_a_start_has_a_timer_and_a_service_and_all_have_one_unit_for_failures():
    assert set(written()) == {
        "upkeep-failed@.service",
        "upkeep-weekly-shop.service",
        "upkeep-weekly-shop.timer",
    }
    assert all(text.startswith(units.MARK) for text in written().values())


@pytest.mark.parametrize(
    "line",
    [
        "OnCalendar=Sun *-*-* 02:00:00 UTC",
        "Persistent=true",
        "RandomizedDelaySec=60",
        "FixedRandomDelay=true",
    ],
)
def test_the_timer_makes_up_for_starts_and_spreads_them(line: str):
    assert line in written()["upkeep-weekly-shop.timer"].splitlines()


@pytest.mark.parametrize(
    "line",
    [
        # the time limit, the wait for the lock, and a margin
        "TimeoutStartSec=185min",
        "KillMode=mixed",
        "OnFailure=upkeep-failed@%n.service",
        "User=upkeep",
        "MemoryMax=2G",
        "StateDirectoryMode=0700",
        "EnvironmentFile=-/etc/upkeep/environment",
        "ExecStart=/opt/upkeep/.venv/bin/python -m upkeep run weekly --limit=shop"
        " --extra-vars=lock_wait_minutes=120 --scheduled"
        " --artifacts=%S/upkeep-schedule/weekly-shop --keep=30",
    ],
)
def test_the_service_is_bounded_and_leaves_its_output(line: str):
    assert line in written()["upkeep-weekly-shop.service"].splitlines()


def test_a_run_that_only_looks_waits_for_nothing():
    service = written(starts=[{**START, "waits": False}])["upkeep-weekly-shop.service"]

    assert "lock_wait_minutes" not in service
    assert "TimeoutStartSec=65min" in service


def test_systemd_takes_the_units(tmp_path: Path):
    given = {"checkout": str(tmp_path), "python": "/bin/true", "user": "root"}
    for name, text in written(**given, on_failure="/bin/true").items():
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.glob("upkeep-weekly-*")],
        env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "upkeep" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"user": "root\nExecStartPre=/bin/sh"}, "user is 'root\\nExec"),
        ({"checkout": "/opt/my upkeep"}, "checkout is '/opt/my upkeep'"),
        ({"python": "/bin/sh -c x;"}, "python is"),
        ({"starts": [{**START, "system": "../x"}]}, "system is '../x'"),
        ({"starts": [{**START, "on_calendar": "daily\n[Service]"}]}, "on_calendar is"),
        ({"starts": [{**START, "words": "x\ny"}]}, "words is"),
        ({"starts": [START, START]}, "duplicate start 'weekly-shop'"),
        ({"memory_max": "much"}, "memory_max is 'much'"),
        ({"random_delay": 601}, "random_delay is 601"),
        ({"on_failure": "/usr/bin/mail uid=0(root) gid=0(root) groups=0(root)"}, "on_failure is"),
    ],
)
def test_what_would_write_a_line_of_its_own_is_refused(values: dict[str, t.Any], words: str):
    with pytest.raises(TimerOptionError) as refused:
        written(**values)

    assert words in str(refused.value)
