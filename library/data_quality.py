#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: look whether the data of one host are complete, fresh, plausible and whole."""

from __future__ import annotations

DOCUMENTATION = r"""
module: data_quality
short_description: Review the data of a host, in its databases and cached files, in one call
version_added: "0.1.0"
description:
  - Asks one question per table, in a read-only transaction with a time limit, and lets the database do the counting.
    As superuser it reads with the rights of C(pg_read_all_data) only.
  - Each database, SQLite file and folder is looked at by a process with the rights of its owner, which is ended when
    its time is up. Never changes anything and never fails on what it sees; it fails on input it cannot work with.
  - What could not be observed (server down or at its connection limit, a question that took too long, a table that is
    not there) is C(unknown), with what to do about it.
extends_documentation_fragment: [effects.looks]
options:
  checks:
    description: What to look at. Which options a check needs and knows depends on O(checks[].kind).
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the check, unique in its kind; findings are called C(kind:name) and their aspects.
        type: str
        required: true
      kind:
        description:
          - V(series) looks at points that come at a fixed interval for each of several keys.
          - V(table) counts rows and asks how old the newest is.
          - V(scrapers) reads a table with one row a run of jobs that gather data.
          - V(figure) asks a query for one number, or for one for each label.
          - V(integrity) looks for rows that point to nothing, constraints out of force, and damaged storage.
          - V(cache) compares pages in a folder with the entries that were made of them.
        type: str
        choices: [series, table, scrapers, figure, integrity, cache]
        required: true
      component:
        description: Component that holds the data; for whoever chooses the checks of a host.
        type: str
      cadences:
        description: Cadences that want this check. None is all of them.
        type: list
        elements: str
      requirements:
        description: Ids of the requirements that ask for this.
        type: list
        elements: str
        default: []
      aspects:
        description:
          - Aspect to C(warning) and C(critical), and C(requirements), the ids that ask for it in place of those of the
            whole check. A value beyond its limit gets that status; without one it is only told.
        type: dict
      timeout:
        description: Seconds that one question may take.
        type: float
        default: 30
      database:
        description: PostgreSQL database that holds the data.
        type: str
      sqlite:
        description: SQLite file that holds the data.
        type: str
      folder:
        description: Folder that holds the files, for V(cache).
        type: str
      schema:
        description: Schema of O(checks[].table), and where the tables of O(checks[].query) are looked for.
        type: str
        default: public
      table:
        description: The table.
        type: str
      where:
        description: Columns to values, as text, that rows must have to count.
        type: dict
      time:
        description: Column with the time of a row, for V(scrapers) the end of a run. Without a time zone it is UTC.
        type: str
      key:
        description: Column that tells the series, or scrapers, of one table apart.
        type: str
      keys:
        description: Values of O(checks[].key) that must be there.
        type: list
        elements: str
      keys_from:
        description: Another table of the same database that names the keys of a V(series), such as its active pairs.
        type: dict
        suboptions:
          schema: &schema
            description: Schema of the table.
            type: str
            default: public
          table: &table
            description: The table.
            type: str
            required: true
          column:
            description: Column that holds the keys.
            type: str
            required: true
          where:
            description: Columns to values, as text, that its rows must have.
            type: dict
      price:
        description: Column of a V(series) whose steps are looked at for outliers.
        type: str
      volume:
        description: Column of a V(series) whose size is looked at for outliers.
        type: str
      interval_seconds:
        description: Seconds from one point of a V(series) to the next.
        type: float
      window_hours:
        description: How far a V(series) is looked back on. The slot that is still going on does not count.
        type: float
        default: 24
      deviations:
        description: Robust standard deviations (1.4826 times the median absolute deviation) from which a point is odd.
        type: float
        default: 8
      least_price_percent:
        description: Least step of a price that can be odd, however quiet the series is.
        type: float
        default: 5
      least_volume_factor:
        description: Least factor between a volume and the median that can be odd.
        type: float
        default: 10
      status:
        description: Column with the result of a run, for V(scrapers).
        type: str
      good:
        description: Value of O(checks[].status) that means success.
        type: str
      rows:
        description: Column with the rows that a run brought, for V(scrapers).
        type: str
      query:
        description: Query of a V(figure). Without one the figure is C(unknown).
        type: str
      unit:
        description: Unit of a V(figure).
        type: str
        default: ""
      labelled:
        description: Whether the query of a V(figure) gives rows of a label and a number.
        type: bool
        default: false
      baseline:
        description: Whether it gives one more number with what is usual; the limit of C(baseline) is in percent of it.
        type: bool
        default: false
      worse:
        description: On which side of the limit of its aspect C(value) a V(figure) is bad.
        type: str
        choices: [above, below]
        default: above
      references:
        description: Columns that point to rows of another table, for V(integrity).
        type: list
        elements: dict
        suboptions:
          schema: *schema
          table: *table
          column:
            description: Its column.
            type: str
            required: true
          parent_schema:
            description: Schema of the other table.
            type: str
            default: public
          parent:
            description: The other table.
            type: str
            required: true
          parent_column:
            description: Column of the other table.
            type: str
            default: id
      amcheck:
        description: Whether C(pg_amcheck) reads all tables and indexes. Needs the extension amcheck in the database.
        type: bool
        default: false
      pages:
        description: File name with one C(*), for the pages of a V(cache).
        type: str
      entries:
        description: File name with one C(*), for what was made of them; the same text stands for both C(*).
        type: str
      row_pattern:
        description: Regular expression for a row of a page. By default C(<tr>).
        type: str
      structure_pattern:
        description: Regular expression that fits every row of a page as long as the site looks as it did.
        type: str
      items:
        description: Name of the list in an entry, a JSON object.
        type: str
      fields:
        description: Names that each item must have, to C(text), C(number), C(whole), C(flag), C(date), C(time), C(list)
          or C(mapping).
        type: dict
      life:
        description: How long files live.
        type: list
        elements: dict
        suboptions:
          files:
            description: Shell pattern of their names.
            type: str
            required: true
          hours:
            description: Hours.
            type: float
            required: true
  cadence:
    description: Cadence that is running; V("") takes all checks.
    type: str
    default: ""
  login_user:
    description: Role to log in as.
    type: str
    default: postgres
  login_host:
    description: Host of the server; empty for the local socket.
    type: str
    default: ""
  login_port:
    description: Port of the server.
    type: int
    default: 5432
  login_password:
    description: Password of O(login_user).
    type: str
  run_as:
    description: System user that speaks to a local server; empty for the one that runs the module.
    type: str
    default: postgres
  max_seconds:
    description: Seconds for the whole review. What is not looked at by then is C(unknown).
    type: float
    default: 300
author:
  - Upkeep contributors
"""

EXAMPLES = r"""
- name: Look at prices and orders
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
  register: reviewed
"""

RETURN = r"""
findings:
  description: Partial findings, C(kind:name) with aspects, such as C(series:prices[ABC].missing).
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.data_quality.options import ARGUMENTS
from ansible.module_utils.upkeep.data_quality.run import run
from ansible.module_utils.upkeep.data_quality.settings import DataError


def main() -> None:
    """Check the arguments, look, answer."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params)
    except DataError as error:
        module.fail_json(msg=str(error))

    module.exit_json(**result)


if __name__ == "__main__":
    main()
