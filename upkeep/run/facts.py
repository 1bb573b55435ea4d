# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What this run has found so far, for stages that decide on it.

The event log is asked, which only the controller writes. Facts would be cheaper to ask for, but
every module on a host may set facts, and a cache of facts may replay those of an older run.
"""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.upkeep.findings import Finding

from upkeep.run import events


def require_run_id() -> str:
    """Return the id of this run.

    Raises AnsibleActionFail when nothing of this run would be kept.
    """
    trouble = os.environ.get(events.ENV_TROUBLE)
    if trouble:
        raise AnsibleActionFail(trouble)

    run_id = events.current_run_id()
    if run_id is None:
        raise AnsibleActionFail(
            "the callback 'upkeep_events' is not active, so nothing of this run would be kept. "
            "Run the playbook from the project's root (its ansible.cfg names callback_plugins)"
        )

    return run_id


def by_host(hosts: t.Iterable[str]) -> dict[str, list[Finding]]:
    """Return this run's findings of each of the hosts, the latest of each check."""
    require_run_id()
    log = events.current_log()
    latest: dict[str, dict[str, Finding]] = {host: {} for host in hosts}
    for event in events.read(log) if log and log.exists() else ():
        if event["event"] == "finding" and event["finding"]["host"] in latest:
            found = event["finding"]
            latest[found["host"]][found["fingerprint"]] = found

    return {host: list(found.values()) for host, found in latest.items()}
