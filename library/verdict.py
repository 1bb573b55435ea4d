# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/verdict.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verdict
short_description: Judge a run from its event log and set the exit code
description:
  - Fails when a finding has one of the given statuses and nobody acknowledged it, when a task
    failed, when a host did not answer, when a host or component that should have been checked was
    not, or when a recorded finding is missing from the event log.
  - Runs on the controller only, as the last task of every cadence playbook.
options:
  fail_on:
    description: Statuses that fail the run.
    type: list
    elements: str
    choices: [ok, info, warning, critical, unknown]
    required: true
  fail_on_unknown:
    description: Areas in which a finding that could not be observed (C(unknown)) fails the run.
    type: list
    elements: str
    default: []
  acknowledgements:
    description:
      - YAML file of acknowledged findings; a missing file has none.
      - Its path and digest go into the record of the run. Entries that mute nothing are noted.
    type: path
  acknowledgement_days:
    description: Days for which an entry may mute a finding. One that is longer fails the task.
    type: int
    default: 90
  sign_offs:
    description:
      - YAML file of what people did of the work that no program can do; a missing file has none.
      - What is overdue becomes a note in the report.
    type: path
  systems_group:
    description: Inventory group that holds all systems.
    type: str
    default: systems
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Judge the run
  verdict:
    fail_on: [critical]
    fail_on_unknown: [lock]
    acknowledgements: acknowledgements.yml
"""

RETURN = r"""
msg:
  description: Every reason why the run fails, one sentence a line.
  type: str
  returned: always
"""
