# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call programs of others around a change; see library/call_hooks.py for the documentation."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ansible.module_utils.upkeep.findings import finding

from upkeep.actions.base import ControlAction
from upkeep.actions.hooks import HOOKS, SILENCE, HookCall, HookError, call_hooks, end_after
from upkeep.run.facts import require_run_id


class ActionModule(ControlAction):
    """Call the hooks of a moment, and record those that failed."""

    SPEC: t.ClassVar = {
        "hooks": {"type": "dict", "default": {}},
        "names": {"type": "list", "elements": "str", "choices": list(HOOKS), "required": True},
        "area": {"type": "str", "required": True},
        "text": {"type": "str", "required": True},
        "seconds": {"type": "float", "default": 0.0},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``called`` and ``silenced_until``, '' where alerts are not silenced."""
        if task_vars.get("ansible_check_mode"):
            return {"called": [], "silenced_until": ""}

        end = end_after(args["seconds"])
        system = str(self._templar.template(task_vars.get("system_name", "")))
        call = HookCall(require_run_id(), system, end, args["text"])
        try:
            called, problems = call_hooks(args["hooks"], args["names"], call)
        except HookError as error:
            raise AnsibleActionFail(str(error)) from error

        partials = [
            finding(f"hook:{name}", "warning", f"the hook {name} did not work: {problem}")
            for name, problem in problems.items()
        ]
        recorded = self.record(partials, task_vars, area=args["area"]) if partials else []

        return {
            "called": called,
            "silenced_until": end if SILENCE in called else "",
            "upkeep_recorded": recorded,
        }
