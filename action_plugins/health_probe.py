# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask services and host how they are, and from the controller what others shall see of them.

See library/health_probe.py for the documentation.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions import outside
from upkeep.actions.base import ModuleAction


class ActionModule(ModuleAction):
    """Call the module and trust nothing in its answer that only the controller may say."""

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's answer with what the controller itself found."""
        answer = self.call(args, task_vars)
        if answer.get("failed") or not outside.is_asked(args):
            return answer

        found = outside.findings(args)

        return {**answer, "findings": [*answer.get("findings", []), *found]}
