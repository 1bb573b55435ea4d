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
  - Reads each file once for all its digests, files side by side, and compares them with a record that is kept away from
    the host. Whoever can change a model on a host cannot change what it is compared with.
  - Never loads a model and never changes anything. Never fails on what it sees; it fails on input it cannot work with.
  - A file is opened only when it is a regular file under its root after all links are resolved. One that changes
    while it is read, or that another file takes the place of, gives C(unknown), never C(ok).
options:
  models:
    description: The models of this host.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the model, unique; the finding is called C(model:name), the record has this key.
        type: str
        required: true
      path:
        description: The file; absolute, or relative to its root.
        type: str
        required: true
      root:
        description: Folder that the file must lie under, links resolved. By default that of O(models[].path).
        type: str
      metadata:
        description: JSON file with the figures of the training; adds the finding C(model:name.metadata).
        type: dict
        suboptions:
          path:
            description: The file, relative to the folder of the model. It must lie under the same root.
            type: str
            required: true
          keys:
            description:
              - Names in it of C(accuracy), C(f1), C(r2), C(feature_count) and C(trained_at), where they are others.
              - A figure that is named here and missing in the file is reported.
            type: dict
            default: {}
          requirements: &requirements
            description: Ids of the requirements that ask for this. Those of the model when none are given.
            type: list
            elements: str
            default: []
      limits:
        description:
          - What the figures must keep; adds the finding C(model:name.limits), C(warning) beyond a limit.
          - The figures of the metadata count, where it gives none those of the record.
        type: dict
        suboptions:
          accuracy:
            description: Lowest share of right answers, 0 to 1.
            type: float
          r2:
            description: Lowest coefficient of determination, 0 to 1.
            type: float
          max_age_days:
            description: Days since the training.
            type: float
          feature_count:
            description: Exact number of features.
            type: int
          requirements: *requirements
      in_use:
        description: Ask the application's log which model it uses; adds the finding C(model:name.in_use).
        type: dict
        suboptions:
          log:
            description: The log. Its last 8 MiB are searched.
            type: str
            required: true
          pattern:
            description: Regular expression for a line that says what is in use. The newest one decides.
            type: str
            required: true
          expected:
            description: Text that this line must contain.
            type: str
            required: true
          requirements: *requirements
      requirements:
        description: Ids of the requirements that ask for this.
        type: list
        elements: str
        default: []
  folders:
    description: Folders to list; adds C(models:path), which names the files that are none of the models.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The folder.
        type: str
        required: true
      patterns:
        description: Shell patterns of names that stand for models.
        type: list
        elements: str
        default: ["*.pkl", "*.joblib", "*.onnx", "*.pt", "*.h5", "*.keras", "*.safetensors"]
      requirements: *requirements
  manifest:
    description:
      - The trusted records, a mapping from model name to C(md5), C(sha256), C(bytes), C(metrics), C(trained_at) and
        C(approved_by), of which one digest must be there. Other models may have records in it, too.
      - A damaged record gives C(unknown) for its model and leaves the others alone.
    type: dict
    default: {}
  algorithms:
    description: Digests to compute. MD5 finds accidents; only SHA-256 finds intent.
    type: list
    elements: str
    choices: [md5, sha256]
    default: [md5, sha256]
  state:
    description:
      - V(verified) compares.
      - V(recorded) also returns new records, for files that have none. It writes nothing.
    type: str
    choices: [verified, recorded]
    default: verified
  replace:
    description: With O(state=recorded), models whose record is to be replaced. Others are compared with theirs.
    type: list
    elements: str
    default: []
  approved_by:
    description: Who approved the files that are recorded. Required with O(state=recorded).
    type: str
    default: ""
  workers:
    description: How many files are read at the same time, 1 to 16.
    type: int
    default: 2
attributes:
  check_mode:
    description: The module never changes anything.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
author:
  - Upkeep contributors
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
    risk_model: {md5: 9e107d9d372bb6826bd81d3542a419d6, bytes: 43, approved_by: A. Reviewer, metrics: {accuracy: 0.93}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.models.entries import ModelError
from ansible.module_utils.upkeep.models.options import ARGUMENTS
from ansible.module_utils.upkeep.models.verify import run


def main() -> None:
    """Check the arguments, look, answer."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params)
    except ModelError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
