# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write new records of models into a manifest on the controller.

See library/model_manifest_write.py for the documentation.
"""

from __future__ import annotations

import datetime as dt
import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ansible.module_utils.upkeep.base.files import write_atomic

from upkeep.actions import model_manifest
from upkeep.actions.approved_files import RecordsError
from upkeep.actions.base import ControlAction
from upkeep.actions.model_manifest import Manifest
from upkeep.actions.model_records import RecordRequest, merge


class ActionModule(ControlAction):
    """Check what hosts answered and write the manifest; changes a file of the controller only."""

    SPEC: t.ClassVar = {
        "path": {"type": "path", "required": True},
        "system": {"type": "str", "required": True},
        "manifest": {"type": "dict", "default": {}},
        "answers": {"type": "dict", "required": True},
        "models": {"type": "dict", "required": True},
        "replace": {"type": "list", "elements": "str", "default": []},
        "approved_by": {"type": "str", "required": True},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``changed``, ``serial`` and ``diff``."""
        path = Path(args["path"]).absolute()
        request = RecordRequest(
            args["models"], frozenset(args["replace"]), args["approved_by"].strip()
        )

        try:
            current = model_manifest.load(path, args["system"])
            records = args["manifest"] or current.models
            merged = merge(records, args["answers"], request)
        except RecordsError as error:
            raise AnsibleActionFail(str(error)) from error

        if merged == dict(current.models):
            return {"changed": False, "serial": current.serial}

        today = dt.datetime.now(dt.UTC).date().isoformat()
        new = Manifest(args["system"], current.serial + 1, today, merged)
        return self._written(path, current, new)

    def _written(self, path: Path, current: Manifest, new: Manifest) -> dict[str, t.Any]:
        before = model_manifest.render(current) if current.serial else ""
        after = model_manifest.render(new)
        if not self._task.check_mode:
            try:
                write_atomic(path, after, folder_mode=0o755)
            except OSError as error:
                raise AnsibleActionFail(f"the manifest cannot be written: {error}") from error

        header = {"before_header": str(path), "after_header": str(path)}

        return {
            "changed": True,
            "serial": new.serial,
            "diff": {**header, "before": before, "after": after},
        }
