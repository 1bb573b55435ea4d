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
        answer = self.call(args, task_vars)
        holder = answer.get("holder") or {}
        if (
            answer.get("lock_state") == "held"
            and args.get("state", "held") == "held"
            and process.is_dead(holder)
        ):
            answer = self.call({**args, "steal_from": holder["run_id"]}, task_vars)

        if args.get("state", "held") == "released":
            answer.pop("findings", None)  # what was found when it was taken stays the finding

        return answer
