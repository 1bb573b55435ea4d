# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What several tests of log rotation share."""

from __future__ import annotations

import getpass
import shutil
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost
from ansible.module_utils.upkeep.log_rotation.run import RotationOutcome, run
from ansible.module_utils.upkeep.log_rotation.settings import LogSettings, RotationSettings, parse

#: Set-up installs the package; a missing program makes the tests fail with its name instead of
#: passing by.
LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin") or "/usr/sbin/logrotate"


def entry(**changes: t.Any) -> dict[str, t.Any]:
    """Return one entry of the option logs as Ansible hands it over, with its defaults."""
    return {
        "name": "api",
        "paths": ["/var/log/fairedge/api.log"],
        "cadence": "daily",
        "keep_days": 30,
        "max_size": None,
        "compress_after_days": 1,
        "compression": "zstd",
        "max_total": None,
        "owner": "root",
        "group": "root",
        "mode": "0640",
        "su_user": None,
        "su_group": None,
        "reopen": "none",
        "archive": None,
        "requirements": [],
        **changes,
    }


def parse_logs(*entries: dict[str, t.Any]) -> tuple[LogSettings, ...]:
    """Return the settings of some entries."""
    return parse({"logs": list(entries), "config_path": "/etc/logrotate.d/upkeep-demo"}).logs


@dataclass
class Sandbox:
    """The files of one host under a temporary folder."""

    root: Path
    host: LogrotateHost

    @property
    def config(self) -> Path:
        return self.root / "upkeep-demo"

    @property
    def state(self) -> Path:
        return self.root / "status"

    def entry(self, **changes: t.Any) -> dict[str, t.Any]:
        user = getpass.getuser()
        defaults = {
            "paths": [f"{self.root}/logs/*.log"],
            "owner": user,
            "group": user,
            "max_size": "1k",
        }

        return entry(**{**defaults, **changes})

    def settings(self, *entries: dict[str, t.Any]) -> RotationSettings:
        return parse(
            {
                "logs": list(entries),
                "config_path": str(self.config),
                "state_path": str(self.state),
            }
        )

    def run(self, check_mode: bool = False, **changes: t.Any) -> RotationOutcome:
        """Run for one log."""
        return run(self.settings(self.entry(**changes)), self.host, check_mode)

    def run_all(self, *entries: dict[str, t.Any], check_mode: bool = False) -> RotationOutcome:
        return run(self.settings(*entries), self.host, check_mode)

    def log(self, name: str, size: int) -> Path:
        path = self.root / "logs" / name
        path.write_bytes(b"x" * size)
        return path

    def snapshot(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and content of every file, to see that nothing was touched."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in files}

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.root / "logs").iterdir())


def changes_of(outcome: RotationOutcome) -> tuple[t.Any, ...]:
    return (
        outcome.changed,
        sorted(outcome.rotated),
        sorted(outcome.started),
        sorted(outcome.removed),
        outcome.diff,
    )


def status_of(outcome: RotationOutcome, check: str) -> str:
    return next(finding["status"] for finding in outcome.findings if finding["check"] == check)
