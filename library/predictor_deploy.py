#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: put a release on a host, let it serve, or look at what deployments left."""

from __future__ import annotations

DOCUMENTATION = r"""
module: predictor_deploy
short_description: Put a release on a host, let it serve once it has proved itself, or go back
version_added: "0.3.0"
description:
  - With V(built) unpacks a release beside the one that serves, makes its virtual environment in
    place from wheels with hashes, and writes its unit files. A release counts once it is complete.
  - With V(live) starts the release beside the one that serves and asks it on a socket of its own,
    lets it serve while the listening socket stays with its socket unit, and watches it. Our own
    probes decide. One that does not prove itself is taken back and put into quarantine with what
    it showed.
  - From before the switch until it is confirmed a timer of the host stands ready to go back, so
    that a run that is killed leaves no release that nobody confirmed.
  - With V(looked) reports code that was changed by hand, leftovers, and a way back that is missing.
  - A release that fails is a finding and C(done=false), not a failure of the module.
extends_documentation_fragment: [predictor_deploy]
attributes:
  check_mode:
    description: Reports the release, the files that would be others and the steps, changes nothing.
    support: full
  diff_mode:
    description: >-
      Shows where the link to the serving release leads; in check mode also which files of the code
      and what of units, sockets and the environment file would be others. Secrets are masked.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Look at what deployments left
  predictor_deploy:
    app: &app
      root: /srv/releases/shop
      user: shop
      command: ["{release}/venv/bin/python", -m, shop.api]
      server:
        unit: shop-api.service
        listen: ["127.0.0.1:8000"]
        probes: [{name: health, path: /health, equals: {status: healthy}}]

- name: Let a release serve that was built before
  predictor_deploy:
    app: *app
    state: live
    release: 20260301T080000-0123456789
"""

RETURN = r"""
findings:
  description: Partial findings, C(release:NAME) and its aspects.
  returned: always
  type: list
  elements: dict
needed:
  description: Whether the release was not there, or did not serve, before this call.
  returned: always
  type: bool
done:
  description: Whether what was asked for is so now; V(false) after a release was refused.
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
  description: Id of the release that serves; empty before the first deployment.
  returned: always
  type: str
start_seconds:
  description: Seconds from its start to the first answer of the release, asked beside the old one.
  returned: when a release was made live
  type: float
switch_seconds:
  description: Seconds that the change itself took.
  returned: when a release was made live
  type: float
confirmation:
  description: How it was confirmed, by rounds, seconds, requests of visitors, medians of probes.
  returned: when a release was made live
  type: dict
pruned:
  description: Ids of old releases that were deleted.
  returned: when a release was made live
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.predictor_deploy.options import OPTIONS
from ansible.module_utils.upkeep.predictor_deploy.run import run
from ansible.module_utils.upkeep.predictor_deploy.settings import DeployError, parse


def main() -> None:
    """Read the options, do what the state asks for, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except DeployError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    )


if __name__ == "__main__":
    main()
