# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/model_manifest.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_manifest
short_description: Read the trusted records of models on the controller
version_added: "0.1.0"
description:
  - Reads the file once. What is checked for its signature is what is returned.
  - Runs on the controller only and changes nothing but a note of the manifests it has seen. It does
    not fail on a damaged, unsigned or old file but gives the reason as RV(problem), so that every
    model of the host can be reported as unknown.
extends_documentation_fragment: [effects.looks]
options:
  path:
    description: The manifest, YAML. A file that is not there holds no records.
    type: path
    required: true
  system:
    description: System that the manifest must belong to.
    type: str
    required: true
  signers:
    description:
      - Allowed signers as in ssh-keygen(1). When given, only a manifest with a good signature
        beside it (O(path) with C(.sig), made by C(ssh-keygen -Y sign -n upkeep-models)) counts, and
        none that is older than one seen before.
    type: path
    default: ""
  signer:
    description: Name of the signer in O(signers). Required with it.
    type: str
    default: ""
  revoked:
    description: Keys that count no more, one a line or a KRL as in ssh-keygen(1).
    type: path
    default: ""
  seen:
    description:
      - File that remembers the newest signed manifest of each system. By default beside the runs.
    type: path
    default: ""
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Read the signed records of the shop's models
  model_manifest:
    path: records/model_manifests/shop.yml
    system: shop
    signers: /etc/upkeep/allowed_signers
    signer: models@example.org
  register: trusted
"""

RETURN = r"""
manifest:
  description: The records by model name; none when there is a problem.
  returned: always
  type: dict
problem:
  description: Why no record may be used. Empty when all is well.
  returned: always
  type: str
"""
