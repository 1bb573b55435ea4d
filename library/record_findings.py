# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/record_findings.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: record_findings
short_description: Record what a job saw on a host
description:
  - Takes the whole list of partial findings of one job, checks each against the schema and
    completes it with system, host, area and fingerprint.
  - The callback C(upkeep_events) writes them to the event log, which gate and verdict read. Texts
    are cleaned and cut, and a job may record at most 2000 findings, since what they say comes from
    a host.
  - Most modules of Upkeep record the findings of their role themselves; a task under C(no_log)
    needs this one.
  - Refuses C(loop) and C(run_once), which would lose findings. Runs on the controller only.
options:
  area:
    description: What kind of work saw this, for instance C(health_check).
    type: str
    required: true
  findings:
    description: Partial findings as returned by Upkeep's modules.
    type: list
    elements: dict
    required: true
  system:
    description: Name of the system; the variable C(system_name) of the host by default.
    type: str
author: Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Record what was seen
  record_findings:
    area: health_check
    findings: "{{ __health_check_result.findings }}"
"""

RETURN = r"""
upkeep_recorded:
  description: The completed findings.
  type: list
  elements: dict
  returned: always
"""
