# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin action_plugins/model_update_candidate.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: model_update_candidate
short_description: Check a candidate for a model on the controller
version_added: "0.3.0"
description:
  - Compares its checksums, or its signature, and reads it to the end without loading it. A pickle
    may import only what is on a list; two readers must agree on what it imports. What cannot be
    read to the end, such as an archive or a compressed file, is refused.
  - The text format of LightGBM holds no code and needs no list.
  - Runs on the controller only. It fails for a candidate that must not be used.
extends_documentation_fragment: [effects.looks]
options:
  path:
    description: The candidate.
    type: path
    required: true
  sha256:
    description: Its SHA-256. Required unless a signature counts.
    type: str
    default: ""
  md5:
    description: Its MD5, compared as well when given.
    type: str
    default: ""
  allowed:
    description:
      - Names that it may import beside those that LightGBM and scikit-learn need, such as
        C(sklearn.svm._classes.SVC). Names that run what they are given cannot be allowed.
    type: list
    elements: str
    default: []
  signers:
    description:
      - Allowed signers as in ssh-keygen(1). When given, the candidate needs a good signature beside
        it (O(path) with C(.sig), made by C(ssh-keygen -Y sign -n upkeep-models)).
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
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Check the new risk model
  model_update_candidate:
    path: /srv/models/risk_model_new.pkl
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  register: checked
"""

RETURN = r"""
sha256:
  description: Its SHA-256.
  returned: success
  type: str
md5:
  description: Its MD5.
  returned: success
  type: str
bytes:
  description: Its size.
  returned: success
  type: int
format:
  description: V(lightgbm) for text, V(pickle).
  returned: success
  type: str
imports:
  description: What it imports when it is loaded.
  returned: success
  type: list
  elements: str
"""
