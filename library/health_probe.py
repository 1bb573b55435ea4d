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
  - Never changes anything and never fails on what it sees. It fails only on a check that it cannot understand.
  - Each attempt at a check runs in a process of its own and is ended when its time is over, so that no service,
    driver or dead mount can make the module hang.
  - A network service that does not answer in time is C(critical); what could not be observed is C(unknown), not C(ok).
options:
  checks:
    description:
      - The checks. Which keys a check may have depends on its O(checks[].kind); any other key is an error.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the check, unique within its kind. The finding is called C(kind:name).
        type: str
        required: true
      kind:
        description: What is checked, and how.
        type: str
        required: true
        choices: [celery, filesystem, http, load, memory, postgresql, redis, tcp, unit]
      timeout:
        description: Limit for one attempt, from start to verdict, in seconds.
        type: float
        default: 10.0
      attempts:
        description: How often to try before the check counts as C(critical) or C(unknown).
        type: int
        default: 1
      interval:
        description: Seconds between attempts.
        type: float
        default: 1.0
      depends_on:
        description:
          - Checks, as C(name) or C(kind:name), that have to be fine before this one makes sense.
          - When one of them is C(critical) or C(unknown), this check is not carried out and is C(unknown).
          - A dependency that does not concern this host is left out.
        type: list
        elements: str
        default: []
      component:
        description: The check concerns only hosts that carry this component, see O(components).
        type: str
      requirements:
        description: Ids of the requirements that asked for this check; handed through to the findings.
        type: list
        elements: str
        default: []
      url:
        description: Kind V(http). What to ask for; without user and password.
        type: str
      method:
        description: Kind V(http).
        type: str
        choices: [GET, HEAD, POST, OPTIONS]
        default: GET
      headers:
        description: Kind V(http). Headers to send besides C(X-Upkeep-Probe) and C(User-Agent), which mark a probe.
        type: dict
      expect_status:
        description: Kind V(http). Status codes that are right.
        type: list
        elements: int
        default: [200]
      body_regex:
        description: Kind V(http). Regular expression that must be found in the body.
        type: str
      json:
        description: Kind V(http). Conditions on values of a JSON body; all must hold.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Where the value is, as in C(services.database) or C(items.0.id); C(\.) is a dot within a key.
            type: str
            required: true
          equals:
            description: The value is this.
            type: raw
          at_least:
            description: The value is a number not below this.
            type: float
          at_most:
            description: The value is a number not above this.
            type: float
          matches:
            description: The value is text in which this regular expression is found.
            type: str
          exists:
            description: The path leads somewhere, or must not.
            type: bool
          severity:
            description: What the finding becomes when the condition does not hold.
            type: str
            choices: [warning, critical]
            default: critical
      headers_present:
        description: Kind V(http). Headers that the answer must have.
        type: list
        elements: str
        default: []
      follow_redirects:
        description: Kind V(http). Follow up to five redirects; otherwise a redirect is judged by its status.
        type: bool
        default: false
      verify_tls:
        description: Kind V(http). Refuse a certificate that is expired, not trusted or made out to another name.
        type: bool
        default: true
      ca_file:
        description: Kind V(http). Trust these certificate authorities instead of those of the host.
        type: path
      max_body:
        description: Kind V(http). Bytes of the body that are read at most.
        type: int
        default: 1048576
      latency:
        description:
          - Kinds V(http) and V(postgresql). Adds the finding C(kind:name.latency).
          - With several samples the 95th percentile is judged, and every sample must be a right answer.
        type: dict
        suboptions:
          warning_ms:
            description: Slower than this is C(warning).
            type: float
          critical_ms:
            description: Slower than this is C(critical).
            type: float
          samples:
            description: How many answers to time, one after the other, all within O(checks[].timeout).
            type: int
            default: 1
      tls_expiry:
        description: Kind V(http). Adds the finding C(http:name.tls_expiry) with the days left of the certificate.
        type: dict
        suboptions:
          warning_days:
            description: Fewer days than this are C(warning).
            type: float
            default: 21.0
          critical_days:
            description: Fewer days than this are C(critical).
            type: float
            default: 7.0
      host:
        description: Kinds V(tcp) and V(redis), by default 127.0.0.1. Kind V(postgresql), by default the local socket.
        type: str
      port:
        description: Kind V(tcp), required. Kind V(redis), 6379 when not given. Kind V(postgresql), libpq's default.
        type: int
      unit:
        description: Kind V(unit). The systemd unit.
        type: str
      expect:
        description:
          - Kind V(unit), list of active states that are right, C([active]) when not given.
          - Kind V(postgresql), a condition (C(equals), C(at_least), C(at_most), C(severity)) on the first column of the
            only row.
        type: raw
      max_restarts:
        description: Kind V(unit). Adds C(unit:name.restarts), C(warning) when systemd restarted the unit more often.
        type: int
      paths:
        description:
          - Kind V(filesystem). Paths to judge, each as C(filesystem:PATH) and C(filesystem:PATH.inodes).
          - V(all) takes every local file system that no other check names.
        type: list
        elements: str
      exclude:
        description: Kind V(filesystem). Mount points that V(all) leaves out.
        type: list
        elements: str
        default: []
      warning:
        description: Above this is C(warning). V(filesystem), 80 (%) by default. V(memory), 85 (%). V(load), 1.5.
        type: float
      critical:
        description: Above this is C(critical). V(filesystem), 90 by default. V(memory), 95. V(load), 4.
        type: float
      inodes:
        description: Kind V(filesystem). Limits for inodes; those for space when not given.
        type: dict
        suboptions:
          warning:
            description: Above this many percent is C(warning).
            type: float
          critical:
            description: Above this many percent is C(critical).
            type: float
      include_swap:
        description: Kind V(memory). Take memory and swap together.
        type: bool
        default: false
      database:
        description: Kind V(postgresql). Name of the database.
        type: str
      user:
        description: Kind V(postgresql). Database user.
        type: str
      username:
        description: Kind V(redis). User of Redis' access control list.
        type: str
      password:
        description: Kinds V(postgresql) and V(redis). Never shown.
        type: str
      passfile:
        description: Kind V(postgresql). File that holds the password, as libpq reads it.
        type: path
      as_user:
        description: Kind V(postgresql). System user to connect as over the local socket, for peer authentication.
        type: str
      query:
        description: Kind V(postgresql). Question with one row as its answer, asked in a transaction that cannot write.
        type: str
        default: SELECT 1
      db:
        description: Kind V(redis). Number of the database.
        type: int
        default: 0
      info:
        description: Kind V(redis). Limits on fields of INFO; each adds C(redis:name.FIELD).
        type: list
        elements: dict
        default: []
        suboptions:
          field:
            description: Name of the field, as in C(used_memory).
            type: str
            required: true
          warning:
            description: Beyond this is C(warning).
            type: float
          critical:
            description: Beyond this is C(critical).
            type: float
          worse:
            description: On which side of the limits it is bad.
            type: str
            choices: [above, below]
            default: above
          equals:
            description: The field must be this, else C(critical).
            type: str
      broker:
        description: Kind V(celery). C(redis://[[user]:password@]host[:port][/database]). Never shown.
        type: str
      min_workers:
        description: Kind V(celery). How many workers must answer; the check is over as soon as they did.
        type: int
        default: 1
      queues:
        description: Kind V(celery). Queues whose length is judged; each adds C(celery:name.queue_NAME).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the queue.
            type: str
            required: true
          warning:
            description: More waiting tasks than this are C(warning).
            type: float
          critical:
            description: More waiting tasks than this are C(critical).
            type: float
  components:
    description:
      - Components that this host carries. Checks with another O(checks[].component) are left out.
      - Without this option all checks are carried out.
    type: list
    elements: str
  timeout:
    description: Limit for all checks together, in seconds. What has no verdict by then is C(unknown).
    type: float
    default: 30.0
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

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.findings import finding
from ansible.module_utils.upkeep.probe.model import CheckError, milliseconds
from ansible.module_utils.upkeep.probe.plan import plan, secrets_of
from ansible.module_utils.upkeep.probe.runner import run

NOTHING = finding("health:checks", "info", "there is nothing to check on this host")


def main() -> None:
    """Read the arguments, run the checks, return the findings."""
    module = AnsibleModule(
        argument_spec={
            # no_log keeps the checks out of the target's system log, secrets and all ...
            "checks": {"type": "list", "elements": "dict", "required": True, "no_log": True},
            "components": {"type": "list", "elements": "str"},
            "timeout": {"type": "float", "default": 30.0},
            "workers": {"type": "int", "default": 16},
        },
        supports_check_mode=True,
    )
    params = module.params
    # ... but would also blot every word of theirs out of the findings. Only the secrets are to be blotted out, and the
    # checks themselves left out of the answer: a password under a misspelled key is not known as one.
    raw_checks = params.pop("checks")
    module.no_log_values = secrets_of(raw_checks)
    if params["timeout"] <= 0 or params["workers"] < 1:
        module.fail_json(msg="timeout must be above 0 and workers at least 1")
    started = time.monotonic()
    try:
        checks = plan(raw_checks, params["components"], longest=params["timeout"])
    except CheckError as error:
        module.fail_json(msg=str(error))
    findings = run(checks, params["timeout"], params["workers"]) or [NOTHING]
    module.exit_json(changed=False, findings=findings, elapsed_ms=milliseconds(started))


if __name__ == "__main__":
    main()
