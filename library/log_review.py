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
  - Counts, shares, durations and rankings over files with their rotated and compressed parts, the journal, and logs of
    containers. A large file is not read whole; where the window begins is found by halving.
  - A line without a time stamp belongs to the event before, so a traceback is one event. A log that is missing, cannot
    be read, or will not hold still while it is read gives C(unknown), never zero.
  - What is shown of a log is cut, and freed of passwords, tokens and mail addresses.
  - Never changes anything but its own O(state), and that not in check mode. Never fails on what it sees; it fails on
    input it cannot work with.
extends_documentation_fragment: [effects.no_diff]
options:
  sources:
    description: The logs of this host.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the log, unique; its findings are called C(log:name) and C(log:name.review).
        type: str
        required: true
      kind:
        description: Where it is kept.
        type: str
        choices: [file, journal, container]
        default: file
      paths:
        description:
          - Files, or shell patterns of their names. Rotated parts beside them are found by themselves.
          - Only regular files are opened, and links only within their folder.
        type: list
        elements: str
        default: []
      units:
        description: Units of the journal, with what they themselves wrote.
        type: list
        elements: str
        default: []
      identifiers:
        description: Programs of the journal, as they call themselves. Without units and programs the whole journal.
        type: list
        elements: str
        default: []
      containers:
        description: Shell patterns of names of containers.
        type: list
        elements: str
        default: []
      format:
        description: Lines of text that begin with a time stamp, or JSON records, one a line.
        type: str
        choices: [text, json]
        default: text
      time_zone:
        description: Zone of time stamps that name none; V(local) is that of the host.
        type: str
        default: local
      timestamp_key:
        description: Name of the field with the time. A dot leads into a nested record, here and below.
        type: str
        default: timestamp
      level_key:
        description: Name of the field with the level.
        type: str
        default: level
      message_key:
        description: Name of the field with the message.
        type: str
        default: message
      fields:
        description: Fields that each record must have; adds C(log:name.format).
        type: list
        elements: str
        default: []
      silent_after:
        description: How old the newest line may be, such as V(26h); an older one is a C(warning).
        type: str
        default: ""
      unit:
        description: Unit whose start the window V(since_start) means.
        type: str
        default: ""
      component:
        description: Component that a host must carry to have this log.
        type: str
        default: ""
      optional:
        description: Whether the log may be missing, which is then C(info).
        type: bool
        default: false
      reviews:
        description: What is asked of the log.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the review, unique within its log.
            type: str
            required: true
          measure:
            description:
              - V(count) counts events; V(share) sets them against O(sources[].reviews[].of), or all, in per cent.
              - V(duration) averages O(sources[].reviews[].number). V(ranking) counts for each value of
                O(sources[].reviews[].by), and holds the largest against the limits.
              - V(newest) asks whether the newest event contains O(sources[].reviews[].expected).
            type: str
            choices: [count, share, duration, ranking, newest]
            default: count
          window:
            description:
              - A length up to now such as V(1h) or V(24h), or V(today), V(month), V(last_month), V(all),
                V(since_last_run), V(since_start).
            type: str
            default: 24h
          pattern:
            description: Regular expression that an event must fit. V(^) and V($) mean a line.
            type: str
            default: ""
          ignore_case:
            description: Whether upper and lower case are the same.
            type: bool
            default: false
          exclude:
            description: Regular expression that an event must not fit.
            type: str
            default: ""
          levels:
            description:
              - Levels, some of C(debug), C(info), C(warning), C(error) and C(critical). A traceback is an error.
            type: list
            elements: str
            default: []
          secrets:
            description: Count events that hold what looks like a password, token or key that is not masked.
            type: bool
            default: false
          of:
            description: Regular expression of the events that a share is taken of.
            type: str
            default: ""
          number:
            description: Field, or named group of the pattern, that holds a number.
            type: str
            default: ""
          more_than:
            description: Count only events whose number is larger.
            type: float
          by:
            description: Field, named group, or C(hour), C(level), C(message), for the ranking.
            type: str
            default: ""
          expected:
            description: Text that the newest event must contain.
            type: str
            default: ""
          figure:
            description: Which figure of durations is held against the limits.
            type: str
            choices: [average, p95]
            default: average
          unit:
            description: Unit of what is counted or measured, for people.
            type: str
            default: ""
          worst_of:
            description:
              - Cut the window into parts of this length, as in C(5m), and judge the one with the largest share.
              - Parts with fewer events than O(sources[].reviews[].least_events) are left out.
            type: str
            default: ""
          warning:
            description: Largest value that is no C(warning).
            type: float
          critical:
            description: Largest value that is not C(critical).
            type: float
          at_least:
            description: Smallest count that is no C(warning).
            type: float
          trend_percent:
            description:
              - By how much durations may have grown since the window of the same length before; of a count, by how much
                it may be larger or smaller than there. With fewer events than O(sources[].reviews[].least_events) in
                that window, or a log that does not reach back over it, there is nothing to compare with.
            type: float
          least_events:
            description: Fewer than these are too few to judge a share, durations or a trend.
            type: int
            default: 1
          show:
            description: How many of the newest events are returned; five of them also stand in the finding.
            type: int
            default: 5
          cadences: &cadences
            description: Cadences that want it; all when none are given.
            type: list
            elements: str
          requirements: &requirements
            description: Ids of the requirements that ask for this.
            type: list
            elements: str
            default: []
      cadences: *cadences
      requirements: *requirements
  components:
    description: Components that this host carries. All sources are reviewed when none are given.
    type: list
    elements: str
  cadence:
    description: The cadence that is running; none takes all reviews.
    type: str
    default: ""
  time_zone:
    description: Zone whose calendar tells days and months.
    type: str
    default: UTC
  state:
    description: File that keeps up to when the reviews V(since_last_run) have looked.
    type: path
    default: /var/lib/upkeep/log_review.json
  container_roots:
    description: Folders where container engines keep their logs.
    type: list
    elements: path
    default: [/var/lib/docker/containers, /var/lib/containers/storage/overlay-containers]
  timeout:
    description: Seconds after which reading is given up; what is left is then C(unknown).
    type: float
    default: 120
  follow_seconds:
    description:
      - Watch for this long and review only what is written meanwhile. Ends early when something is C(critical).
    type: float
    default: 0
  follow_events:
    description: Stop watching as soon as the reviews have counted this many events; 0 for the whole time.
    type: int
    default: 0
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
          - {name: latency, measure: duration, number: duration_ms, figure: p95, warning: 500, unit: ms}
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
            pattern: "Failed password for .* from (?P<address>[0-9a-f.:]+)"
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
from ansible.module_utils.upkeep.log_review.errors import LogReviewError
from ansible.module_utils.upkeep.log_review.options import ARGUMENTS
from ansible.module_utils.upkeep.log_review.run import run


def main() -> None:
    """Check the arguments, look, answer."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode)
    except LogReviewError as error:
        module.fail_json(msg=str(error))

    module.exit_json(**result)


if __name__ == "__main__":
    main()
