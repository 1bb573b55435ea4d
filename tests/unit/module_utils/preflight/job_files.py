# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A small host with old jobs in every place, for tests."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ansible.module_utils.upkeep.preflight.legacy import scan
from ansible.module_utils.upkeep.preflight.takeover import Takeover, take

PATTERNS: t.Final = (re.compile(r"/opt/hyperopt/scripts/"), re.compile(r"/var/log/fairedge/"))
CRONTAB: t.Final = (
    "MAILTO=root\n0 9 * * * root /opt/hyperopt/scripts/daily.sh\n5 5 * * * root /usr/bin/true\n"
)
_WEEKLY: t.Final = "0 2 * * 0 hyperopt /opt/hyperopt/scripts/weekly.sh\n"
_FILES: t.Final = {
    "etc/crontab": (CRONTAB, 0o644),
    "etc/cron.d/hyperopt": (_WEEKLY, 0o644),
    "etc/cron.d/hyperopt.dpkg-old": (_WEEKLY, 0o644),
    "etc/cron.d/mixed": (
        "0 2 * * 0 root /opt/hyperopt/scripts/a.sh\n0 3 * * 0 root /usr/bin/true\n",
        0o644,
    ),
    "etc/cron.daily/check": ("#!/bin/sh\n# old\n/opt/hyperopt/scripts/check.sh\n", 0o755),
    "etc/cron.daily/not-executable": ("#!/bin/sh\n/opt/hyperopt/scripts/check.sh\n", 0o644),
    "etc/cron.daily/harmless": ("#!/bin/sh\n# /opt/hyperopt/scripts/check.sh\ntrue\n", 0o755),
    "var/spool/cron/crontabs/hyperopt": (
        "@daily /opt/hyperopt/scripts/daily.sh --password=hunter2\n",
        0o600,
    ),
    "etc/logrotate.d/fairedge": ("/var/log/fairedge/*.log {\n  weekly\n}\n", 0o644),
    "etc/logrotate.d/both": (
        "/var/log/fairedge/x.log {\n weekly\n}\n/var/log/other.log {\n weekly\n}\n",
        0o644,
    ),
    "etc/logrotate.d/upkeep-fairedge": (
        "# Managed by Ansible (Upkeep, role x)\n/var/log/fairedge/a.log {\n}\n",
        0o644,
    ),
}


def make(root: Path) -> Path:
    """Write the files below ``root`` and return it."""
    for name, (text, mode) in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    return root


def found(root: Path) -> list[str]:
    """Return the files with old jobs, below ``root``."""
    return [str(Path(jobs.file.path).relative_to(root)) for jobs in scan(PATTERNS, root).found]


def take_over(root: Path, treatment: t.Any = "adopted", check_mode: bool = False) -> Takeover:
    """Take the old jobs below ``root`` out of service."""
    return take(scan(PATTERNS, root).found, treatment, root / "archive", check_mode)
