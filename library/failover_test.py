#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: stop a service for a moment and see that another one takes over."""

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_test
short_description: Stop a service for a moment and see that another one takes over
version_added: "0.3.0"
description:
  - Asks the service and those that must take over; nothing is stopped unless all of them answer.
  - Stops the unit while a client goes on asking, first the service and then the others, and starts
    it again in any case. A timer of the host does so when this module is killed.
  - Says after how many seconds another one answered, and how many requests nobody answered.
  - Without a test it says how long ago one passed.
extends_documentation_fragment: [failover_test]
attributes:
  check_mode:
    description: Reports the steps and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: See that the second instance takes over
  failover_test:
    state: tested
    services:
      - name: api
        unit: shop-api.service
        address: 127.0.0.1:8000
        others: ["shop-2.example.org:8001"]
        take_over_seconds: 10
"""

RETURN = r"""
findings:
  description: Partial findings, C(failover:NAME) and its aspects.
  returned: always
  type: list
  elements: dict
done:
  description: Whether all services were tested, were taken over and serve again.
  returned: always
  type: bool
steps:
  description: What would be done, in order.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.failover_test.options import OPTIONS
from ansible.module_utils.upkeep.failover_test.run import run
from ansible.module_utils.upkeep.failover_test.settings import FailoverError, parse


def main() -> None:
    """Read the options, look or test, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except FailoverError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    )


if __name__ == "__main__":
    main()
