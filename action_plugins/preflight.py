# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a host and its clock; see library/preflight.py for the documentation.

Only the controller can read its own clock before and after the exchange, so the clock is judged
here.
"""

from __future__ import annotations

import sys
import time
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ModuleAction

from ansible.module_utils.upkeep.base.options import fill  # isort: skip - found by upkeep
from ansible.module_utils.upkeep.findings import Limits  # isort: skip
from ansible.module_utils.upkeep.preflight.clock import finding_of_reading  # isort: skip
from ansible.module_utils.upkeep.preflight.options import OPTIONS  # isort: skip


class ActionModule(ModuleAction):
    """Run the module of the same name and add the finding on the host's clock."""

    AREA: t.ClassVar = "preflight"

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's result with one more finding, ``host:clock``."""
        sent = time.time()
        answer = self.call(args, task_vars)
        received = time.time()
        if answer.get("failed") or not isinstance(answer.get("findings"), list):
            return answer

        values = fill(OPTIONS, args)
        limits = Limits(float(values["clock_warning"]), float(values["clock_critical"]))
        clock = finding_of_reading(sent, answer.get("clock"), received, limits)

        return {**answer, "findings": [*answer["findings"], clock]}
