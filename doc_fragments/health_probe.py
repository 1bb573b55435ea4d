# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page on checks: every key of every kind, for the modules that carry out checks."""

from __future__ import annotations


class ModuleDocFragment:
    """What ``extends_documentation_fragment: [health_probe]`` brings."""

    DOCUMENTATION = r"""
options:
  checks:
    description:
      - The checks. Which keys a check may have depends on its O(checks[].kind); any other key is an error.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: "Name of the check, unique within its kind. The finding is called C(kind:name).", type: str,
             required: true}
      kind:
        description: What is checked, and how.
        type: str
        required: true
        choices: [celery, cpu, disk_io, dns, file, filesystem, http, listener, load, log_line, memory, metrics,
                  network, postgresql, process, redis, replication, tcp, top, unit, unit_memory, unix_socket]
      timeout: {description: "Limit for one attempt, from start to verdict, in seconds.", type: float, default: 10.0}
      attempts: {description: How often to try before the check counts as C(critical) or C(unknown)., type: int,
                 default: 1}
      interval: {description: Seconds between attempts., type: float, default: 1.0}
      depends_on:
        description:
          - Checks, as C(name) or C(kind:name), that have to be fine before this one makes sense.
          - When one of them is C(critical) or C(unknown), this check is not carried out and is C(unknown).
          - A dependency that does not concern this host or cadence is left out.
        type: list
        elements: str
        default: []
      component: {description: "The check concerns only hosts that carry this component, see O(components).", type: str}
      cadences:
        description: The check is carried out in these cadences only, see O(cadence).
        type: list
        elements: str
        choices: [quarter_hourly, hourly, daily, weekly, monthly, quarterly]
      severity: {description: "What a failure of the check itself becomes; limits have their own levels.", type: str,
                 choices: [warning, critical], default: critical}
      fall: {description: "Failures in a row, counted over runs, until it is C(critical); before, C(warning).",
             type: int, default: 1}
      rise: {description: "Good answers in a row, counted over runs, until it stops being C(critical).", type: int,
             default: 1}
      requirements: {description: Ids of the requirements that asked for this check; handed through to the findings.,
                     type: list, elements: str, default: []}
      url: {description: Kinds V(http) and V(metrics). What to ask for; without user and password., type: str}
      method: {description: Kind V(http)., type: str, choices: [GET, HEAD, POST, OPTIONS], default: GET}
      headers:
        description:
          - Kind V(http). Headers to send besides C(X-Upkeep-Probe) and C(User-Agent), which mark a probe.
          - Values of headers with auth, cookie, key, token or secret in their name are never shown.
        type: dict
      expect_status: {description: Kind V(http). Status codes that are right., type: list, elements: int,
                      default: [200]}
      body_regex: {description: Kind V(http). Regular expression that must be found in the body., type: str}
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
          equals: {description: The value is this., type: raw}
          at_least: {description: The value is a number not below this., type: float}
          at_most: {description: The value is a number not above this., type: float}
          matches: {description: The value is text in which this regular expression is found., type: str}
          exists: {description: "The path leads somewhere, or must not.", type: bool}
          severity: {description: What the finding becomes when the condition does not hold., type: str,
                     choices: [warning, critical], default: critical}
      headers_present: {description: Kind V(http). Headers that the answer must have., type: list, elements: str,
                        default: []}
      follow_redirects: {description: Kind V(http). Follow up to five redirects; otherwise one is judged by its status.,
                         type: bool, default: false}
      verify_tls: {description: "Kind V(http). Refuse a certificate that is expired, not trusted or made out to another
                                 name.", type: bool, default: true}
      ca_file: {description: Kind V(http). Trust these authorities instead of those of the host., type: path}
      max_body: {description: Kind V(http). Bytes of the body that are read at most., type: int, default: 1048576}
      upload:
        description: Kind V(http) with O(checks[].method=POST). Send a file as a browser's form would.
        type: dict
        suboptions:
          path: {description: The file on the host., type: path}
          content: {description: The content itself instead of a file., type: str}
          field: {description: Name of the form's field., type: str, default: file}
          filename: {description: Name that the file is sent under; its own when not given., type: str}
          content_type: {description: What the file is., type: str, default: text/csv}
          rows: {description: "Send the heading and this many rows only; adds C(http:name.per_row).", type: int}
          fields: {description: Other fields of the form., type: dict, default: {}}
          row_warning_ms: {description: "More time for each row, in the middle of the samples, is C(warning).",
                           type: float}
          row_critical_ms: {description: More time for each row is C(critical)., type: float}
      latency:
        description:
          - Kinds V(http), V(postgresql) and V(dns). Adds the finding C(kind:name.latency).
          - With several samples the 95th percentile is judged, and every sample must be a right answer. For V(http) the
            message tells how much of the slowest answer went into resolving, connecting, TLS, first byte and body.
        type: dict
        suboptions:
          warning_ms: {description: Slower than this is C(warning)., type: float}
          critical_ms: {description: Slower than this is C(critical)., type: float}
          samples: {description: "How many answers to time, one after the other, all within O(checks[].timeout).",
                    type: int, default: 1}
          minimum: {description: With fewer answers than this the latency is C(unknown)., type: int, default: 1}
          timeout_ms: {description: "Kind V(http). A sample that takes longer is given up, is C(critical), and counts
                                     with this time.", type: float}
      tls_expiry:
        description: Kind V(http). Adds the finding C(http:name.tls_expiry) with the days left of the certificate.
        type: dict
        suboptions:
          warning_days: {description: Fewer days than this are C(warning)., type: float, default: 21.0}
          critical_days: {description: Fewer days than this are C(critical)., type: float, default: 7.0}
      requests: {description: Kind V(metrics). The counter of requests., type: str, default: http_requests_total}
      durations: {description: "Kind V(metrics). The histogram of their times, in seconds.", type: str,
                  default: http_request_duration_seconds}
      status_label: {description: Kind V(metrics). The label of the counter that holds the status., type: str,
                     default: status_code}
      failed: {description: Kind V(metrics). Regular expression that the status of a failed request fits., type: str,
               default: "5[0-9][0-9]"}
      least_requests: {description: "Kind V(metrics). With fewer requests since the look before, times and failures are
                                     C(info).", type: int, default: 20}
      rate:
        description: Kind V(metrics). Adds C(metrics:name.rate), the requests per minute since the look before.
        type: dict
        suboptions:
          warning: {description: More are C(warning)., type: float}
          critical: {description: More are C(critical)., type: float}
          requirements: {description: Ids for this finding instead of those of the check., type: list, elements: str,
                         default: []}
      response_time:
        description:
          - Kind V(metrics). Adds C(metrics:name.response_time), the 95th percentile since the look before, within its
            bucket by proportion.
        type: dict
        suboptions:
          warning_ms: {description: Slower is C(warning)., type: float}
          critical_ms: {description: Slower is C(critical)., type: float}
          requirements: {description: Ids for this finding instead of those of the check., type: list, elements: str,
                         default: []}
      errors:
        description: Kind V(metrics). Adds C(metrics:name.errors), the share of failed requests since the look before.
        type: dict
        suboptions:
          warning: {description: A larger share in % is C(warning)., type: float}
          critical: {description: A larger share in % is C(critical)., type: float}
          requirements: {description: Ids for this finding instead of those of the check., type: list, elements: str,
                         default: []}
      replicas: {description: "Kind V(replication). Fewer replicas that copy the server are C(critical).", type: int,
                 default: 0}
      host:
        description:
          - Kinds V(tcp) and V(redis), by default 127.0.0.1. Kinds V(postgresql) and V(replication), by default the
            local socket.
          - Kind V(dns), the name to resolve.
        type: str
      addresses: {description: Kind V(dns). Addresses that must be among the answers., type: list, elements: str,
                  default: []}
      port:
        description:
          - Kinds V(tcp) and V(listener). Kind V(redis), by default 6379. Kinds V(postgresql) and V(replication), by
            default that of libpq.
        type: int
      path:
        description:
          - Kind V(unix_socket), the socket. Kind V(log_line), the log.
          - Kind V(file), the file; the newest one when its last part is a pattern, as in C(/backups/shop_*.gz).
        type: path
      min_bytes: {description: Kind V(file). A smaller file is C(critical)., type: int, default: 1}
      max_bytes: {description: "Kind V(file), a larger file is C(critical). Kind V(log_line), how much of the end is
                                looked through, 64 MiB when not given.", type: int}
      age_hours:
        description: Kind V(file). Adds the finding C(file:name.age) with the hours since it was last written.
        type: dict
        suboptions:
          warning: {description: Older than this is C(warning)., type: float}
          critical: {description: Older than this is C(critical)., type: float}
      pattern: {description: "Kind V(log_line). Regular expression that the line fits; its first group is what is
                              shown.", type: str}
      equals: {description: "Kind V(log_line). What the newest line must say, else C(critical).", type: str}
      missing: {description: Kind V(log_line). What it means that no line fits., type: str,
                choices: [info, warning, critical, unknown], default: warning}
      unit: {description: "Kinds V(unit), V(unit_memory), V(process) and V(listener). The systemd unit.", type: str}
      executable: {description: Kind V(process). The file that the process runs., type: path}
      pid_file: {description: "Kind V(process). File with the process id; O(checks[].executable) is what it must run.",
                 type: path}
      at_least: {description: Kind V(process). Fewer processes are C(critical)., type: int, default: 1}
      at_most: {description: Kind V(process). More processes are C(critical)., type: int}
      expect:
        description:
          - Kind V(unit), list of active states that are right, C([active]) when not given.
          - Kind V(postgresql), a condition (C(equals), C(at_least), C(at_most), C(severity)) on the first column of the
            only row.
        type: raw
      max_restarts: {description: "Kind V(unit). Adds C(unit:name.restarts), C(warning) when systemd restarted the unit
                                   more often since it was started.", type: int}
      max_new_restarts: {description: "Kind V(unit). Adds C(unit:name.new_restarts), the same since the run before.",
                         type: int}
      paths:
        description:
          - Kind V(filesystem). Paths to judge, each as C(filesystem:PATH) and C(filesystem:PATH.inodes).
          - V(all) takes every local file system that no other check names.
        type: list
        elements: str
      exclude: {description: Kind V(filesystem). Mount points that V(all) leaves out., type: list, elements: str,
                default: []}
      warning:
        description:
          - Above this is C(warning). V(filesystem), 80 (%) by default. V(memory), 85 (%). V(load), 1.5.
          - Without a default for V(cpu) and V(disk_io) in % of the time since the look before, V(network) in MB/s since
            then, V(unit_memory) in MB, V(replication) in seconds behind.
        type: float
      critical:
        description: Above this is C(critical). V(filesystem), 90 by default. V(memory), 95. V(load), 4.
        type: float
      inodes:
        description: Kind V(filesystem). Limits for inodes; those for space when not given.
        type: dict
        suboptions:
          warning: {description: Above this many percent is C(warning)., type: float}
          critical: {description: Above this many percent is C(critical)., type: float}
      include_swap: {description: Kind V(memory). Take memory and swap together., type: bool, default: false}
      count: {description: Kind V(top). How many processes to name., type: int, default: 10}
      seconds: {description: Kind V(top). Over how long the use of the processor is taken., type: float, default: 1.0}
      database: {description: Kinds V(postgresql) and V(replication). Name of the database., type: str}
      user: {description: "Kinds V(postgresql) and V(replication), database user. Kind V(listener), owner of the port.",
             type: str}
      username: {description: Kind V(redis). User of Redis' access control list., type: str}
      password: {description: "Kinds V(postgresql), V(replication) and V(redis). Never shown.", type: str}
      passfile: {description: "Kinds V(postgresql) and V(replication). File with the password, as libpq reads it.",
                 type: path}
      as_user: {description: "Kinds V(postgresql) and V(replication). System user to connect as over the local socket,
                              for peer authentication.", type: str}
      query: {description: "Kind V(postgresql). Question with one row as its answer, asked in a transaction that cannot
                            write.", type: str, default: SELECT 1}
      db: {description: Kind V(redis). Number of the database., type: int, default: 0}
      info:
        description: Kind V(redis). Figures to tell or judge; each adds C(redis:name.FIELD).
        type: list
        elements: dict
        default: []
        suboptions:
          field:
            description:
              - Name of a field of INFO, as in C(used_memory). C(keys) is the number of keys in all databases,
                C(hit_ratio) the share of lookups in % that found their key since the look before.
            type: str
            required: true
          warning: {description: Beyond this is C(warning)., type: float}
          critical: {description: Beyond this is C(critical)., type: float}
          worse: {description: On which side of the limits it is bad., type: str, choices: [above, below],
                  default: above}
          equals: {description: "The field must be this, else C(critical).", type: str}
          requirements: {description: Ids for this finding instead of those of the check., type: list, elements: str,
                         default: []}
      broker: {description: "Kind V(celery). C(redis://[[user]:password@]host[:port][/database]). Never shown.",
               type: str}
      min_workers: {description: Kind V(celery). How many workers must answer; the check is over as soon as they did.,
                    type: int, default: 1}
      queues:
        description: Kind V(celery). Queues whose length is judged; each adds C(celery:name.queue_NAME).
        type: list
        elements: dict
        default: []
        suboptions:
          name: {description: Name of the queue., type: str, required: true}
          warning: {description: More waiting tasks than this are C(warning)., type: float}
          critical: {description: More waiting tasks than this are C(critical)., type: float}
"""
