# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/validate_profile.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_profile
short_description: Check the figures of a system before anything runs
description:
  - Holds all C(system_*) variables of the host against the closed schema
    C(upkeep/profile/profile.schema.yml).
  - A misspelled name, a wrong type or a missing figure fails the task with a sentence that names
    the place and what to change.
  - >-
    So does a variable, from the inventory or given with C(-e), that is almost a role's: Ansible
    would ignore it.
  - Runs on the controller only; the host is not contacted.
options: {}
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check the profile
  validate_profile:
"""

RETURN = r"""
msg:
  description: How many figures were checked.
  type: str
  returned: success
"""
