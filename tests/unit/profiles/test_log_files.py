# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rotation of the shipped profiles, by the real logrotate on files of a temporary folder."""

from __future__ import annotations

import getpass
import os
import time
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.log_rotation.findings import GRACE_DAYS
from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost
from ansible.module_utils.upkeep.log_rotation.run import RotationOutcome, run
from ansible.module_utils.upkeep.log_rotation.settings import DATE_FORMAT, parse

from tests import evidence
from tests.unit.module_utils.log_rotation.logrotate_samples import LOGROTATE
from tests.unit.profiles.limits import Entry, profile
from tools import PROJECT, profiles

DAY: t.Final = 86400
#: Days after which a log of a cadence is due.
DUE: t.Final = {"daily": 2, "weekly": 8, "monthly": 40}
MEGABYTE: t.Final = 2**20
LOGS: t.Final = [
    pytest.param(system, entry, id=f"{system}-{entry['name']}")
    for system in profiles.systems(PROJECT)
    for entry in profile(system)["system_log_files"]
]


class Host:
    """A host with one log of a profile."""

    def __init__(self, folder: Path, entry: Entry) -> None:
        self.folder, user = folder, getpass.getuser()
        paths = [f"{folder}{path}" for path in entry["paths"]]
        self.log = Path(paths[0].replace("*", "app"))
        self.log.parent.mkdir(parents=True)
        self.entry = {**entry, "paths": paths, "owner": user, "group": user}
        main = folder / "logrotate.conf"
        main.write_text(f"include {folder}/upkeep\n")
        main.chmod(0o644)
        self._main = str(main)

    def write(self, size: int, days: float = 1.0) -> None:
        """Write a log of so many bytes that was last rotated so many days ago."""
        self.log.write_bytes(b"")
        os.truncate(self.log, size)
        moment = datetime.now(UTC) - timedelta(days=days)
        stamp = f"{moment.year}-{moment.month}-{moment.day}-{moment.hour}:0:0"
        (self.folder / "state").write_text(f'logrotate state -- version 2\n"{self.log}" {stamp}\n')

    def rotated(self, days: float, suffix: str = ".gz") -> Path:
        """Return a file that was rotated so many days ago."""
        moment = time.time() - days * DAY
        name = time.strftime(DATE_FORMAT, time.localtime(moment))
        path = self.log.with_name(f"{self.log.name}{name}{suffix}")
        path.write_bytes(b"\x1f\x8b" if suffix else b"line\n")
        os.utime(path, (moment, moment))

        return path

    def run(self, *, check_mode: bool = True) -> RotationOutcome:
        """Return the outcome of the module's run."""
        config, state = str(self.folder / "upkeep"), str(self.folder / "state")
        settings = parse({"logs": [self.entry], "config_path": config, "state_path": state})

        return run(settings, LogrotateHost(LOGROTATE, self._main), check_mode)


def finding(outcome: RotationOutcome, entry: Entry, aspect: str = "") -> Finding:
    """Return the finding on a log or on one aspect of it."""
    check = f"log:{entry['name']}.{aspect}".rstrip(".")

    return next(one for one in outcome.findings if one["check"] == check)


@pytest.mark.parametrize(("system", "entry"), LOGS)
def test_a_log_is_due_in_its_cadence(tmp_path: Path, system: str, entry: Entry) -> None:
    host = Host(tmp_path, entry)
    host.write(10, days=0.01)
    early = host.run().rotated
    host.write(10, days=DUE[entry["cadence"]])
    late = host.run(check_mode=False)

    assert early == []
    assert late.rotated == [str(host.log)]
    assert finding(late, entry)["status"] == "ok"

    evidence.add(system, [finding(late, entry)], entry["cadence"])


@pytest.mark.parametrize(("system", "entry"), LOGS)
def test_a_large_log_is_due_at_once(tmp_path: Path, system: str, entry: Entry) -> None:
    limit = int(entry["max_size"].removesuffix("M")) * MEGABYTE
    host = Host(tmp_path, entry)
    host.write(limit, days=0.01)
    inside = host.run()
    host.write(limit + 1, days=0.01)
    outside = host.run()

    assert inside.rotated == []
    assert finding(inside, entry, "size")["status"] == "ok"
    assert outside.rotated == [str(host.log)]
    assert finding(outside, entry, "size")["status"] == "warning"

    evidence.add(system, [finding(outside, entry, "size")], f"max_size {entry['max_size']}")


@pytest.mark.parametrize(("system", "entry"), LOGS)
def test_old_logs_are_removed_after_their_days(tmp_path: Path, system: str, entry: Entry) -> None:
    days = entry["keep_days"]
    host = Host(tmp_path, entry)
    host.write(10, days=0.01)
    kept, gone = host.rotated(days - 0.1), host.rotated(days + 0.1)
    foreseen = host.run()
    done = host.run(check_mode=False)

    assert finding(foreseen, entry, "retention")["status"] == "warning"
    assert foreseen.removed == done.removed == [str(gone)]
    assert kept.exists()
    assert finding(done, entry, "retention")["status"] == "ok"

    evidence.add(system, [finding(done, entry, "retention")], f"keep_days {days}")


@pytest.mark.parametrize(("system", "entry"), LOGS)
def test_rotated_logs_are_compressed_in_time(tmp_path: Path, system: str, entry: Entry) -> None:
    days = entry["compress_after_days"]
    host = Host(tmp_path, entry)
    host.write(10, days=0.01)
    host.rotated(0.5, suffix="")
    host.rotated(days + GRACE_DAYS - 0.1, suffix="")
    inside = host.run()
    host.rotated(days + GRACE_DAYS + 0.1, suffix="")
    outside = host.run()

    assert finding(inside, entry, "compression")["status"] == "ok"
    assert finding(outside, entry, "compression")["status"] == "warning"

    evidence.add(system, [finding(outside, entry, "compression")], f"compress_after_days {days}")
