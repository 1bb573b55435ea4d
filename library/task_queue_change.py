#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: purge a task queue, put its tasks back, or start failed tasks again."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: task_queue_change
short_description: Purge a task queue of Celery after saving it, put it back, start failed tasks
version_added: "0.2.0"
description:
  - V(purge) moves the lists of a queue aside by one command each, saves their tasks below
    O(folder), reads the copy back, and only then deletes what it saved. A task that arrives
    meanwhile stays in the queue. When the copy cannot be written, the tasks are put back.
  - V(put_back) puts each task of such a copy back once, as the oldest of its list, also when it was
    called before or was cut short.
  - V(retry) starts failed tasks again with their arguments, each once, when the profile allows the
    name and a worker knows it.
  - A second call changes nothing.
extends_documentation_fragment: [task_queue_change]
attributes:
  check_mode:
    description: Counts the tasks that would be concerned.
    support: full
  diff_mode:
    description: Shows their number.
    support: full
notes:
  - Needs Redis 6.2 or later, or Valkey. V(retry) needs C(python3-celery) on the host.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Empty the queue of the shop, in an emergency
  task_queue_change:
    applications:
      - {name: shop, broker: "redis://127.0.0.1:6379/0", queues: [{name: celery}], purge: {}}
    action: purge
    queue: celery
  register: purged

- name: Put the tasks back
  task_queue_change:
    applications:
      - {name: shop, broker: "redis://127.0.0.1:6379/0"}
    action: put_back
    copy: "{{ purged.saved_as }}"
"""

RETURN = r"""
number:
  description: How many tasks were, or in check mode would be, purged, put back or started.
  returned: success
  type: int
saved_as:
  description: Name of the copy, which V(put_back) takes.
  returned: success
  type: str
message:
  description: What was done, in a sentence.
  returned: success
  type: str
findings:
  description: The sentence as a partial finding.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.task_queue.change import ChangeError, run
from ansible.module_utils.upkeep.task_queue.options import CHANGE_OPTIONS as OPTIONS
from ansible.module_utils.upkeep.task_queue.settings import SettingsError, parse_change


def main() -> None:
    """Check the arguments, change, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse_change(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        **bounded(
            module,
            lambda: run(settings, module.check_mode),
            settings.max_seconds,
            expected=ChangeError,
        )
    )


if __name__ == "__main__":
    main()
