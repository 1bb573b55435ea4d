# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take the lease of a system in the name of this run; see library/lock.py for the documentation.

The module on the target knows the lease, the controller knows whether the process that holds it
still lives. So a run that was killed does not block the next one of the same controller until the
lease expires.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ModuleAction
from upkeep.run import facts as run_facts
from upkeep.run import process


class ActionModule(ModuleAction):
    """Fill in who runs, call the module, and call it once more when the holder is dead."""

    AREA: t.ClassVar = "lock"

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's result."""
        args |= {**process.identity(), "run_id": run_facts.require_run_id()}
        state = args.get("state", "held")
        answer = self.call(args, task_vars)

        if state == "held" and (dead := _dead_holder(answer)):
            answer = self.call({**args, "steal_from": dead}, task_vars)

        # What was found when the lock was taken stays the finding, unless it was lost since.
        if state == "released" or (answer.get("lock_state") == "renewed" and state == "renewed"):
            answer.pop("findings", None)

        return answer


def _dead_holder(answer: t.Mapping[str, t.Any]) -> str:
    """Return the id of the run that holds the lock when its process has surely ended, else ''."""
    holder = answer.get("holder")
    if answer.get("lock_state") != "held" or not isinstance(holder, dict):
        return ""

    return str(holder.get("run_id", "")) if process.is_dead(holder) else ""
