# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What several tests of log rotation share."""

from __future__ import annotations

import shutil
import typing as t

#: Set-up installs the package; a missing program makes the tests fail with its name instead of
#: passing by.
LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/usr/bin:/sbin") or "/usr/sbin/logrotate"


def entry(**changes: t.Any) -> dict[str, t.Any]:
    """Return one entry as the module hands it over, all defaults filled in."""
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
