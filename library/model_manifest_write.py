# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/model_manifest_write.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_manifest_write
short_description: Write new records of models into a manifest on the controller
version_added: "0.1.0"
description:
  - Takes what hosts answered as hostile input. A record is taken only of a model that the host was
    asked about, when it has none or is to be replaced, and only when it is whole. All hosts must
    agree. Otherwise the task fails, names the host, and nothing is written.
  - The serial number of the manifest grows with each change, which makes a signature void.
  - Runs on the controller only.
options:
  path:
    description: The manifest. It is made where there is none yet.
    type: path
    required: true
  system:
    description: System that the manifest belongs to.
    type: str
    required: true
  manifest:
    description: Records by model name to begin with. Those of the file by default.
    type: dict
    default: {}
  answers:
    description: Host to the records that it answered.
    type: dict
    required: true
  models:
    description: Host to the names of the models that it was asked about.
    type: dict
    required: true
  replace:
    description: Models whose record may be replaced.
    type: list
    elements: str
    default: []
  approved_by:
    description: Who approved the files.
    type: str
    required: true
attributes:
  check_mode:
    description: Shows what would be written.
    support: full
  diff_mode:
    description: Shows the manifest before and after.
    support: full
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Write the record of the shop's model
  model_manifest_write:
    path: records/model_manifests/shop.yml
    system: shop
    answers:
      shop-1: "{{ verified.record }}"
    models:
      shop-1: [risk_model]
    approved_by: A. Reviewer
"""

RETURN = r"""
serial:
  description: Serial number of the manifest after this task.
  returned: success
  type: int
"""
