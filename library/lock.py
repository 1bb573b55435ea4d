# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take or give back the lease that lets one run at a time change a system."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lock
short_description: Let one run at a time change a system
description:
  - Keeps a lease (who, since when, until when) in a file on one host of the system.
  - A lease that expired is taken over. So is one whose controller process is known to be dead, which is looked up on
    the controller that runs this task.
  - Never reports C(changed); the lease is not configuration. In check mode it only looks.
options:
  system:
    description: Name of the system.
    type: str
    required: true
  state:
    description: Whether to take the lease (C(held)), give it back (C(released)) or only look (C(inspected)).
    type: str
    choices: [held, released, inspected]
    default: held
  directory:
    description: Where leases are kept on the host.
    type: path
    default: /var/lib/upkeep/locks
  minutes:
    description: How long the lease counts when the run never gives it back.
    type: int
    default: 120
  steal:
    description: Whether to take the lease away from a run that holds it. For a person who knows that the run is dead.
    type: bool
    default: false
  run_id:
    description: Id of the run; filled in by the action plugin.
    type: str
  owner:
    description: Who started the run; filled in by the action plugin.
    type: str
  controller:
    description: Name of the controller; filled in by the action plugin.
    type: str
  process:
    description: Controller process as C(pid:start time); filled in by the action plugin.
    type: str
  steal_from:
    description: Run id whose process is known to be dead; filled in by the action plugin.
    type: str
    default: ""
author: Upkeep contributors
"""

EXAMPLES = r"""
- name: Take the lock of the system
  lock:
    system: fairedge
    minutes: 60
  register: lock
"""

RETURN = r"""
lock_state:
  description: C(taken), C(renewed), C(taken_over), C(held), C(free) or C(released).
  type: str
  returned: always
holder:
  description: The lease of the run that holds or held the lock.
  type: dict
  returned: when there is one
findings:
  description: The partial finding about the lock.
  type: list
  elements: dict
  returned: always
"""

import re
import time
import typing as t
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep import lock


def apply(params: dict[str, t.Any], check_mode: bool, now: float) -> lock.Outcome:
    """Do what the parameters ask for and return how it went."""
    path = Path(params["directory"]) / f"{params['system']}.json"
    if check_mode or params["state"] == "inspected":
        return lock.inspect(path, now=now)
    if params["state"] == "released":
        return lock.release(path, params["run_id"])

    names = ("run_id", "owner", "controller", "process")
    wanted = lock.Lease(
        **{n: params[n] for n in names}, taken_at=now, expires_at=now + 60 * params["minutes"]
    )

    return lock.take(path, wanted, now=now, steal=params["steal"], steal_from=params["steal_from"])


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "system": {"type": "str", "required": True},
            "state": {
                "type": "str",
                "choices": ["held", "released", "inspected"],
                "default": "held",
            },
            "directory": {"type": "path", "default": "/var/lib/upkeep/locks"},
            "minutes": {"type": "int", "default": 120},
            "steal": {"type": "bool", "default": False},
            "run_id": {"type": "str"},
            "owner": {"type": "str"},
            "controller": {"type": "str"},
            "process": {"type": "str"},
            "steal_from": {"type": "str", "default": ""},
        },
        required_if=[
            ("state", "held", ("run_id", "owner", "controller", "process")),
            ("state", "released", ("run_id",)),
        ],
        supports_check_mode=True,
    )
    if not re.fullmatch(r"[a-z][a-z0-9_]*", module.params["system"]):
        module.fail_json(
            msg=f"system {module.params['system']!r} must be lower case letters, digits and underscores"
        )

    if module.params["minutes"] < 1:
        module.fail_json(
            msg=f"minutes is {module.params['minutes']}; a lease lasts at least 1 minute"
        )

    try:
        outcome = apply(module.params, module.check_mode, time.time())
    except lock.LockError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        changed=False,
        lock_state=outcome.state,
        holder=asdict(outcome.holder) if outcome.holder else None,
        findings=[lock.as_finding(outcome, module.params["system"])],
    )


if __name__ == "__main__":
    main()
