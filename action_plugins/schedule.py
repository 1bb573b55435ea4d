# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fill in what starts when, from the profiles; see library/schedule.py for the documentation."""

from __future__ import annotations

import sys
import typing as t
from datetime import UTC, datetime
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ModuleAction
from upkeep.schedule.load import load
from upkeep.schedule.settings import ScheduleError
from upkeep.schedule.timers import planned_starts


class ActionModule(ModuleAction):
    """Read the schedules on the controller, and call the module with their starts."""

    AREA: t.ClassVar = "schedule"

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's result; raises AnsibleActionFail for a schedule that does not fit."""
        if args.get("state") == "absent":
            return self.call(args, task_vars)

        try:
            schedule = load(datetime.now(UTC))
            starts = planned_starts(schedule, args.get("systems") or ())
        except (ScheduleError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error

        return self.call(
            {**args, "starts": starts, "lock_wait": schedule.control.lock_wait}, task_vars
        )
