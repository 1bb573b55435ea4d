#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: rehearse the restore of a backup set of one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: restore_rehearse
short_description: Rehearse a restore where it can do no harm, and report how long ago one passed
version_added: "0.1.0"
description:
  - Restores a whole set when a rehearsal is due. A database goes into a server of its own, with an
    account, a folder and a socket of its own, which is thrown away afterwards. Rows are compared
    with the manifest, queries of the application answered, and tables and indexes checked.
  - Always reports the age of the last rehearsal that passed, and what recovery tests by hand left
    on the live server.
  - A rehearsal that fails is a finding.
extends_documentation_fragment: [restore_rehearse]
attributes:
  check_mode:
    description: Reports whether a rehearsal is due and how the last one went.
    support: full
  diff_mode:
    description: Nothing of the system changes.
    support: none
notes:
  - Needs C(zstd), and PostgreSQL's server and C(python3-psycopg2) for a database.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Rehearse the restore of the shop once a week
  restore_rehearse:
    system: shop
    root: /var/backups/upkeep/shop
    due_days: 6.5
    promised_days: 8
    queries:
      - {name: orders, query: SELECT count(*) FROM public.orders}
  register: rehearsed
"""

RETURN = r"""
due:
  description: Whether a rehearsal is due; it is not while there is no set.
  returned: always
  type: bool
set:
  description: Name of the set that was restored, empty for none.
  returned: always
  type: str
seconds:
  description: How long each phase took, empty where nothing was rehearsed.
  returned: always
  type: dict
findings:
  description: >-
    Partial findings, C(rehearsal:age), C(rehearsal:NAME), C(rehearsal:time) and
    C(restore:left_behind).
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.base.priority import step_back
from ansible.module_utils.upkeep.restore.choose import RestoreError
from ansible.module_utils.upkeep.restore.options import REHEARSE_OPTIONS as OPTIONS
from ansible.module_utils.upkeep.restore.rehearse import GRACE, run
from ansible.module_utils.upkeep.restore.settings import SettingsError, parse_rehearsal


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse_rehearsal(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    def work() -> dict[str, t.Any]:
        step_back(last=True)
        answer: dict[str, t.Any] = run(settings, module.check_mode)

        return answer

    module.exit_json(**bounded(module, work, settings.max_seconds + GRACE, RestoreError))


if __name__ == "__main__":
    main()
