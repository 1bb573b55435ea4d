#!/usr/bin/python
# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: compare the model files of one host with what was approved."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_verify
short_description: Compare model files with their trusted records, all files of a host in one call
version_added: "0.1.0"
description:
  - Reads each file once for all its digests, files side by side, and compares them with a record
    that is kept away from the host. Whoever can change a model on a host cannot change what it is
    compared with.
  - Never changes anything. Loads no model, but for O(models[].drift), and then as its service user.
  - Never fails on what it sees; it fails on input it cannot work with. Each model is read in a
    process of its own, bounded in time and memory, so that a hostile file costs its own model only.
  - A file is opened only when it is a regular file under its root after all links are resolved. One
    that changes while it is read is read again; one that changes again is C(critical).
extends_documentation_fragment: [effects.looks, model_verify]
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Compare the model with what was approved
  model_verify:
    models:
      - name: risk_model
        path: /opt/shop/models/risk.pkl
        metadata:
          path: model_metadata.json
          keys: {accuracy: binary_accuracy, trained_at: training_date}
        limits: {accuracy: 0.9, max_age_days: 180}
        drift:
          reference: /opt/shop/reference/orders.csv
          target: risk
          predictor: /opt/shop/predictor.py
          class_name: RiskPredictor
          interpreter: /opt/shop/venv/bin/python
          user: shop
          r2: 0.9
    manifest: "{{ lookup('ansible.builtin.file', 'manifest.yml') | from_yaml }}"
  register: verified

- name: Make records of models that were just approved
  model_verify:
    models:
      - {name: risk_model, path: /opt/shop/models/risk.pkl}
    state: recorded
    replace: [risk_model]
    approved_by: A. Reviewer
"""

RETURN = r"""
findings:
  description: Partial findings, C(model:name) with its aspects, and C(models:path) for folders.
  returned: always
  type: list
  elements: dict
models:
  description: What was read of each model.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the model.
      type: str
    path:
      description: The file.
      type: str
    readable:
      description: Whether it could be read.
      type: bool
    reason:
      description: Why it could not.
      type: str
    bytes:
      description: Size.
      type: int
    modified:
      description: When it was last written, in UTC.
      type: str
    md5:
      description: Its digest, where asked for and possible.
      type: str
    sha256:
      description: Its digest, where asked for and possible.
      type: str
record:
  description: New entries for the manifest by model name; with O(state=recorded) only, else empty.
  returned: always
  type: dict
  sample:
    risk_model: {md5: 9e107d9d372bb6826bd81d3542a419d6, bytes: 43, approved_by: A. Reviewer}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.base.bounded import bounded
from ansible.module_utils.upkeep.base.options import argument_spec
from ansible.module_utils.upkeep.model_verification.options import OPTIONS
from ansible.module_utils.upkeep.model_verification.run import run
from ansible.module_utils.upkeep.model_verification.settings import ModelOptionError, parse


def main() -> None:
    """Check the options, verify, return what was found."""
    module = AnsibleModule(argument_spec=argument_spec(OPTIONS), supports_check_mode=True)

    try:
        settings = parse(module.params)
    except ModelOptionError as error:
        module.fail_json(msg=str(error))

    module.exit_json(**bounded(module, lambda: run(settings), settings.max_seconds))


if __name__ == "__main__":
    main()
