# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide whether a system may be changed; see library/gate.py for the documentation."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ansible.module_utils.upkeep.findings import Finding, finding

from upkeep.actions.base import ControlAction
from upkeep.judge.gate import HOLDING_CHECKS, GateDecision, decide
from upkeep.run import events
from upkeep.run import facts as run_facts


class ActionModule(ControlAction):
    """Read the findings of all hosts of the system and answer once for this host."""

    AREA: t.ClassVar = "gate"

    SPEC: t.ClassVar = {
        "system": {"type": "str", "required": True},
        "holding_checks": {"type": "list", "elements": "str", "default": []},
        "required_checks": {"type": "list", "elements": "str", "default": []},
        "allow_unseen": {"type": "bool", "default": False},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``cleared``, ``reasons`` and the gate's own finding."""
        hosts = list(task_vars["groups"].get(args["system"], []))
        if not hosts:
            raise AnsibleActionFail(
                f"system '{args['system']}' has no group in the inventory; "
                "name its group like the system"
            )

        decision = decide(
            hosts,
            live=set(task_vars["ansible_play_hosts"]) - _broken_earlier(),
            in_play=set(task_vars["ansible_play_hosts_all"]),
            findings=run_facts.by_host(hosts),
            holding_checks=args["holding_checks"] or HOLDING_CHECKS,
            required_checks=args["required_checks"],
            allow_unseen=args["allow_unseen"],
        )

        return {
            "cleared": decision.cleared,
            "reasons": decision.reasons,
            "upkeep_recorded": self.record([_as_finding(decision)], task_vars),
        }


def _broken_earlier() -> set[str]:
    """Hosts that failed or vanished in this run.

    Ansible's own list forgets those of earlier plays.
    """
    log = events.current_log()
    return events.broken_hosts(events.read(log)) if log else set()


def _as_finding(decision: GateDecision) -> Finding:
    if decision.cleared:
        return finding(
            "gate:change", "ok", "The system is fit for change.", observed="open", expected="open"
        )

    message = "Nothing is changed on this system: " + "; ".join(decision.reasons)
    return finding("gate:change", "critical", message, observed="closed", expected="open")
