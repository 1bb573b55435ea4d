# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send the archive, call the module and record its findings; see library/predictor_deploy.py."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.upload import UploadAction


class ActionModule(UploadAction):
    """Send the archive of a release, call the module and record its findings."""

    AREA: t.ClassVar = "predictor_deploy"
    UPLOADS: t.ClassVar = {"upload": "bundle"}
    OWNER: t.ClassVar = "bundle_owner"
