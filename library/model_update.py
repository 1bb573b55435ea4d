#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: let a new model file serve, go back to a kept one, or have a candidate made."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_update
short_description: Let a new model file serve once it has proved itself, or go back
version_added: "0.3.0"
description:
  - With V(live) copies a candidate to a folder of root and checks it on the way, puts that copy
    beside the file that serves, has it loaded as the service user
    with warnings as errors, measures it on the reference set beside the model that serves, keeps
    that one with its metadata, renames, restarts and watches. Our own probes decide. A candidate
    that does not prove itself is taken back with what it showed as evidence.
  - V(measured) does the first half of that and keeps the candidate for V(live), so that what it
    showed is reported before anything that serves is changed.
  - From before the change until it is confirmed a timer of the host stands ready to go back, so
    that a run that is killed leaves no model that nobody confirmed.
  - With V(back) a kept model serves again, watched in the same way; what served is kept before.
  - With V(trained) the models of the folder are copied with their metadata; the profile's commands
    make and test a candidate in a limited unit. What serves is put back when one changed it.
  - With V(looked) reports updates that were cut off, leftovers, and a way back that is missing.
  - A model that is refused is a finding and C(done=false), not a failure of the module. It writes
    no trusted record; the role does once all hosts have confirmed.
extends_documentation_fragment: [model_update]
attributes:
  check_mode:
    description: Reports the steps, and changes nothing.
    support: full
  diff_mode:
    description: Shows no difference, since models are binary.
    support: none
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Let a candidate serve
  model_update:
    models: &models
      - name: risk_model
        root: /srv/shop
        path: models/risk.pkl
        user: shop
        server:
          unit: shop-api.service
          listen: ["127.0.0.1:8000"]
          probes: [{name: health, path: /health}]
    state: live
    upload: candidates/risk.pkl
    sha256: "{{ checked.sha256 }}"
    approved_by: A. Reviewer

- name: Go back to the model before
  model_update:
    models: *models
    state: back
"""

RETURN = r"""
findings:
  description: Partial findings, the aspects of C(model:NAME).
  returned: always
  type: list
  elements: dict
needed:
  description: Whether the model that was asked for did not serve before this call.
  returned: always
  type: bool
done:
  description: Whether what was asked for is so now; V(false) after a model was refused.
  returned: always
  type: bool
steps:
  description: What is done, or would be, in order.
  returned: always
  type: list
  elements: str
sha256:
  description: Checksum of the file that serves; empty where it cannot be read, and with V(looked).
  returned: always
  type: str
record:
  description: The record of the model that was asked for, by its name, as a manifest takes it.
  returned: always
  type: dict
candidate:
  description: With V(trained), C(path), C(metadata) and C(sha256) of what was made.
  returned: always
  type: dict
pruned:
  description: Ids of kept models that were deleted.
  returned: when a candidate serves
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.model_update.options import OPTIONS
from ansible.module_utils.upkeep.model_update.run import run
from ansible.module_utils.upkeep.model_update.settings import UpdateOptionError, parse


def main() -> None:
    """Read the options, do what the state asks for, return the findings."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)
    try:
        settings = parse(module.params)
    except UpdateOptionError as error:
        module.fail_json(msg=str(error))

    module.exit_json(
        **bounded(module, lambda: run(settings, module.check_mode), settings.max_seconds)
    )


if __name__ == "__main__":
    main()
