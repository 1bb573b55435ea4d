# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/app_tests_plan.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_tests_plan
short_description: Choose the test suites of a host, and read the baseline of their figures
version_added: "0.1.0"
description:
  - Runs on the controller only and changes nothing.
  - Fails for the name of a suite that no host has, and for a test database with the name of a
    production database. It does not fail for a damaged baseline but gives the reason as
    RV(problem), so that every figure can be unknown.
extends_documentation_fragment: [effects.looks]
options:
  suites:
    description: >-
      The suites of the host's profile. An entry with C(cadences) belongs to those only, one with
      C(on_demand) must be named.
    type: list
    elements: dict
    required: true
  only:
    description: >-
      Names of the suites to run, whatever their cadence; a list, or text with commas.
    type: raw
  known:
    description: Names of the suites of all hosts of the run, of which O(only) must be some.
    type: list
    elements: str
    default: []
  cadence:
    description: Cadence of the run. Empty for a run by hand, which takes all suites.
    type: str
    default: ""
  database:
    description: The test database of the profile, with C(name).
    type: dict
  production_databases:
    description: Names of the production databases of the profile.
    type: list
    elements: str
    default: []
  baseline:
    description: File with the approved figures, YAML. A file that does not exist holds none.
    type: path
    required: true
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Choose the quick tests
  app_tests_plan:
    suites:
      - {name: unit, paths: [tests/unit]}
      - {name: performance, paths: [tests/performance], cadences: [monthly]}
    only: unit
    known: [unit, performance]
    baseline: performance_baselines/shop.yml
  register: plan
"""

RETURN = r"""
names:
  description: Names of the suites to run.
  returned: always
  type: list
  elements: str
figures:
  description: Names of the figures that these suites measure.
  returned: always
  type: list
  elements: str
baseline:
  description: The approved figures by host; none when there is a problem.
  returned: always
  type: dict
problem:
  description: Why no record may be used. Empty when there is no problem.
  returned: always
  type: str
"""
