# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Record the findings of one job on one host.

See library/record_findings.py for the documentation.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.append(str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ControlAction
from upkeep.run.facts import FACT, merge_findings
from upkeep.run.findings import complete_all


class ActionModule(ControlAction):
    """Complete, check and keep a whole list of findings at once."""

    SPEC: t.ClassVar = {
        "area": {"type": "str", "required": True},
        "findings": {"type": "list", "elements": "dict", "required": True},
        "system": {"type": "str"},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the completed findings, and as facts all findings of this host in this run."""
        self._refuse_repetition()
        host = task_vars["inventory_hostname"]
        system = args["system"] or self._templar.template(task_vars.get("system_name", ""))
        recorded = complete_all(args["findings"], system=system, host=host, area=args["area"])
        kept = merge_findings(task_vars.get("ansible_facts", {}).get(FACT), recorded)

        return {"upkeep_recorded": recorded, "ansible_facts": {FACT: kept}}

    def _refuse_repetition(self) -> None:
        """A loop keeps only its last item's facts and run_once only one host's: both would lose findings."""
        if self._task.loop is not None or self._task.loop_with:
            raise AnsibleActionFail(
                "record_findings takes the whole list at once; remove 'loop' from the task"
            )
        if self._task.run_once:
            raise AnsibleActionFail(
                "record_findings records for every host; remove 'run_once' from the task"
            )
