#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: go back to a release that has proved itself."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollback
short_description: Go back to a release that has proved itself, with what depends on it
version_added: "0.3.0"
description:
  - Lets the newest other release that has proved itself serve, or one that is named, by the same
    switch as a deployment, so that no connection is refused and it is confirmed as well.
  - A switch that was left between is taken back first.
  - Then deletes the listed keys from caches and restarts what depends on the release.
  - Says C(Done), or that a person must step in and why.
extends_documentation_fragment: [rollback]
attributes:
  check_mode:
    description: Reports the files that would be others and the steps, changes nothing.
    support: full
  diff_mode:
    description: >-
      Shows where the link to the serving release leads; in check mode also which files of the code
      and what of the units would be others. Secrets are masked.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Go back to the release before
  rollback:
    app:
      root: /srv/releases/shop
      user: shop
      command: ["{release}/venv/bin/python", -m, shop.api]
      server:
        unit: shop-api.service
        listen: ["127.0.0.1:8000"]
        probes: [{name: health, path: /health}]
    caches: [{name: shop, patterns: ["prices:*"]}]
    reason: wrong prices
"""

RETURN = r"""
findings:
  description: Partial findings, C(rollback:NAME) and its aspects.
  returned: always
  type: list
  elements: dict
done:
  description: Whether the release serves and all that follows it was done.
  returned: always
  type: bool
steps:
  description: What is done, or would be, in order.
  returned: always
  type: list
  elements: str
files:
  description: >-
    C(changed), C(added) and C(removed) are files of the code that would be others, C(same) counts
    the rest.
  returned: in check mode, when another release would serve
  type: dict
current:
  description: Id of the release that serves.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.rollback.options import OPTIONS
from ansible.module_utils.upkeep.rollback.run import run
from ansible.module_utils.upkeep.rollback.settings import RollbackError, parse


def main() -> None:
    """Read the options, go back, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except RollbackError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    )


if __name__ == "__main__":
    main()
