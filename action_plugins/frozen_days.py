# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refuse a start on a frozen day; see library/frozen_days.py for the documentation."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ControlAction
from upkeep.schedule.frozen import reason_today
from upkeep.schedule.load import CONTROL_FILE
from upkeep.schedule.settings import ScheduleError


class ActionModule(ControlAction):
    """Ask schedule.yml whether the cadence may start today."""

    SPEC: t.ClassVar = {
        "cadence": {"type": "str", "default": ""},
        "control_file": {"type": "path"},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return nothing; raises AnsibleActionFail with the reason of the day."""
        if task_vars.get("ansible_check_mode"):
            return {}

        control = Path(args["control_file"] or CONTROL_FILE)
        try:
            reason = reason_today(args["cadence"], control=control)
        except (ScheduleError, OSError) as error:
            raise AnsibleActionFail(str(error)) from error

        if reason:
            raise AnsibleActionFail(
                f"{args['cadence']} does not start today: {reason} (frozen_days of schedule.yml). "
                "--check may run; -e frozen_days_ignored=true starts it nevertheless"
            )

        return {}
