#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: rotate the logs of one host with logrotate."""

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
extends_documentation_fragment: [log_rotation]
author:
  - Upkeep contributors (!UNKNOWN)
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
  description: Paths of rotated files that were past their time, or took too much.
  type: list
  elements: str
  returned: success
compressed:
  description: Paths of rotated files that were compressed here, since their log has gone quiet.
  type: list
  elements: str
  returned: success
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
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
        settings = parse(module.params)
    except RotationOptionError as error:
        module.fail_json(msg=str(error))

    def work() -> dict[str, t.Any]:
        return dict(vars(run(settings, host, module.check_mode)))

    expected = (RotationError, OSError)

    module.exit_json(**bounded(module, work, settings.max_seconds, expected))


if __name__ == "__main__":
    main()
