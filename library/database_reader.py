#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: make the role of PostgreSQL that reads tables of applications."""

from __future__ import annotations

DOCUMENTATION = r"""
module: database_reader
short_description: Make the PostgreSQL role that reads tables of applications
version_added: "0.1.0"
description:
  - Whoever owns a table decides which code runs when it is read. So tables of applications are read
    by a role with few rights, C(upkeep_read), and never by a superuser.
  - Makes the role with LOGIN and BYPASSRLS, without any right to change something, as member of
    C(pg_read_all_data) and C(pg_monitor), and lets it call the functions of the extension amcheck
    in each database that has it. A role with other attributes is brought to these.
  - Sets no password. On the local socket, peer authentication lets in the system account of the
    same name.
extends_documentation_fragment: [database_reader]
attributes:
  check_mode:
    description: Returns what it would do.
    support: full
  diff_mode:
    description: Shows the statements.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Make the role that reads
  database_reader:
    make: true
"""

RETURN = r"""
findings:
  description: One partial finding, C(reader:upkeep_read).
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import OptionError, argument_spec
from ansible.module_utils.upkeep.database_reader.options import OPTIONS
from ansible.module_utils.upkeep.database_reader.run import ReaderError, run

#: What the module may take beyond its time before it ends itself, s.
OVERTIME = 30


def main() -> None:
    """Read the arguments, make the role, return the finding."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    # no_log keeps the password out of the log. As a word to blot out it would spoil findings in
    # which the same word stands for itself; no message has it, so it is left out of the answer.
    arguments = dict(module.params)
    module.params.pop("login_password")
    module.no_log_values = set()
    result = bounded(
        module,
        lambda: run(arguments, check_mode=module.check_mode),
        arguments["seconds"] + OVERTIME,
        (OptionError, ReaderError),
    )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
