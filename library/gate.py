# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/gate.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gate
short_description: Decide whether the hosts of a system may be changed
description:
  - Reads this run's findings of all hosts of a system. Clears the system only when none of them
    prevents a change.
  - One broken host closes the gate for every host of its system. A host that was not looked at
    closes it too.
  - Runs on the controller only, records its own finding and never fails because of what it sees.
options:
  system:
    description: Name of the system, which is the name of its inventory group.
    type: str
    required: true
  holding_checks:
    description:
      - Shell patterns of check names whose status C(critical) or C(unknown) holds a change back.
      - When empty, those of the kinds of health checks that hold a change, and C(host:*),
        C(lock:*), C(backup:*).
    type: list
    elements: str
    default: []
  required_checks:
    description:
      - Shell patterns that must be matched by at least one finding of the system, or nobody looked.
    type: list
    elements: str
    default: []
  allow_unseen:
    description: Whether hosts that C(--limit) left out may be ignored.
    type: bool
    default: false
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Ask whether the system may be changed
  gate:
    system: fairedge
    holding_checks: ["unit:*", "postgresql:*"]
  register: answer
"""

RETURN = r"""
cleared:
  description: Whether the system may be changed.
  type: bool
  returned: always
reasons:
  description: Everything that prevents a change, in plain words.
  type: list
  elements: str
  returned: always
upkeep_recorded:
  description: The gate's own finding, as it was recorded.
  type: list
  elements: dict
  returned: always
"""
