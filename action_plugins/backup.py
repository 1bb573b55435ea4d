# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make a backup set and record how it went.

See library/backup.py for the documentation.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ansible.module_utils.upkeep.backup.options import OPTIONS

from upkeep.actions.long_job import LongJobAction


class ActionModule(LongJobAction):
    """Call the module, as a job of the host when it makes a set, and record its findings."""

    AREA: t.ClassVar = "backup"
    OPTIONS: t.ClassVar = OPTIONS
    MAX_SECONDS: t.ClassVar = 14400

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's answer."""
        if args.get("state", "present") != "present":
            return self.call(args, task_vars)

        return self.call_as_job(args, task_vars)

    def progress(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> str:
        """Return which artefact is being made."""
        answer = self.call({**args, "state": "progress"}, task_vars)

        return str(answer.get("progress") or "")
