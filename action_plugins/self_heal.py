# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hand a host what this run found wrong on the other hosts of its system.

See library/self_heal.py.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ansible.module_utils.upkeep.findings import Finding

from upkeep.actions.base import ModuleAction
from upkeep.run import facts as run_facts

#: What counts as wrong, the worse first.
FAILED: t.Final = ("critical", "unknown")


class ActionModule(ModuleAction):
    """Call the module with the failed checks of the other hosts."""

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's result."""
        system = self._templar.template(task_vars.get("system_name", ""))
        others = [
            host
            for host in task_vars["groups"].get(system, [])
            if host != task_vars["inventory_hostname"]
        ]

        return self.call({**args, "failed_elsewhere": failed(run_facts.by_host(others))}, task_vars)


def failed(findings: t.Mapping[str, t.Sequence[Finding]]) -> dict[str, dict[str, str]]:
    """Return the health checks that are critical, or else unknown, with the host of each."""
    found: dict[str, dict[str, str]] = {}
    for status in FAILED:
        for host, own in findings.items():
            for finding in own:
                if finding["area"] == "health_check" and finding["status"] == status:
                    found.setdefault(finding["check"], {"status": status, "host": host})

    return found
