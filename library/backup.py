#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: make a backup set of one host when one is due, and expire what is redundant."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Make a verified backup set and delete sets that newer ones make redundant
version_added: "0.1.0"
description:
  - Makes a set of a database, files and what else is listed, reads all of it again, and gives it
    its name only when nothing is wrong. A set is whole or it is not published.
  - With O(reason=schedule) a set is made only when the newest verified one is old enough, so that
    a second run changes nothing.
  - Deletes a set only when a newer verified one makes it redundant, never after a failure, and
    never when a clock jumped.
  - An artefact that cannot be made is a finding. The module fails when the catalogue cannot be
    used.
extends_documentation_fragment: [backup]
attributes:
  check_mode:
    description: Reports whether a set is due and which sets would be deleted.
    support: full
  diff_mode:
    description: Shows nothing; RV(made) and RV(expired) name what changed.
    support: none
notes:
  - Needs C(zstd), and C(pg_dump) and C(python3-psycopg2) for a database of PostgreSQL,
    C(redis-check-rdb) for Redis, and C(age) for what is encrypted.
  - The format of the catalogue is described in docs/backup-format.md.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Make a set of the shop when one is due
  backup:
    system: shop
    root: /var/backups/upkeep/shop
    artefacts:
      - name: database
        postgresql: {database: shop}
      - name: files
        files: {paths: [/opt/shop/app, /etc/shop]}
    retention: {last: 3, days: 7}
  register: backed_up
"""

RETURN = r"""
root:
  description: Folder of the sets.
  returned: always
  type: str
made:
  description: Name of the set that was made, empty for none.
  returned: always
  type: str
due:
  description: In check mode, whether a set would be made.
  returned: always
  type: bool
expired:
  description: Names of the sets that were deleted, or in check mode would be.
  returned: always
  type: list
  elements: str
progress:
  description: What a run makes now, for people; empty when there is none.
  returned: with O(state=progress)
  type: str
findings:
  description: Partial findings, C(backup:set), C(backup:age), C(backup:retention), C(backup:NAME).
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.backup.options import OPTIONS
from ansible.module_utils.upkeep.backup.run import GRACE, BackupError, run
from ansible.module_utils.upkeep.backup.settings import SettingsError, parse
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.base.priority import step_back


def main() -> None:
    """Check the arguments, run, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    def work() -> dict[str, t.Any]:
        step_back(last=True)
        answer: dict[str, t.Any] = run(settings, module.check_mode)

        return answer

    module.exit_json(**bounded(module, work, settings.max_seconds + GRACE, BackupError))


if __name__ == "__main__":
    main()
