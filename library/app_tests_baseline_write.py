# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/app_tests_baseline_write.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_tests_baseline_write
short_description: Write new figures into the performance baseline of a system
version_added: "0.1.0"
description:
  - Takes what hosts answered as hostile input. Only value and unit are taken, and only of figures
    that the host was asked to measure. Otherwise the task fails, names the host and the figure, and
    nothing is written.
  - Runs on the controller only.
options:
  path:
    description: The baseline. It is made where there is none yet.
    type: path
    required: true
  system:
    description: System that the baseline belongs to.
    type: str
    required: true
  answers:
    description: Host to the records that it answered.
    type: dict
    required: true
  figures:
    description: Host to the names of the figures that it was asked to measure.
    type: dict
    required: true
  approved_by:
    description: Who approved the figures.
    type: str
    required: true
attributes:
  check_mode:
    description: Shows what would be written.
    support: full
  diff_mode:
    description: Shows the baseline before and after.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Write the new figures of the shop
  app_tests_baseline_write:
    path: records/performance_baselines/shop.yml
    system: shop
    answers:
      shop-1: "{{ tested.record }}"
    figures:
      shop-1: [search_time]
    approved_by: A. Reviewer
"""

RETURN = r"""
changed:
  description: Whether the baseline is another one than before.
  returned: always
  type: bool
"""
