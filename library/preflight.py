# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a host before maintenance: rights, drivers, disk, clock, paths, units, old jobs, acceptance."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Look whether a host is fit for maintenance
version_added: "0.1.0"
description:
  - Looks at everything that maintenance depends on, in one call, and returns findings.
  - Only looks, unless O(accept_by) is given.
  - The clock is judged on the controller, from readings before and after the call, so that a slow connection
    is not taken for a wrong clock.
options:
  host:
    description: Name of the host in the inventory, for the advice on how to accept it.
    type: str
    required: true
  components:
    description: Components of this host. Entries with a C(component) that is not among them are left out.
    type: list
    elements: str
    default: []
  python_modules:
    description: Python modules that must be importable, with the package that brings them.
    type: list
    elements: dict
    default: []
    suboptions:
      module:
        description: Name as it is imported.
        type: str
        required: true
      package:
        description: Package to install when it is missing.
        type: str
        required: true
      component:
        description: Only for hosts with this component.
        type: str
  required_paths:
    description: Paths that must exist. What is not given does not matter.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path; links are followed.
        type: path
        required: true
      type:
        description: What the path must be.
        type: str
        choices: [directory, file, socket]
      owner:
        description: Name of the owner.
        type: str
      group:
        description: Name of the group.
        type: str
      mode:
        description: Mode as four octal digits in quotes.
        type: str
      component:
        description: Only for hosts with this component.
        type: str
  units:
    description: Units that systemd must know.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Full name of the unit.
        type: str
        required: true
      component:
        description: Only for hosts with this component.
        type: str
  disk:
    description: Paths whose file system must have room; below half of the minimum is critical.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Any path on the file system.
        type: path
        required: true
      min_free_percent:
        description: Least free share in per cent, as ordinary users see it.
        type: float
        required: true
      component:
        description: Only for hosts with this component.
        type: str
  legacy_patterns:
    description: Regular expressions (Python) of commands and paths by which older, hand-made jobs are known.
    type: list
    elements: str
    default: []
  require_acceptance:
    description: Whether a host that nobody accepted is a critical finding.
    type: bool
    default: true
  accept_by:
    description: Accept the host in the name of this person, unless it is accepted already.
    type: str
  run_id:
    description: Id of the run, kept with the acceptance.
    type: str
    default: ""
  marker:
    description: File that says who accepted the host and when.
    type: path
    default: /var/lib/upkeep/accepted.json
  clock_warning:
    description: Seconds between the clocks of host and controller above which a warning is given.
    type: float
    default: 2.0
  clock_critical:
    description: Seconds between the clocks of host and controller that are critical.
    type: float
    default: 30.0
author: Upkeep contributors
attributes:
  check_mode:
    description: Looks as usual; an acceptance is only predicted.
    support: full
  diff_mode:
    description: Shows the acceptance.
    support: full
"""

EXAMPLES = r"""
- name: Look at the host
  preflight:
    host: "{{ inventory_hostname }}"
    components: [app, redis]
    python_modules:
      - {module: redis, package: python3-redis, component: redis}
    required_paths:
      - {path: /opt/fairedge, type: directory, owner: fairedge}
    legacy_patterns: ['warm_cache\.py']
"""

RETURN = r"""
findings:
  description: Partial findings, one for each thing that was looked at.
  type: list
  elements: dict
  returned: success
clock:
  description: Unix times of start and end on the host.
  type: dict
  returned: success
"""

import time

STARTED = time.time()

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.preflight.run import PatternError, inspect_host

COMPONENT = {"component": {"type": "str"}}
ARGUMENTS = {
    "host": {"type": "str", "required": True},
    "components": {"type": "list", "elements": "str", "default": []},
    "python_modules": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "module": {"type": "str", "required": True},
            "package": {"type": "str", "required": True},
            **COMPONENT,
        },
    },
    "required_paths": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "type": {"type": "str", "choices": ["directory", "file", "socket"]},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "str"},
            **COMPONENT,
        },
    },
    "units": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, **COMPONENT},
    },
    "disk": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "path", "required": True},
            "min_free_percent": {"type": "float", "required": True},
            **COMPONENT,
        },
    },
    "legacy_patterns": {"type": "list", "elements": "str", "default": []},
    "require_acceptance": {"type": "bool", "default": True},
    "accept_by": {"type": "str"},
    "run_id": {"type": "str", "default": ""},
    "marker": {"type": "path", "default": "/var/lib/upkeep/accepted.json"},
    "clock_warning": {"type": "float", "default": 2.0},
    "clock_critical": {"type": "float", "default": 30.0},
}


def main() -> None:
    """Read the options, look at the host, say what was seen and when."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        seen = inspect_host(module.params, module.get_bin_path("systemctl"), module.check_mode)
    except (PatternError, OSError) as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        changed=seen.changed,
        findings=seen.findings,
        diff=seen.diff,
        clock={"started": STARTED, "finished": time.time()},
    )


if __name__ == "__main__":
    main()
