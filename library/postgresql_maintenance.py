#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: maintain the PostgreSQL databases of one host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_maintenance
short_description: Analyse, vacuum and reindex what is due in PostgreSQL databases, blocking nobody
version_added: "0.1.0"
description:
  - Decides from PostgreSQL's own statistics what is due, does only that, and reports what it saw as
    findings.
  - A second run right after finds nothing due.
  - Never fails on what a server reports. An unreachable database or a failed statement is a
    finding.
  - An advisory lock per database lets only one run work at a time.
  - In check mode nothing stays changed. When the extension C(pgstattuple) is missing it is created
    in a transaction that is rolled back, so that the prediction rests on real measurement.
extends_documentation_fragment: [postgresql_maintenance]
attributes:
  check_mode:
    description: Reports exactly the actions that a run would carry out.
    support: full
  diff_mode:
    description: Shows what was due and what became of it.
    support: full
requirements:
  - psycopg2 2.8 or newer (python3-psycopg2)
  - PostgreSQL 15 or newer
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Maintain the database of the API
  postgresql_maintenance:
    databases:
      - name: hyperopt
        analyze:
          due_after_days: 7
        vacuum:
          due_after_days: 7
          dead_tuple_percent: 20
        reindex:
          indexes: [idx_strategies_symbol]
        long_running:
          warning_seconds: 300
  become: true
  become_user: postgres
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
      description: Quoted name of the table, index or extension.
      type: str
    action:
      description: >-
        C(analyze), C(vacuum), C(vacuum_analyze), C(vacuum_freeze), C(vacuum_freeze_analyze),
        C(drop_index), C(reindex), C(create_extension) or C(drop_extension).
      type: str
    reason:
      description: Why it is due.
      type: str
    seconds:
      description: How long it took.
      type: float
    status:
      description: >-
        C(planned) in check mode, C(done), C(failed), C(skipped) (locked), C(not_started) (no time
        left) or C(gone) (dropped or renamed meanwhile).
      type: str
    message:
      description: Why it was not done, as the server reports it.
      type: str
failed_actions:
  description: Those of C(actions) that failed.
  returned: always
  type: list
  elements: dict
findings:
  description: Partial findings, C(database:<name>) and its aspects.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.postgresql.execution import OVERTIME
from ansible.module_utils.upkeep.postgresql.options import OPTIONS
from ansible.module_utils.upkeep.postgresql.run import run
from ansible.module_utils.upkeep.postgresql.settings import SettingsError, parse


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    seconds = settings.max_seconds + 2 * OVERTIME
    module.exit_json(**bounded(module, lambda: run(settings, module.check_mode), seconds))


if __name__ == "__main__":
    main()
