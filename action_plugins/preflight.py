# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a host and at its clock; see library/preflight.py for the documentation.

Only the controller can read its own clock before and after the exchange, so the clock is judged
here.
"""

from __future__ import annotations

import sys
import time
import typing as t
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ModuleAction

from ansible.module_utils.upkeep.preflight.clock import clock_finding, skew_bounds  # isort: skip - found by upkeep


class ActionModule(ModuleAction):
    """Run the module of the same name and add what the two clocks say."""

    AREA: t.ClassVar = "preflight"

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's result with one more finding, ``host:clock``."""
        sent = time.time()
        answer = self.call(args, task_vars)
        received = time.time()
        if answer.get("failed") or "clock" not in answer:
            return answer

        bounds = skew_bounds(
            sent, answer["clock"]["started"], answer["clock"]["finished"], received
        )
        limits = [
            float(args.get(name, default))
            for name, default in (("clock_warning", 2), ("clock_critical", 30))
        ]

        return {**answer, "findings": [*answer["findings"], clock_finding(bounds, *limits)]}
