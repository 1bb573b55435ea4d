#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: tune the Redis servers of one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_tune
short_description: Give Redis servers settings that fit their purpose, and report how they do
version_added: "0.1.0"
description:
  - Sets what differs from the profile by CONFIG SET and has the server write it to its own file by
    CONFIG REWRITE. A file of its own is never made. A second run finds nothing to do, also after a
    restart of the server.
  - Refuses a policy that would evict tasks, a policy without a limit, and a limit below 1.2 times
    the memory in use, and says why.
  - Gives memory back only where bytes and ratio are worth it.
  - Never deletes a key and never runs KEYS, FLUSHDB or FLUSHALL.
  - Never fails on what it sees. A server that cannot be reached or asked is a finding.
extends_documentation_fragment: [redis_tune]
attributes:
  check_mode:
    description: Reports what a run would set, and sets nothing.
    support: full
  diff_mode:
    description: Shows what was due.
    support: full
notes:
  - Needs no driver. Speaks to Redis 6, 7 and 8 and to Valkey.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Tune the cache of the shop
  redis_tune:
    instances:
      - name: cache
        purpose: cache
        maxmemory: {value: 512mb}
        maxmemory_policy: {value: allkeys-lru}
        save: {value: "900 1 300 10 60 10000"}
        fragmentation: {ratio: 1.5}
        hit_ratio: {warning: 90}
  register: tuned
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, in this order.
  returned: always
  type: list
  elements: dict
  contains:
    instance:
      description: Name of the server.
      type: str
    action:
      description: C(config_set), C(config_rewrite), C(memory_purge) or C(defragment).
      type: str
    detail:
      description: The setting with its old and its new value.
      type: str
    status:
      description: C(planned) in check mode, C(done), C(failed) or C(not_possible).
      type: str
    message:
      description: What was in the way.
      type: str
findings:
  description: Partial findings, C(redis_tune:name) and its aspects.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.redis_tune.options import OPTIONS
from ansible.module_utils.upkeep.redis_tune.run import run
from ansible.module_utils.upkeep.redis_tune.settings import SettingsError, parse


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    )


if __name__ == "__main__":
    main()
