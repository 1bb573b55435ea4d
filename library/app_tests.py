#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: run an application's test suites apart from production."""

from __future__ import annotations

DOCUMENTATION = r"""
module: app_tests
short_description: Run test suites of an application, apart from production, all suites of a host in one call
version_added: "0.1.0"
description:
  - Runs each suite with pytest, by the application's own interpreter and as its service user, one after the other. What
    a suite found is read from its JUnit report; the exit code may only confirm it.
  - A suite gets an environment of its own, a scratch folder as home, as temporary folder and to work in, and limits on
    time, memory and space. When it ends, or its time does, everything that it started ends with it, processes that left
    its process group too, and the folder is removed.
  - Suites that use a database are refused when theirs is, or may be, that of production.
  - Tests that hang, are killed, collect nothing or leave no sound report give C(unknown), never C(ok).
extends_documentation_fragment: [effects.no_diff]
options:
  suites:
    description: The suites, in order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the suite, unique; its finding is called C(tests:name).
        type: str
        required: true
      paths:
        description: Test files and folders, relative to O(folder).
        type: list
        elements: str
        required: true
      marker:
        description: Expression on pytest's markers; only tests that fit are run.
        type: str
        default: ""
      database:
        description: Whether it needs the test database. Only then does it get the variables of O(environment_file).
        type: bool
        default: false
      environment:
        description: Variables of this suite. No secrets, they stand in the profile.
        type: dict
        default: {}
      seconds:
        description: Most time that it may take, s.
        type: int
        default: 300
      coverage:
        description: Measure what share of the code its tests run through; adds the finding C(tests:name.coverage).
        type: dict
        suboptions:
          source:
            description: Python packages.
            type: list
            elements: str
            required: true
          minimum:
            description: Least share, percent; C(warning) below.
            type: float
            required: true
          requirements: &requirements
            description: Ids of the requirements that ask for this. Those of the suite when none are given.
            type: list
            elements: str
            default: []
      figures:
        description:
          - Figures that its tests measure, each compared with O(baseline) as C(performance:figure). A test gives one by
            C(record_property("figure:NAME", "NUMBER UNIT")).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the figure, unique on the host.
            type: str
            required: true
          worse:
            description: Which way is worse.
            type: str
            choices: [above, below]
            default: above
          warning_percent:
            description: By how much worse than its baseline it may be, percent; C(warning) beyond.
            type: float
            required: true
          critical_percent:
            description: The same for C(critical).
            type: float
          requirements: *requirements
      requirements:
        description: Ids of the requirements that ask for this.
        type: list
        elements: str
        default: []
  user:
    description: Service user that the tests run as. Never root.
    type: str
    required: true
  folder:
    description: Folder of the project.
    type: path
    required: true
  interpreter:
    description: The application's Python, which must have pytest.
    type: path
    default: /usr/bin/python3
  python_path:
    description: Folders in which the tests find the application's packages.
    type: list
    elements: path
    default: []
  chdir:
    description:
      - Folder to work in, for tests that read files by relative names. What they write there stays there.
      - By default a scratch folder that is removed afterwards.
    type: path
  environment_file:
    description: File on the host with the variables of the test database, in systemd's format.
    type: path
  database:
    description: The test database that O(environment_file) must lead to.
    type: dict
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      host:
        description: Its server; empty for this host.
        type: str
        default: ""
  production_units:
    description: Units of production on this host. No database of their environment may be used.
    type: list
    elements: str
    default: []
  production_databases:
    description: Names of production databases, whatever their server.
    type: list
    elements: str
    default: []
  seconds:
    description: Most time for all suites of the host, s.
    type: int
    default: 1800
  memory_mb:
    description: Most memory that a process of a suite may ask for, MiB.
    type: int
    default: 4096
  space_mb:
    description: Most space that a suite may use in its scratch folder, MiB.
    type: int
    default: 256
  baseline:
    description:
      - The approved figures of this host by name, each a mapping with C(value), C(unit), C(approved_by), C(date) and
        perhaps C(tolerance), which has C(warning_percent) and C(critical_percent) and goes before those of the suite.
      - A damaged record gives C(unknown) for its figure and leaves the others alone.
    type: dict
    default: {}
  baseline_problem:
    description: Why there is no baseline that may be used. Every figure is C(unknown) then.
    type: str
    default: ""
  baseline_max_age_days:
    description: Days after which a record is due for renewal, C(info). 0 for never.
    type: int
    default: 0
  state:
    description:
      - V(tested) runs the suites and compares their figures.
      - V(recorded) runs those that have figures and returns new records. It writes nothing.
    type: str
    choices: [tested, recorded]
    default: tested
  approved_by:
    description: Who approved the new baseline. Required with O(state=recorded).
    type: str
    default: ""
attributes:
  check_mode:
    description: Tests run in check mode, too; they change nothing but their own database.
    support: full
author:
  - Upkeep contributors
"""

EXAMPLES = r"""
- name: Run the tests of the shop
  app_tests:
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
    user: shop
    folder: /opt/shop
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
      description: V(itself), or what ended it, V(time) or V(space); V(not_started) and V(lost) when it had no chance.
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
      description: Those that could not be carried out.
      type: int
    skipped:
      description: Those that were skipped.
      type: int
    coverage:
      description: Covered share, percent, where asked for.
      type: float
    figures:
      description: Values of its figures by name.
      type: dict
record:
  description: The baseline with its new records, by figure; with O(state=recorded) only, else empty.
  returned: always
  type: dict
  sample:
    search_time: {value: 12.5, unit: ms, approved_by: A. Reviewer, date: "2025-01-31"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.app_tests.errors import TestsError
from ansible.module_utils.upkeep.app_tests.options import ARGUMENTS
from ansible.module_utils.upkeep.app_tests.run import run


def main() -> None:
    """Check the arguments, run the tests, answer."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params)
    except TestsError as error:
        module.fail_json(msg=str(error))

    module.exit_json(**result)


if __name__ == "__main__":
    main()
