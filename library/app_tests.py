#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: run an application's test suites, isolated from production."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_tests
short_description: Run the test suites of an application, isolated from production, in one call
version_added: "0.1.0"
description:
  - Runs each suite with pytest, by the application's own interpreter and as its service user, one
    after the other. What a suite found is read from its JUnit report; the exit code must agree.
  - A suite gets an environment of its own, a scratch folder as home, as temporary folder and to
    work in, and limits on time, memory and space. When it ends, or its time does, everything that
    it started ends with it, processes that left its process group too, and the folder is removed.
  - Suites that use a database are refused when theirs is, or may be, that of production.
  - Tests that hang, are killed, collect nothing or leave no sound report give C(unknown), never
    C(ok).
  - Which suites belong to a cadence is decided on the controller, by M(app_tests_plan).
extends_documentation_fragment: [effects.no_diff, app_tests]
attributes:
  check_mode:
    description: Tests run in check mode, too; they change nothing but their own database.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Run the tests of the shop
  app_tests:
    setup:
      user: shop
      folder: /opt/shop
      interpreter: /opt/shop/venv/bin/python
      environment_file: /opt/shop/.env.test
      database: {name: shop_test}
      production_units: [shop-api.service]
    suites:
      - {name: unit, paths: [tests/unit], coverage: {source: [shop], minimum: 80}}
      - {name: integration, paths: [tests/integration], database: true, seconds: 600}
  register: tested

- name: Take new figures of speed that were just approved
  app_tests:
    setup: {user: shop, folder: /opt/shop}
    suites:
      - name: performance
        paths: [tests/performance]
        figures: [{name: search_time, warning_percent: 30}]
    state: recorded
    approved_by: A. Reviewer
"""

RETURN = r"""
findings:
  description: Partial findings, C(tests:name), C(tests:database) and C(performance:figure).
  returned: always
  type: list
  elements: dict
suites:
  description: What each suite that was started did.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the suite.
      type: str
    ended:
      description: V(itself), V(time), V(space), V(not_started) or V(lost).
      type: str
    exit_code:
      description: Its exit code, or minus the signal that ended it.
      type: int
    seconds:
      description: How long it took.
      type: float
    tests:
      description: Tests in its report; none when there is no report.
      type: int
    passed:
      description: Those that passed.
      type: int
    failed:
      description: Those that failed.
      type: int
    broken:
      description: Those that could not be run or collected.
      type: int
    skipped:
      description: Those that were skipped.
      type: int
    coverage:
      description: Covered share, percent, where a limit is set.
      type: float
    figures:
      description: Values of the figures that the suite names, by name.
      type: dict
record:
  description: The baseline with its new records, by figure; empty without O(state=recorded).
  returned: always
  type: dict
  sample:
    search_time: {value: 12.5, unit: ms, approved_by: A. Reviewer, date: "2025-01-31"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.app_tests.errors import TestsError
from ansible.module_utils.upkeep.app_tests.options import OPTIONS
from ansible.module_utils.upkeep.app_tests.run import run
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec

#: What the module may take beyond its suites before it ends itself, s.
OVERTIME = 60


def main() -> None:
    """Read the arguments, run the tests, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    # no_log keeps the suites out of the target's log. It would also blot out each word of theirs in
    # the findings, which are masked already; so the suites are only left out of the answer.
    arguments = dict(module.params)
    module.params.pop("suites")
    module.no_log_values = set()
    # A suite is ended at its time, with what it started; this ends what is left beyond that.
    seconds = arguments["setup"]["seconds"] + 30 * len(arguments["suites"]) + OVERTIME
    module.exit_json(**bounded(module, lambda: run(arguments), seconds, TestsError))


if __name__ == "__main__":
    main()
