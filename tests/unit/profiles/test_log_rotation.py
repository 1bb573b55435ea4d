# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs of the shipped profiles under the real logrotate: set aside, compressed, removed in time.

Their files are in a folder of the test, and belong to whoever runs it.
"""

from __future__ import annotations

import getpass
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost
from ansible.module_utils.upkeep.log_rotation.run import RotationOutcome, run
from ansible.module_utils.upkeep.log_rotation.settings import CADENCE_DAYS, parse

from tests import evidence
from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE
from tests.unit.profiles.limits import Entry, profile
from tools import PROJECT, profiles

DAY: t.Final = 86400.0
LOGS: t.Final = [
    pytest.param(system, log, id=f"{system}-{log['name']}")
    for system in profiles.systems(PROJECT)
    for log in profile(system)["system_log_files"]
]


class Host:
    """The logs of one entry below a folder of the test."""

    def __init__(self, root: Path, log: Entry) -> None:
        self.root = root
        (root / "logs").mkdir()
        (root / "logrotate.conf").write_text(f"include {root}/upkeep\n")
        (root / "logrotate.conf").chmod(0o644)
        self.state = root / "status"
        names = [path.rpartition("/")[2] for path in log["paths"]]
        user = getpass.getuser()
        self.entry = {**log, "paths": [f"{root}/logs/{name}" for name in names]}
        self.entry |= {"owner": user, "group": user}
        self.name = names[0].replace("*", "app")

    def put(self, ending: str, text: str = "line\n") -> Path:
        """Write the log, or one that was rotated from it."""
        path = self.root / "logs" / (self.name + ending)
        path.write_text(text)

        return path

    def last_rotated(self, days: float) -> None:
        """Have logrotate believe that it rotated the log so many days ago."""
        stamp = time.strftime("%Y-%-m-%-d-%H:%M:%S", time.localtime(time.time() - days * DAY))
        path = self.root / "logs" / self.name
        self.state.write_text(f'logrotate state -- version 2\n"{path}" {stamp}\n')

    def rotate(self) -> RotationOutcome:
        """Return what a run does."""
        options = {
            "logs": [self.entry],
            "config_path": str(self.root / "upkeep"),
            "state_path": str(self.state),
        }
        host = LogrotateHost(LOGROTATE, str(self.root / "logrotate.conf"))

        return run(parse(options), host, False)


def ending(days: float) -> str:
    """Return what a name gets when its log is rotated so many days ago."""
    return time.strftime("-%Y%m%d-%H%M%S", time.localtime(time.time() - days * DAY))


def of_log(outcome: RotationOutcome, name: str) -> list[Finding]:
    """Return the findings on a log."""
    return [found for found in outcome.findings if found["check"].startswith(f"log:{name}")]


@pytest.mark.parametrize(("system", "log"), LOGS)
def test_it_is_set_aside_after_its_period(tmp_path: Path, system: str, log: Entry) -> None:
    host = Host(tmp_path, log)
    live = host.put("")
    host.last_rotated(CADENCE_DAYS[log["cadence"]] + 1)
    outcome = host.rotate()

    assert outcome.rotated == [str(live)]
    assert live.read_text() == ""
    [aside] = (tmp_path / "logs").glob(f"{host.name}-*")
    assert aside.read_text() == "line\n"
    assert host.rotate().changed is False
    evidence.add(system, of_log(outcome, log["name"]), f"rotated {log['cadence']}")


@pytest.mark.parametrize(("system", "log"), LOGS)
def test_what_was_set_aside_is_compressed_in_time(tmp_path: Path, system: str, log: Entry) -> None:
    host = Host(tmp_path, log)
    host.put("", "")
    host.last_rotated(0)
    days = log["compress_after_days"]
    young, late = host.put(ending(days - 0.1)), host.put(ending(days + 0.1))
    outcome = host.rotate()

    assert outcome.compressed == [str(late)]
    assert young.exists()
    assert Path(f"{late}.zst").exists()
    evidence.add(system, of_log(outcome, log["name"]), f"compressed after {days} days")


@pytest.mark.parametrize(("system", "log"), LOGS)
def test_what_is_past_its_time_goes(tmp_path: Path, system: str, log: Entry) -> None:
    host = Host(tmp_path, log)
    host.put("", "")
    host.last_rotated(0)
    days = log["keep_days"]
    kept = host.put(f"{ending(days - 0.1)}.gz")
    old = host.put(f"{ending(days + 0.1)}.gz")
    outcome = host.rotate()

    assert outcome.removed == [str(old)]
    assert kept.exists()
    evidence.add(system, of_log(outcome, log["name"]), f"removed after {days} days")
