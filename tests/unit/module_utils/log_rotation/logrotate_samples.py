# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What several tests of log rotation share."""

from __future__ import annotations

import shutil
import typing as t

from ansible.module_utils.upkeep.log_rotation.settings import LogSettings, parse

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
        "owner": "root",
        "group": "root",
        "mode": "0640",
        "su_user": None,
        "su_group": None,
        "reopen": "none",
        "requirements": [],
        **changes,
    }


def parse_logs(*entries: dict[str, t.Any]) -> tuple[LogSettings, ...]:
    """Return the settings of some entries."""
    return parse({"logs": list(entries), "config_path": "/etc/logrotate.d/upkeep-demo"}).logs
