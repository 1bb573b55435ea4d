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
  - Decides from PostgreSQL's own statistics what is due, does only that, and reports what it saw as findings.
  - A second run right after finds nothing due.
  - Never fails on what a server says. An unreachable database or a failed statement is a finding.
  - An advisory lock per database keeps two runs apart.
  - In check mode nothing stays changed. When the extension C(pgstattuple) is missing it is created in a
    transaction that is rolled back, so that the prediction rests on real measurement.
options:
  databases:
    description: The databases of this host. An aspect that is left out is not looked after.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the database.
        type: str
        required: true
      analyze:
        description: Refresh the statistics of each table that needs it.
        type: dict
        suboptions:
          due_after_days: &due
            description: Age in days after which a table that changed is due. At least 1. One never done is always due.
            type: float
            default: 7
          min_changed_percent:
            description: Leave a table alone while less of it than this changed.
            type: float
            default: 0
          requirements: &requirements
            description: Ids of the requirements that ask for this.
            type: list
            elements: str
            default: []
      vacuum:
        description: Vacuum each table that needs it; together with ANALYZE where both are due.
        type: dict
        suboptions:
          due_after_days: *due
          dead_tuple_percent:
            description: A table with a larger share of dead rows is due whatever its age.
            type: float
            default: 20
          dead_tuples_min:
            description: The share of dead rows counts from this many dead rows on.
            type: int
            default: 1000
          freeze_age:
            description: Freeze tables whose oldest row is older, in transactions. Left to autovacuum when omitted.
            type: int
          requirements: *requirements
      reindex:
        description: Rebuild bloated B-tree indexes concurrently, and drop what an interrupted rebuild left.
        type: dict
        suboptions:
          indexes:
            description: Names, bare or with schema. None means every B-tree index of the database.
            type: list
            elements: str
            default: []
          bloat_percent:
            description: Rebuild when more of the index than this is unused. At least 30; new ones stay below.
            type: float
            default: 30
          min_size_mb:
            description: Leave smaller indexes alone. At least 1.
            type: float
            default: 1
          create_extension:
            description: Create C(pgstattuple), which measures indexes, where it is missing.
            type: bool
            default: true
          requirements: *requirements
      sizes:
        description: Report the sizes of the largest tables. The size of the database is always reported.
        type: dict
        suboptions:
          requirements: *requirements
      connections:
        description: Judge the share of the server's connections in use.
        type: dict
        suboptions:
          warning_percent:
            description: Warn above this share.
            type: float
          critical_percent:
            description: Critical above this share.
            type: float
          requirements: *requirements
      long_running:
        description: Look for transactions that are open for long.
        type: dict
        suboptions:
          warning_seconds:
            description: Warn about a transaction that is open for longer.
            type: float
            default: 300
          requirements: *requirements
      statements:
        description: Tell the slowest statements of the applications, counted by C(pg_stat_statements).
        type: dict
        suboptions:
          show:
            description: How many to tell, 1 to 50.
            type: int
            default: 10
          least_calls:
            description: Leave statements out that ran less often, since one slow run says little.
            type: int
            default: 3
          warning_ms:
            description: Warn when one takes longer on average.
            type: float
          requirements: *requirements
      index_use:
        description: Tell indexes that were never used and tables that are mostly read from end to end.
        type: dict
        suboptions:
          least_days:
            description: Call an index needless only after so many days of counting.
            type: float
            default: 7
          least_rows:
            description: Leave smaller tables out.
            type: int
            default: 10000
          warning_mb:
            description: Warn when needless indexes take more than this together.
            type: float
          requirements: *requirements
  login_user:
    description: Role to log in as. It must own the tables or be superuser.
    type: str
    default: postgres
  login_host:
    description: Host name, address or socket directory. Empty means the default socket.
    type: str
    default: ""
  login_port:
    description: Port of the server.
    type: int
    default: 5432
  login_password:
    description: Password, where the server asks for one.
    type: str
  lock_timeout:
    description: How long a statement may wait for a lock before it is tried again later, such as C(500ms) or C(2s).
    type: str
    default: 2s
  max_seconds:
    description: No new work is begun after this time.
    type: int
    default: 3600
  state:
    description: V(present) maintains; V(absent) only takes away the extension that this module once created.
    type: str
    choices: [present, absent]
    default: present
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
  - Upkeep contributors
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
        C(analyze), C(vacuum), C(vacuum_analyze), C(vacuum_freeze), C(vacuum_freeze_analyze), C(drop_index),
        C(reindex), C(create_extension) or C(drop_extension).
      type: str
    reason:
      description: Why it is due.
      type: str
    seconds:
      description: How long it took.
      type: float
    status:
      description: C(planned) in check mode, C(done), C(failed), C(skipped) (locked) or C(not_started) (time up).
      type: str
    message:
      description: What the server said when it was not done.
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
from ansible.module_utils.upkeep.postgresql.options import ARGUMENTS
from ansible.module_utils.upkeep.postgresql.run import run
from ansible.module_utils.upkeep.postgresql.settings import SettingsError


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    module.exit_json(**result)


if __name__ == "__main__":
    main()
