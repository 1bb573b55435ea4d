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
  - Runs any number of checks at the same time and returns what each of them found.
  - Changes nothing, and never fails on what it finds. It fails only on a check that does not fit
    its options.
  - Each attempt at a check is ended when its time is over, so that no service, driver or dead mount
    can make the module hang. It has a process of its own for that; attempts that only wait for the
    network share one.
  - A network service that does not answer in time is C(critical); what could not be observed is
    C(unknown), not C(ok).
  - Checks that compare with the previous run (O(checks[].fall), O(checks[].rise),
    O(checks[].max_new_restarts), kinds V(cpu), V(disk_io), V(metrics) and V(network)) keep what
    they need in O(state_file), except in check mode. The finding C(health:state) is a warning when
    the previous run is not known.
extends_documentation_fragment: [health_probe]
requirements:
  - python3-psycopg2 on the target for kind V(postgresql)
  - python3-celery and python3-redis on the target for kind V(celery)
notes:
  - A missing driver makes the check C(unknown) and names the package to install.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check a service and the room on the host
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

- name: Try a prediction, and count the service as down after three failures in a row
  health_probe:
    checks:
      - name: prediction
        kind: http
        url: http://127.0.0.1:8000/predict
        method: POST
        upload: {path: /opt/shop/sample.csv, run_as: shop, rows: 3, row_warning_ms: 100}
        json: [{path: count, equals: 3}]
        latency: {samples: 5, warning_ms: 1000, timeout_ms: 3000}
      - {name: api, kind: listener, port: 8000, unit: shop-api.service, fall: 3, rise: 2}
      - {name: api, kind: unit_memory, unit: shop-api.service, warning: 1000}
      - name: model
        kind: log_line
        path: /var/log/shop.log
        pattern: "model (\\S+) loaded"
        cadences: [daily]
      - {name: export, kind: file, path: /srv/export/*.csv, age_hours: {warning: 26}}

- name: Check the database over its local socket, Redis, and the workers
  health_probe:
    timeout: 20
    checks:
      - name: items
        kind: postgresql
        database: shop
        run_as: upkeep_read
        query: SELECT count(*) FROM items WHERE active
        expect: {at_least: 10, severity: warning}
      - name: cache
        kind: redis
        password: "{{ shop_redis_password }}"
        info:
          - {field: used_memory, warning: 200000000}
          - {field: rdb_last_bgsave_status, equals: ok}
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
  description: What each check found, in the order of the checks, for M(record_findings).
  returned: success
  type: list
  elements: dict
  sample:
    - check: memory:all
      status: ok
      observed: 41.3
      expected: at most 85
      unit: "%"
      limits: {warning: 85.0, critical: 95.0, side: above}
      message: 41.3 % of memory is in use, 4711 MiB are available
      requirements: []
elapsed_ms:
  description: How long all checks together took.
  returned: success
  type: float
  sample: 431.2
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.health_check.check import CheckError, milliseconds
from ansible.module_utils.upkeep.health_check.options import OPTIONS
from ansible.module_utils.upkeep.health_check.run import run
from ansible.module_utils.upkeep.health_check.settings import parse, secrets_of

#: Seconds beyond the limit for all checks after which the module ends itself, whatever hangs.
LAST_NET = 60.0


def main() -> None:
    """Read the arguments, run the checks, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    values = dict(module.params)
    # no_log keeps the checks out of the target's system log, but Ansible would also mask every word
    # of theirs in the answer. In an error only their secrets are masked; a finding holds none. The
    # checks themselves are left out: under a misspelled key a password is not known as one.
    module.no_log_values = secrets_of(module.params.pop("checks"))
    started = time.monotonic()

    try:
        settings = parse(values)
    except CheckError as error:
        module.fail_json(msg=str(error))

    result = bounded(
        module,
        lambda: {"findings": run(settings, check_mode=module.check_mode)},
        settings.timeout + LAST_NET,
    )
    module.no_log_values = set()
    module.exit_json(changed=False, **result, elapsed_ms=milliseconds(started))


if __name__ == "__main__":
    main()
