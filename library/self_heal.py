#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: restarts units that are down, within limits, and says whether that helped."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: self_heal
short_description: Restart units that are down, within limits
version_added: "0.2.0"
description:
  - Looks at each unit in turn. One that is not active, or whose checks are critical, is restarted
    and watched until it has stayed up for a while and its checks are fine.
  - A check that could not be made is no reason to restart a service that runs. The unit is left
    alone and C(unknown).
  - Restarts a unit at most O(units[].at_most) times in O(units[].window_minutes), counted on the
    host over all runs. When that count is damaged or cannot be written, nothing is restarted.
  - Never starts a unit that is masked, and none while something that it needs is down.
  - Reports two things about a unit that was down, that it was (C(heal:NAME.was_down), C(warning))
    and whether it is up now (C(heal:NAME)).
extends_documentation_fragment: [self_heal]
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Bring the service back when it is down and its database is not
  self_heal:
    units:
      - name: api
        unit: shop-api.service
        checks: [http:api]
        needs: [postgresql:shop]
        at_most: 3
        window_minutes: 60
    checks:
      - {name: api, kind: http, url: "http://127.0.0.1:8000/health"}
      - {name: shop, kind: postgresql, database: shop, run_as: postgres}
"""

RETURN = r"""
findings:
  description: The state of each unit, and which were down; partial findings.
  returned: success
  type: list
  elements: dict
  sample:
    - check: heal:api
      status: ok
      observed: active (running)
      expected: active
      message: shop-api.service is up, there is nothing to do
      requirements: []
restarted:
  description: Names of the units that were restarted, in check mode of those that would be.
  returned: success
  type: list
  elements: str
  sample: [api]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.health_check.settings import secrets_of
from ansible.module_utils.upkeep.self_heal.options import OPTIONS
from ansible.module_utils.upkeep.self_heal.run import run
from ansible.module_utils.upkeep.self_heal.settings import HealError, parse


def main() -> None:
    """Read the options, heal, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    values = dict(module.params)
    module.no_log_values = secrets_of(module.params.pop("checks"))
    try:
        settings = parse(values)
    except HealError as error:
        module.fail_json(msg=str(error))

    result = bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    module.no_log_values = set()  # only an error may echo a secret
    module.exit_json(**result)


if __name__ == "__main__":
    main()
