# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/frozen_days.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: frozen_days
short_description: Refuse to start a run that changes something on a frozen day
version_added: "0.2.0"
description:
  - Fails with the reason of the day when C(schedule.yml) names today among its C(frozen_days) and
    the cadence is one that changes systems.
  - Does nothing in check mode, and for cadences that only look.
  - Runs on the controller only; use it with C(run_once).
options:
  cadence:
    description: The cadence of the run. Without it nothing is refused.
    type: str
    default: ""
  control_file:
    description: The file. By default the C(schedule.yml) of the project.
    type: path
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Start nothing on a frozen day
  frozen_days:
    cadence: weekly
  run_once: true
"""

RETURN = r"""
msg:
  description: Why nothing starts today.
  type: str
  returned: failure
"""
