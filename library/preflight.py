# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: check whether a host is fit for maintenance and was accepted."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check whether a host is fit for maintenance
version_added: "0.1.0"
description:
  - Checks everything that maintenance depends on, in one call, and returns findings.
  - Only looks, unless O(accept_by) is given.
  - Each check has a time limit. One that hangs, on a dead mount say, is C(unknown); the others go
    on.
  - The clock is judged on the controller, from readings before and after the call, so that a slow
    connection is not taken for a wrong clock.
extends_documentation_fragment: [preflight]
author: Upkeep contributors (!UNKNOWN)
attributes:
  check_mode:
    description: Looks as usual; an acceptance is only predicted.
    support: full
  diff_mode:
    description: Shows the acceptance.
    support: full
"""

EXAMPLES = r"""
- name: Check the host
  preflight:
    host: "{{ inventory_hostname }}"
    components: [app, redis]
    python_modules:
      - {module: redis, package: python3-redis, component: redis}
    required_paths:
      - {path: /opt/fairedge, type: directory, owner: fairedge}
    legacy_patterns: ['warm_cache\.py']
"""

RETURN = r"""
findings:
  description: Partial findings, one for each check.
  type: list
  elements: dict
  returned: success
clock:
  description: Unix times of start and end on the host.
  type: dict
  returned: success
"""

import time

STARTED = time.time()

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.preflight.options import OPTIONS
from ansible.module_utils.upkeep.preflight.run import run
from ansible.module_utils.upkeep.preflight.settings import PreflightError, parse


def main() -> None:
    """Read the options, check the host, return what was found and when."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except PreflightError as error:
        module.fail_json(msg=str(error))

    result = bounded(
        module, lambda: run(settings, module.check_mode), settings.max_seconds, OSError
    )
    module.exit_json(**result, clock={"started": STARTED, "finished": time.time()})


if __name__ == "__main__":
    main()
