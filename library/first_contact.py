# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/first_contact.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: first_contact
short_description: Say in one line that the run cannot be kept, or that no host is there
description:
  - Fails before anything is contacted when the store cannot keep the run, or when the ssh host key
    of a host would not be checked, or when a host is in the groups of two systems, or when an
    answer of a task of Semaphore holds a template, which Ansible would run. The demo fleet may do
    without checked host keys.
  - Tries the ssh ports of those hosts of the play that have the variable C(unreachable_hint), all
    at once. When none of them answers, the run ends with that hint instead of one unreachable error
    for each host.
  - Hosts without the variable are not tried, since they may be behind a jump host. One silent host
    among others is left to Ansible.
  - Runs on the controller only; use it with C(run_once).
options: {}
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: See whether anybody is there
  first_contact:
  run_once: true
"""

RETURN = r"""
msg:
  description: The hint of the hosts.
  type: str
  returned: failure
"""
