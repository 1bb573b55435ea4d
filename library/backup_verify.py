#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: verify the backup sets of one catalogue."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
short_description: Verify backup sets by reading them, and the age of the newest against a promise
version_added: "0.1.0"
description:
  - Compares names, sizes and hashes with the manifest, then reads each artefact as what it is. A
    dump is read to its end and its rows are counted, an archive is read to its end, a copy of
    SQLite is checked by SQLite.
  - Remembers beside the sets what it read. A set is read whole once; after that only what was not
    read for O(reread_days).
  - Never fails on what it sees. A damaged set is a finding.
extends_documentation_fragment: [backup_verify]
attributes:
  check_mode:
    description: Reports what is known already, without reading any set.
    support: full
  diff_mode:
    description: Nothing but the record of what was read, and held sets, changes.
    support: none
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Verify the sets of the shop
  backup_verify:
    system: shop
    root: /var/backups/upkeep/shop
    promised_hours: 26
    reread_days: 30
  register: verified
"""

RETURN = r"""
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
    held:
      description: Why it must not be deleted, empty when it may.
      type: str
    problem:
      description: Why it cannot be used, empty when it can.
      type: str
findings:
  description: Partial findings, C(backup:age), C(backup:unread) and C(backup_set:NAME).
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.backup.options import VERIFY_OPTIONS as OPTIONS
from ansible.module_utils.upkeep.backup.run import GRACE, BackupError, verify
from ansible.module_utils.upkeep.backup.settings import SettingsError, parse_verify
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.base.priority import step_back


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse_verify(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    def work() -> dict[str, t.Any]:
        step_back(last=True)
        answer: dict[str, t.Any] = verify(settings, module.check_mode)

        return answer

    module.exit_json(**bounded(module, work, settings.max_seconds + GRACE, BackupError))


if __name__ == "__main__":
    main()
