#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: timers of systemd that start the playbooks on a control host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: schedule
short_description: Bring the timers that start Upkeep's playbooks on a control host
version_added: "0.2.0"
description:
  - Writes a service and a timer for each start of the profiles' schedules, and one unit that is
    started when a run fails. Switches on timers that are off, and removes units of its own that are
    not needed any more.
  - A start that the host slept over is made up for. A run never overlaps itself, is ended after its
    time, and writes its report before it ends.
  - Touches no unit that it has not written itself; one that bears a name of ours is a finding.
extends_documentation_fragment: [schedule]
attributes:
  check_mode:
    description: Reports what would be written, removed and switched on.
    support: full
  diff_mode:
    description: Shows old and new content of units.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Start the runs of all systems by timers
  schedule:
    checkout: /opt/upkeep
    inventory: /etc/upkeep/hosts.yml

- name: Take all timers away
  schedule:
    state: absent
"""

RETURN = r"""
units:
  description: Names of the units that shall be there.
  returned: success
  type: list
  elements: str
findings:
  description: Partial findings, C(schedule:PLAYBOOK-SYSTEM) and its aspects.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.base.systemd import SystemdError
from ansible.module_utils.upkeep.schedule.options import OPTIONS
from ansible.module_utils.upkeep.schedule.run import TimerError, run
from ansible.module_utils.upkeep.schedule.settings import TimerOptionError, parse


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except TimerOptionError as error:
        module.fail_json(msg=str(error))

    expected = (TimerError, SystemdError, TimeoutError, OSError)
    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds, expected)
    )


if __name__ == "__main__":
    main()
