#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: carries out all health checks of a host in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: health_probe
short_description: Carry out all health checks of a host in one call
version_added: "0.1.0"
description:
  - Runs any number of checks at the same time and returns what each of them saw as a finding.
  - Changes nothing, and never fails on what it sees. It fails only on a check that it cannot understand.
  - Each attempt at a check is ended when its time is over, so that no service, driver or dead mount can make the
    module hang. It has a process of its own for that; attempts that only wait for the network share one.
  - A network service that does not answer in time is C(critical); what could not be observed is C(unknown), not C(ok).
  - Checks that compare with an earlier run (O(checks[].fall), O(checks[].rise), O(checks[].max_new_restarts), kinds
    V(cpu), V(disk_io) and V(network)) keep what they need in O(state_file), except in check mode. The finding
    C(health:state) tells when earlier runs are not known.
extends_documentation_fragment: [health_probe]
options:
  components:
    description:
      - Components that this host carries. Checks with another O(checks[].component) are left out.
      - Without this option all checks are carried out.
    type: list
    elements: str
  cadence:
    description: Leave out the checks that belong to other cadences; all are carried out when it is empty.
    type: str
    choices: ["", quarter_hourly, hourly, daily, weekly, monthly, quarterly]
    default: ""
  state_file:
    description: Where what is to be compared with is kept between runs.
    type: path
    default: /var/lib/upkeep/health.json
  run:
    description: Id of the run. Looks with the same id count as one, and all compare with the run before.
    type: str
    default: ""
  timeout:
    description: Limit for all checks together, in seconds. What has no verdict by then is C(unknown).
    type: float
    default: 30.0
  latency_factor:
    description: >-
      The limits of all latencies are multiplied by this. For hosts that share their processors with others, as test
      fleets do; a real host has its figures in its checks.
    type: float
    default: 1.0
  workers:
    description: How many checks run at the same time.
    type: int
    default: 16
requirements:
  - python3-psycopg2 on the target for kind V(postgresql)
  - python3-celery and python3-redis on the target for kind V(celery)
notes:
  - A missing driver makes the check C(unknown) and names the package to install.
author:
  - Upkeep contributors
"""

EXAMPLES = r"""
- name: Ask a service how it is, and the host whether there is room
  health_probe:
    checks:
      - name: api
        kind: http
        url: http://127.0.0.1:8000/health
        json:
          - {path: status, equals: healthy}
          - {path: services.database, equals: healthy}
        latency: {warning_ms: 300, critical_ms: 500, samples: 5}
        depends_on: [unit:api]
      - {name: api, kind: unit, unit: shop-api.service, max_restarts: 3}
      - {name: disks, kind: filesystem, paths: all, warning: 80, critical: 90}

- name: Try a prediction, see who listens, and call the service down only when it fails three times in a row
  health_probe:
    checks:
      - name: prediction
        kind: http
        url: http://127.0.0.1:8000/predict
        method: POST
        upload: {path: /opt/shop/sample.csv, rows: 3, row_warning_ms: 100}
        json: [{path: count, equals: 3}]
        latency: {samples: 5, warning_ms: 1000, timeout_ms: 3000}
      - {name: api, kind: listener, port: 8000, unit: shop-api.service, fall: 3, rise: 2}
      - {name: api, kind: unit_memory, unit: shop-api.service, warning: 1000}
      - {name: model, kind: log_line, path: /var/log/shop.log, pattern: "model (\\S+) loaded", cadences: [daily]}
      - {name: export, kind: file, path: /srv/export/*.csv, age_hours: {warning: 26}}

- name: Ask the database over its local socket, and Redis, and the workers
  health_probe:
    timeout: 20
    checks:
      - name: items
        kind: postgresql
        database: shop
        as_user: postgres
        query: SELECT count(*) FROM items WHERE active
        expect: {at_least: 10, severity: warning}
      - name: cache
        kind: redis
        password: "{{ shop_redis_password }}"
        info: [{field: used_memory, warning: 200000000}, {field: rdb_last_bgsave_status, equals: ok}]
      - name: workers
        kind: celery
        broker: "redis://:{{ shop_redis_password }}@127.0.0.1:6379/0"
        min_workers: 2
        queues: [{name: celery, warning: 100, critical: 1000}]
        depends_on: [cache]
  no_log: true
"""

RETURN = r"""
findings:
  description: What each check saw, in the order of the checks; partial findings for M(record_findings).
  returned: success
  type: list
  elements: dict
  sample:
    - {check: memory:all, status: ok, observed: 41.3, expected: at most 85, unit: "%", message: ..., requirements: []}
elapsed_ms:
  description: How long all checks together took.
  returned: success
  type: float
  sample: 431.2
"""

import time
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.cadence import CADENCES
from ansible.module_utils.upkeep.findings import Finding, finding
from ansible.module_utils.upkeep.health_check.check import Check, CheckError, milliseconds
from ansible.module_utils.upkeep.health_check.debounce import remembers, softened
from ansible.module_utils.upkeep.health_check.latency import scale_limits
from ansible.module_utils.upkeep.health_check.plan import plan, secrets_of
from ansible.module_utils.upkeep.health_check.run import settle

NOTHING = finding("health:checks", "info", "there is nothing to check on this host")


def look(checks: list[Check], params: dict[str, t.Any], *, write: bool) -> list[Finding]:
    """Return what the checks saw, in their order, and how their memory is when they have any."""
    findings: list[Finding]
    if not any(map(remembers, checks)):
        findings = softened(checks, settle(checks, params["timeout"], params["workers"]).findings)
        return findings

    # Compiled anew in every run on a host, as all of this is: so only where it is of use.
    from ansible.module_utils.upkeep.health_check.state import Book

    book = Book(Path(params["state_file"]), params["run"])
    outcome = settle(book.prepare(checks), params["timeout"], params["workers"])
    findings = book.settle(checks, outcome.findings, outcome.memories, write=write)

    return findings


def main() -> None:
    """Read the arguments, run the checks, return the findings."""
    module = AnsibleModule(
        argument_spec={
            # no_log keeps the checks out of the target's system log, secrets and all ...
            "checks": {"type": "list", "elements": "dict", "required": True, "no_log": True},
            "components": {"type": "list", "elements": "str"},
            "cadence": {"type": "str", "choices": ["", *CADENCES], "default": ""},
            "state_file": {"type": "path", "default": "/var/lib/upkeep/health.json"},
            "run": {"type": "str", "default": ""},
            "timeout": {"type": "float", "default": 30.0},
            "latency_factor": {"type": "float", "default": 1.0},
            "workers": {"type": "int", "default": 16},
        },
        supports_check_mode=True,
    )
    params = module.params
    # ... but would also blot every word of theirs out of the findings. Only the secrets are to be
    # blotted out, and the checks themselves left out of the answer: a password under a misspelled
    # key is not known as one.
    raw_checks = params.pop("checks")
    module.no_log_values = secrets_of(raw_checks)
    if params["timeout"] <= 0 or params["workers"] < 1:
        module.fail_json(msg="timeout must be above 0 and workers at least 1")

    if params["latency_factor"] <= 0:
        module.fail_json(msg="latency_factor must be above 0")

    started = time.monotonic()

    try:
        checks = plan(
            raw_checks, params["components"], longest=params["timeout"], cadence=params["cadence"]
        )
    except CheckError as error:
        module.fail_json(msg=str(error))

    checks = scale_limits(checks, params["latency_factor"])
    findings = look(checks, params, write=not module.check_mode) or [NOTHING]
    module.exit_json(changed=False, findings=findings, elapsed_ms=milliseconds(started))


if __name__ == "__main__":
    main()
