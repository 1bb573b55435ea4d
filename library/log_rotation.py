# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rotate logs with logrotate; see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: log_rotation
short_description: Configure logrotate for a system's logs, and rotate what is due
version_added: "0.1.0"
description:
  - Writes one logrotate configuration, lets logrotate decide what is due, and rotates only then.
  - Removes rotated files past their time, also of logs that are too quiet to be rotated again.
  - logrotate checks the configuration before it is put in place by one rename.
  - Works on the state file of the distribution's timer, whose lock keeps the two from rotating at
    the same time.
  - Returns findings on every log. A rotation that fails is a finding, not a failed task, and a file
    that cannot be rotated costs that file only.
options:
  logs:
    description: What to rotate. Two entries must not match the same file.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the log in findings.
        type: str
        required: true
      paths:
        description:
          - Absolute paths; wildcards are allowed unless they would match rotated files too.
        type: list
        elements: str
        required: true
      cadence:
        description: How often to rotate.
        type: str
        choices: [daily, weekly, monthly]
        required: true
      keep_days:
        description: Days that a rotated file is kept, counted from the time in its name.
        type: int
        required: true
      max_size:
        description: Rotate earlier above this size; a number with C(k), C(M) or C(G).
        type: str
      compress_after_days:
        description:
          - C(0) compresses at rotation; anything else at the rotation after it, which is safe for
            every writer.
        type: int
        default: 1
      owner:
        description: Owner of the new log file.
        type: str
        default: root
      group:
        description: Group of the new log file.
        type: str
        default: root
      mode:
        description: Mode of the new log file, four octal digits in quotes.
        type: str
        default: "0640"
      su_user:
        description:
          - User to rotate and to remove as; who may write in the log's folder. Default is
            O(logs[].owner).
        type: str
      su_group:
        description: Group to rotate as. Default is O(logs[].group).
        type: str
      reopen:
        description:
          - How the writer comes to the new file. C(none) when it watches its file itself.
          - C(copytruncate) for one that cannot be signalled; lines written during the copy may
            be lost.
          - Or a mapping of C(unit) and C(signal) (C(HUP), C(USR1), C(USR2), C(WINCH)).
        type: raw
        default: none
      requirements:
        description: Ids of the requirements that asked for this log.
        type: list
        elements: str
        default: []
  config_path:
    description: The configuration file to manage.
    type: path
    required: true
  state_path:
    description: The state file of logrotate.
    type: path
    default: /var/lib/logrotate/status
author: Upkeep contributors
attributes:
  check_mode:
    description: Predicts the same changes, also on a host where logrotate is not installed yet.
    support: full
  diff_mode:
    description: Shows the configuration and a line for each file rotated or removed.
    support: full
"""

EXAMPLES = r"""
- name: Rotate the logs of the API
  log_rotation:
    config_path: /etc/logrotate.d/upkeep-fairedge
    logs:
      - name: api
        paths: [/var/log/fairedge/api.log]
        cadence: daily
        keep_days: 30
        max_size: 100M
        owner: fairedge
        group: fairedge
"""

RETURN = r"""
findings:
  description: Partial findings on every log (C(log:NAME), its aspects) and on logrotate itself.
  type: list
  elements: dict
  returned: success
rotated:
  description: Paths of the logs that were rotated (in check mode, would be).
  type: list
  elements: str
  returned: success
started:
  description: Paths of logs that logrotate saw for the first time; their first period begins now.
  type: list
  elements: str
  returned: success
removed:
  description: Paths of rotated files that were past their time.
  type: list
  elements: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.log_rotation.host import LogrotateHost
from ansible.module_utils.upkeep.log_rotation.options import OPTIONS
from ansible.module_utils.upkeep.log_rotation.run import RotationError, run
from ansible.module_utils.upkeep.log_rotation.settings import RotationOptionError, parse


def main() -> None:
    """Check the options, rotate, return what happened."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    host = LogrotateHost(module.get_bin_path("logrotate", opt_dirs=["/usr/sbin", "/sbin"]))

    try:
        outcome = run(parse(module.params), host, module.check_mode)
    except (RotationOptionError, RotationError, OSError) as error:
        module.fail_json(msg=str(error))

    module.exit_json(**vars(outcome))


if __name__ == "__main__":
    main()
