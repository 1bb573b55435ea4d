#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/call_hooks.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: call_hooks
short_description: Call the programs that silence alerts, announce a change and call a person
version_added: "0.3.0"
description:
  - Calls programs on the controller with five words, which are the hook, the run id, the system,
    the end of the change as C(2026-01-31T08:00:00Z), and what is done or went wrong.
  - A hook without a program is left out. One that fails is a warning and stops nothing.
  - A program that somebody else can change is not started.
  - Does nothing in check mode.
options:
  hooks:
    description: The programs by hook, as C(upkeep_hooks) has them.
    type: dict
    default: {}
  names:
    description: The hooks of this moment.
    type: list
    elements: str
    choices: [announce, silence, escalate]
    required: true
  area:
    description: The area of findings on hooks that failed.
    type: str
    required: true
  text:
    description: What is done, or what went wrong.
    type: str
    required: true
  seconds:
    description: Within how many seconds the change is over.
    type: float
    default: 0.0
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Announce the change and silence its alerts
  call_hooks:
    hooks: {silence: /usr/local/bin/silence-alerts}
    names: [announce, silence]
    area: predictor_deploy
    text: deploys release v1.4.0
    seconds: 1200
"""

RETURN = r"""
called:
  description: The hooks whose programs worked.
  returned: always
  type: list
  elements: str
silenced_until:
  description: Until when alerts are silenced, empty where they are not.
  returned: always
  type: str
"""
