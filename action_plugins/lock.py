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
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ModuleAction
from upkeep.run import events, process
from upkeep.run import facts as run_facts

from ansible.module_utils.upkeep.base.options import fill  # isort: skip - found by upkeep
from ansible.module_utils.upkeep.lock import MARGIN, OPTIONS  # isort: skip

#: How long a lease that was taken or renewed is not asked for again, so that a run with nothing to
#: do asks once.
FRESH: t.Final = timedelta(minutes=1)


class ActionModule(ModuleAction):
    """Fill in who runs, call the module, and call it once more when the holder is dead."""

    AREA: t.ClassVar = "lock"

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's result."""
        args |= {**process.identity(), "run_id": run_facts.require_run_id()}
        state = args.get("state", "held")
        if state == "renewed" and _lasts(args) and _is_fresh(str(args["system"]), task_vars):
            return {"changed": False, "lock_state": "renewed", "contacted": False}

        answer = self.call(args, task_vars)

        if state == "held" and (dead := _dead_holder(answer)):
            answer = self.call({**args, "steal_from": dead}, task_vars)

        if state == "inspected":  # who only waits has found nothing
            answer.pop("findings", None)
            if _dead_holder(answer):
                answer["lock_state"] = "free"

        # What was found when the lock was taken stays the finding, unless it was lost since.
        if state == "released" or (answer.get("lock_state") == "renewed" and state == "renewed"):
            answer.pop("findings", None)

        return answer


def _lasts(args: t.Mapping[str, t.Any]) -> bool:
    """Return whether a fresh lease outlives the stage that it would be renewed for."""
    values = fill(OPTIONS, args)
    left = 60 * int(values["minutes"]) - FRESH.total_seconds()

    return bool(int(values["stage_seconds"]) + MARGIN <= left)


def _is_fresh(system: str, task_vars: t.Mapping[str, t.Any]) -> bool:
    """Return whether this run has asked for its lock so lately that it need not again."""
    log = events.current_log()
    logged = events.read(log) if log and log.exists() else []
    hosts = task_vars["groups"].get(system, [])
    found = [f for own in run_facts.by_host(hosts).values() for f in own if f["area"] == "lock"]
    asked = [
        event["time"]
        for event in logged
        if event["event"] == "task"
        and (event["action"], event["system"]) == ("lock", system)
        and event["status"] == "ok"
        and event["remote"]
    ]
    if not asked or not found or any(f["status"] not in ("ok", "info") for f in found):
        return False

    age = datetime.now(UTC) - datetime.fromisoformat(asked[-1])

    return timedelta() <= age < FRESH


def _dead_holder(answer: t.Mapping[str, t.Any]) -> str:
    """Return the id of the run that holds the lock when its process has surely ended, else ''."""
    holder = answer.get("holder")
    if answer.get("lock_state") != "held" or not isinstance(holder, dict):
        return ""

    return str(holder.get("run_id", "")) if process.is_dead(holder) else ""
