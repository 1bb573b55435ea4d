# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action predictor_deploy_source, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: predictor_deploy_source
short_description: Name the release that a tag or commit makes, and write its archive
version_added: "0.3.0"
description:
  - Works on the controller, with git; a repository elsewhere is mirrored first. Executes nothing of
    the source.
  - The id of a release follows from its commit alone, so that the same source is the same release
    in staging and in production. A branch is refused, since what it names changes.
  - The archive has the code of the commit and those wheels whose hashes stand in its lock file.
options:
  repository:
    description: Folder of a repository on the controller, or its address.
    type: str
    required: true
  version:
    description: Tag, or id of a commit.
    type: str
    required: true
  lock:
    description: File of the source with packages and their hashes.
    type: str
    default: requirements.lock
  wheels:
    description: Folder of wheels on the controller.
    type: path
    default: ""
  archive:
    description: Whether the archive is written.
    type: bool
    default: false
  files:
    description: Whether the files of the release are named with their checksums.
    type: bool
    default: false
  cache:
    description: Where mirrors and archives are kept; C(.cache/releases) of the project without it.
    type: path
    default: ""
  staging_check:
    description:
      - Name of the check, as C(release:NAME), that a run in staging must have passed with this very
        release. Nothing is required without it.
    type: str
    default: ""
author:
  - Upkeep contributors (!UNKNOWN)
"""

EXAMPLES = r"""
- name: Name the release
  predictor_deploy_source:
    repository: /srv/git/shop.git
    version: v1.4.0
  register: source
"""

RETURN = r"""
release:
  description: Id of the release.
  returned: success
  type: str
  sample: 20260301T080000-0123456789
commit:
  description: Commit of the source.
  returned: success
  type: str
files:
  description: Path to checksum of the files and links of the code; empty unless asked for.
  returned: success
  type: dict
path:
  description: Where the archive is on the controller; empty when none was asked for.
  returned: success
  type: str
sha256:
  description: Checksum of the archive.
  returned: success
  type: str
"""
