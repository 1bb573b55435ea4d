# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send the candidate, call the module and record its findings; see library/model_update.py."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.upload import UploadAction


class ActionModule(UploadAction):
    """Send the candidate and its metadata, call the module and record its findings."""

    AREA: t.ClassVar = "model_update"
    UPLOADS: t.ClassVar = {
        "upload": "candidate",
        "upload_metadata": "candidate_metadata",
    }
    OWNER: t.ClassVar = "candidate_owner"
