#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: maintain the SQLite files of one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sqlite_maintenance
short_description: Check SQLite files, and vacuum, analyse and shorten the log of those that need it
version_added: "0.1.0"
description:
  - Decides from the file itself what is due, does only that, and reports what it saw as findings.
    A second run right after finds nothing due.
  - Checks structure and references first. A damaged file is left as it is.
  - Never fails on what it sees. A locked, damaged or missing file is a finding.
  - When run as root, each file is worked on by a process of the user that owns it.
extends_documentation_fragment: [sqlite_maintenance]
attributes:
  check_mode:
    description: Reports exactly the actions that a run would carry out.
    support: full
  diff_mode:
    description: Shows what was due and what is left of it.
    support: full
notes:
  - A vacuum needs twice the size of the file free on its disk, and a moment without other writers.
    It may change the row ids of tables without an C(INTEGER PRIMARY KEY).
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Maintain the file of the small edition
  sqlite_maintenance:
    databases:
      - name: orders
        path: /opt/shop/orders.db
        analyze: {changed_percent: 20}
        vacuum: {free_percent: 25}
        wal: {max_mb: 64}
  register: maintained
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be, in order of the plan.
  returned: always
  type: list
  elements: dict
  contains:
    database:
      description: Name of the database.
      type: str
    object:
      description: Table, empty for the whole file.
      type: str
    action:
      description: C(vacuum), C(incremental_vacuum), C(analyze) or C(checkpoint).
      type: str
    reason:
      description: Why it is due.
      type: str
    status:
      description: >-
        C(planned) in check mode, C(done), C(failed), C(skipped) (in use) or C(not_started) (no time
        left).
      type: str
    message:
      description: What was in the way.
      type: str
findings:
  description: Partial findings, C(sqlite:name) and its aspects.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.sqlite.options import OPTIONS
from ansible.module_utils.upkeep.sqlite.run import GRACE, run
from ansible.module_utils.upkeep.sqlite.settings import SettingsError, parse


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    seconds = settings.max_seconds + 2 * GRACE
    module.exit_json(**bounded(module, lambda: run(settings, module.check_mode), seconds))


if __name__ == "__main__":
    main()
