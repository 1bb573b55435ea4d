#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: review the logs of one host within windows of time."""

from __future__ import annotations

DOCUMENTATION = r"""
module: log_review
short_description: Review logs within true windows of time, all logs of a host in one call
version_added: "0.2.0"
description:
  - Counts, shares, durations and rankings over files with their rotated and compressed parts, the
    journal, and logs of containers. A large file is not read whole; where the window begins is
    found by halving.
  - How a line is taken apart is a declared format, or one that is found by the first lines. Where
    lines do not fit it, or do not give what a review asks, the review is C(unknown), never zero. So
    is it for a log that is missing, cannot be read, or is moved again and again while it is read.
  - A line without a time stamp belongs to the event before, so a traceback is one event.
  - What is shown of a log is cut, and freed of passwords, tokens and mail addresses.
  - Never changes anything but its own O(state), and that not in check mode. Never fails on what it
    sees; it fails on options that it cannot work with.
extends_documentation_fragment: [effects.no_diff, log_review]
attributes:
  check_mode:
    description: The state of the last run is not written.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Count the errors of a day, and of the last hour
  log_review:
    sources:
      - name: api
        paths: [/var/log/shop/api.log]
        format: json
        fields: [timestamp, level, message, request_id]
        silent_after: 26h
        reviews:
          - {name: errors, levels: [error, critical], window: 24h, warning: 10, critical: 50}
          - {name: errors-of-an-hour, levels: [error, critical], window: 1h, critical: 50}
          - name: latency
            measure: duration
            number: duration_ms
            figure: p95
            warning: 500
            unit: ms
  register: reviewed

- name: Rank the addresses of failed sign-ins
  log_review:
    sources:
      - name: sshd
        kind: journal
        identifiers: [sshd, sshd-session]
        reviews:
          - name: failed-sign-ins
            measure: ranking
            pattern: '^Failed password for .* from (?P<address>\S+) port \d+ ssh2$'
            by: address
            warning: 20

- name: Watch a log for a quarter of an hour after a deployment
  log_review:
    sources:
      - name: dashboard
        paths: [/srv/shop/dashboard.log]
        reviews: [{name: errors, pattern: ERROR|Exception, critical: 0}]
    follow_seconds: 900
"""

RETURN = r"""
findings:
  description: Partial findings, C(log:name) with one for each review.
  returned: always
  type: list
  elements: dict
reviews:
  description: The figures of each review that could be made.
  returned: always
  type: list
  elements: dict
  contains:
    check:
      description: Name of its finding.
      type: str
    status:
      description: Status of its finding.
      type: str
    window:
      description: The window, in words.
      type: str
    count:
      description: Events that fit.
      type: int
    total:
      description: Events that a share is taken of.
      type: int
    average:
      description: Mean of the numbers.
      type: float
    p95:
      description: Their 95th percentile, to one per cent.
      type: float
    lines:
      description: The newest events, oldest first, without secrets.
      type: list
      elements: str
    messages:
      description: The most frequent messages, numbers and ids masked.
      type: list
      elements: dict
    groups:
      description: The most frequent values of a ranking.
      type: list
      elements: dict
bytes_read:
  description: Bytes that were read, of files and from the journal.
  returned: always
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.log_review.options import OPTIONS
from ansible.module_utils.upkeep.log_review.run import run
from ansible.module_utils.upkeep.log_review.settings import LogReviewError, parse


def main() -> None:
    """Read the arguments, review the logs, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except LogReviewError as error:
        module.fail_json(msg=str(error))

    result = bounded(module, lambda: run(settings, module.check_mode), settings.deadline_seconds)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
