# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Record the findings of one job on one host.

See library/record_findings.py for the documentation.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ControlAction
from upkeep.run.facts import require_run_id


class ActionModule(ControlAction):
    """Complete, check and keep a whole list of findings at once."""

    SPEC: t.ClassVar = {
        "area": {"type": "str", "required": True},
        "findings": {"type": "list", "elements": "dict", "required": True},
        "system": {"type": "str"},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the completed findings, which the callback writes to the event log."""
        require_run_id()

        return {
            "upkeep_recorded": self.record(
                args["findings"], task_vars, area=args["area"], system=args["system"] or ""
            )
        }
