#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: check whether the data of a host are complete, fresh, plausible and undamaged."""

from __future__ import annotations

DOCUMENTATION = r"""
module: data_quality
short_description: Check the data of a host, in its databases and cached files, in one call
version_added: "0.1.0"
description:
  - Asks one query per table, in a read-only transaction with a time limit, and lets the database
    do the counting.
  - Each database, SQLite file and folder is read by a process with the rights of its owner, which
    is stopped when its time is up. Never changes anything and never fails on what it sees; it fails
    on input that does not fit.
  - What could not be observed (a server that is down or at its connection limit, a query that took
    too long, a table that does not exist) is C(unknown), with what to do about it.
extends_documentation_fragment: [effects.looks, data_quality]
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check prices and orders
  data_quality:
    checks:
      - name: prices
        kind: series
        database: shop
        table: prices
        key: symbol
        keys_from: {table: products, column: symbol, where: {status: active}}
        time: recorded_at
        price: price
        interval_seconds: 60
        aspects: {missing: {warning: 100}, prices: {warning: 0}}
      - name: shop
        kind: integrity
        database: shop
        references: [{table: orders, column: customer_id, parent: customers}]
        amcheck: true
  register: checked
"""

RETURN = r"""
findings:
  description: Partial findings, C(kind:name) with aspects, such as C(series:prices[ABC].missing).
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.data_quality.check import DataError
from ansible.module_utils.upkeep.data_quality.options import OPTIONS
from ansible.module_utils.upkeep.data_quality.run import run

#: What the module may take beyond its time before it ends itself, s.
OVERTIME = 60


def main() -> None:
    """Read the arguments, check the data, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    # no_log keeps the password out of the log. As a word to blot out it would spoil findings in
    # which the same word stands for itself; no message has it, so it is left out of the answer.
    arguments = dict(module.params)
    module.params.pop("login_password")
    module.no_log_values = set()
    # What is slow becomes a finding within max_seconds; this ends what does not.
    seconds = arguments["max_seconds"] + OVERTIME
    module.exit_json(**bounded(module, lambda: run(arguments), seconds, DataError))


if __name__ == "__main__":
    main()
