# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/touched_hosts.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: touched_hosts
short_description: List the hosts that this run has touched so far
description:
  - Reads the event log of this run. A host is touched once a task has changed something there, or
    has failed, since what a task did before it failed is not known.
  - In check mode a host on which something would be changed counts, too.
  - Runs on the controller only; one answer serves all hosts of a play (C(run_once)).
options: {}
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Ask what was touched
  touched_hosts:
  register: touched
  run_once: true

- name: Leave out systems that are as they were
  ansible.builtin.meta: end_host
  when: groups[system_name] | intersect(touched.hosts) | length == 0
"""

RETURN = r"""
hosts:
  description:
    - Names of the touched hosts, sorted; all hosts of the play where the run has no event log.
  type: list
  elements: str
  returned: always
"""
