#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: look at task queues of Celery on a Redis broker."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: task_queue
short_description: Look at task queues of Celery, their workers, their beat and what failed
version_added: "0.2.0"
description:
  - Asks the broker and the workers. The application's own code is never loaded.
  - Waiting tasks are the sum of a queue's priority lists; tasks in the hands of workers are counted
    apart. A queue that does not exist is empty.
  - How long a task has been waiting is known from earlier looks, since messages carry no time.
  - Reads only, and never fails on what it sees. A broker that cannot be reached is a finding.
extends_documentation_fragment: [task_queue]
attributes:
  check_mode:
    description: Looks as always, and does not remember what it saw.
    support: full
  diff_mode:
    description: Nothing is changed.
    support: none
notes:
  - Needs C(python3-celery) on the host where workers are asked.
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Look at the queue of the shop
  task_queue:
    applications:
      - name: shop
        broker: "redis://:{{ shop_redis_password }}@127.0.0.1:6379/0"
        application: shop.celery_app
        queues: [{name: celery, warning: 100}]
        tasks: [{name: shop.pay, max_seconds: 30}]
        workers: {at_least: 2}
        beat: {max_age: 600}
        failed: {hours: 24, warning: 0}
  no_log: true
"""

RETURN = r"""
findings:
  description: Partial findings, C(task_queue:name) and its aspects.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.task_queue.options import OPTIONS
from ansible.module_utils.upkeep.task_queue.run import run
from ansible.module_utils.upkeep.task_queue.settings import SettingsError, parse


def main() -> None:
    """Check the arguments, look, answer."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except SettingsError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    )


if __name__ == "__main__":
    main()
