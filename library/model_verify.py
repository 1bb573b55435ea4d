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
  - Never changes anything. Loads no model, but for O(models[].drift), and then as its service user.
  - Never fails on what it sees; it fails on input it cannot work with.
  - A file is opened only when it is a regular file under its root after all links are resolved. One that changes
    while it is read, or that another file takes the place of, gives C(unknown), never C(ok).
extends_documentation_fragment: [effects.looks]
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
          f1:
            description: Lowest F1 score, 0 to 1.
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
        description:
          - Ask the application's log which model it uses; adds the finding C(model:name.in_use).
          - When no line of it says so, what a rotation has made of it is asked, the newest file first.
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
      drift:
        description:
          - Have the model predict a reference set whose answers are known; adds the finding C(model:name.drift).
          - Only a file that is the approved one is loaded, by the system's own interpreter, as the service user, with
            limits on time, memory and what it may write. Left out with O(state=recorded).
        type: dict
        suboptions:
          reference:
            description: CSV file under the root, 16 MiB at most. Features and known answers of at least 10 rows.
            type: str
            required: true
          target:
            description: Its column with the known answers.
            type: str
            required: true
          predictor:
            description: Python file under the root.
            type: str
            required: true
          class_name:
            description:
              - Class in it. It is made with the path of the model and has C(read), which makes rows of the text of a
                CSV file, and C(predict), which makes one number of each row.
            type: str
            required: true
          user:
            description: Service user that the model is loaded as. Never root.
            type: str
            required: true
          r2:
            description: Lowest coefficient of determination, 0 to 1; C(warning) below it.
            type: float
            required: true
          interpreter:
            description: The system's own Python.
            type: str
            default: /usr/bin/python3
          timeout:
            description: Seconds that loading and predicting may take, 1 to 600.
            type: int
            default: 120
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
  manifest_problem:
    description: Why the records cannot be trusted. When given, no model can be C(ok) and none is recorded.
    type: str
    default: ""
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
    risk_model: {md5: 9e107d9d372bb6826bd81d3542a419d6, bytes: 43, approved_by: A. Reviewer, metrics: {accuracy: 0.93}}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.upkeep.model_verification.options import ARGUMENTS
from ansible.module_utils.upkeep.model_verification.run import run
from ansible.module_utils.upkeep.model_verification.settings import ModelError


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
