#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: restore what a backup set of one host holds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore
short_description: Restore a backup set beside what is there, compare it, and put it in its place
version_added: "0.1.0"
description:
  - Restores databases of PostgreSQL, one table of them, snapshots of Redis, SQLite files, and files
    and folders from a set that the module M(backup) made.
  - Everything is restored beside what is there and compared with the manifest of the set. Only
    then are services stopped and things replaced, by renaming. What was replaced is kept.
  - When anything fails, all is as it was before, and the module fails.
extends_documentation_fragment: [restore]
attributes:
  check_mode:
    description: >-
      Says which set, what would be replaced, how much room that needs, and how long it took when
      it was rehearsed.
    support: full
  diff_mode:
    description: Shows nothing; RV(kept) names what was replaced.
    support: none
notes:
  - Needs C(zstd), C(pg_restore) and C(python3-psycopg2) for a database of PostgreSQL, and
    C(redis-tools) for Redis.
  - Give O(age_identity) only to hosts that modules reach through a pipe (C(pipelining)), which
    RV(through_file) of a call without it tells.
  - What was written since the set was made is in what is kept, and not in what was restored.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Show the sets of the shop
  restore:
    system: shop
    root: /var/backups/upkeep/shop
  register: listed

- name: Restore the newest verified set of the shop
  restore:
    system: shop
    root: /var/backups/upkeep/shop
    action: replace
    units: [shop-api.service]

- name: Restore one table
  restore:
    system: shop
    root: /var/backups/upkeep/shop
    action: replace
    artefacts: [database]
    table: public.orders
    units: [shop-api.service]

- name: Restore Redis
  restore:
    system: shop
    root: /var/backups/upkeep/shop
    action: replace
    artefacts: [redis]
    redis: {unit: redis-server.service}
    units: [shop-api.service]
"""

RETURN = r"""
set:
  description: Name of the set that was restored, empty where sets were only listed.
  returned: always
  type: str
sets:
  description: The sets, the oldest first.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the set, the moment it was begun.
      type: str
    bytes:
      description: Size, null when its manifest cannot be read.
      type: int
    is_verified:
      description: Whether it was read as a whole and nothing is wrong with it.
      type: bool
    problem:
      description: Why it cannot be used, empty when it can.
      type: str
    artefacts:
      description: Names of what it holds, each with its kind.
      type: dict
kept:
  description: For each artefact the names of what was replaced.
  returned: always
  type: dict
restarted:
  description: Units that ran or had failed, and were stopped and started.
  returned: always
  type: list
  elements: str
seconds:
  description: How long each phase took, the time that services were down as C(down).
  returned: always
  type: dict
needs_bytes:
  description: Room that is needed, by a folder on each file system.
  returned: always
  type: dict
through_file:
  description: >-
    Whether this module and its options came to the host in a file, in which a private key would
    have been written to its disk.
  returned: always
  type: bool
findings:
  description: Partial findings, C(restore:set), C(restore:NAME), C(restore:libc), C(restore:units).
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.restore.choose import RestoreError
from ansible.module_utils.upkeep.restore.options import OPTIONS
from ansible.module_utils.upkeep.restore.run import GRACE, came_in_file, run
from ansible.module_utils.upkeep.restore.settings import SettingsError, parse


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    def work() -> dict[str, t.Any]:
        answer: dict[str, t.Any] = run(settings, module.check_mode)

        return {**answer, "through_file": came_in_file()}

    module.exit_json(**bounded(module, work, settings.max_seconds + GRACE, RestoreError))


if __name__ == "__main__":
    main()
