# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take or give back the lease that lets one run at a time change a system."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lock
short_description: Let one run at a time change a system
version_added: "0.1.0"
description:
  - Keeps a lease (who, since when, until when) in a file on one host of the system.
  - A lease that expired is taken over. So is one whose controller process is known to be dead. That
    is looked up on the controller that runs this task, and known only for a process of the same
    machine, boot and process namespace.
  - Never reports C(changed); the lease is not configuration. In check mode it only looks.
extends_documentation_fragment: [effects.no_diff, lock]
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Take the lock of the system
  lock:
    system: fairedge
    minutes: 60
  register: lock

- name: Extend it before the next stage that changes something
  lock:
    system: fairedge
    state: renewed
"""

RETURN = r"""
lock_state:
  description:
    - C(taken), C(renewed), C(taken_over), C(held) by another run, C(free), C(released), or C(lost)
      when it was to be renewed but this run does not hold it.
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

import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.lock import OPTIONS, LockError, parse, run


def main() -> None:
    """Read the options, take, renew or give back the lease, return how it went."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except LockError as error:
        module.fail_json(msg=str(error))

    result = bounded(
        module,
        lambda: run(settings, module.check_mode, time.time()),
        settings.max_seconds,
        LockError,
    )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
