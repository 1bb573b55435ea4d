# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings of a run as host facts, keyed by run id.

The key is what keeps a fact cache honest: facts that it replays from an older run stand under
another id.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.upkeep.findings import Finding

from upkeep.run import events

FACT: t.Final = "upkeep_findings"


def require_run_id() -> str:
    """Return the id of this run.

    Raises AnsibleActionFail when the event-log callback is not active.
    """
    run_id = events.current_run_id()
    if run_id is None:
        raise AnsibleActionFail(
            "the callback 'upkeep_events' is not active, so nothing of this run would be kept. "
            "Run the playbook from the project's root (its ansible.cfg names callback_plugins)"
        )

    return run_id


def merge_findings(known: t.Any, recorded: list[Finding]) -> dict[str, list[Finding]]:
    """Return the fact's new value: this run's findings only, the latest per fingerprint."""
    run_id = require_run_id()
    merged = {f["fingerprint"]: f for f in of_run(known, run_id)}
    merged.update({f["fingerprint"]: f for f in recorded})
    return {run_id: list(merged.values())}


def of_run(fact: t.Any, run_id: str) -> list[Finding]:
    """Return the findings that a host's fact holds for one run; empty for none."""
    return [dict(f) for f in fact.get(run_id, [])] if isinstance(fact, t.Mapping) else []


def by_host(task_vars: t.Mapping[str, t.Any], hosts: t.Iterable[str]) -> dict[str, list[Finding]]:
    """Return this run's findings of each of the hosts, from their facts."""
    run_id = require_run_id()
    hostvars = task_vars["hostvars"]

    return {
        host: of_run(hostvars[host].get("ansible_facts", {}).get(FACT), run_id)
        if host in hostvars
        else []
        for host in hosts
    }
