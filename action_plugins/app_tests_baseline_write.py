# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write new records into the baseline of a system's figures on the controller.

See library/app_tests_baseline_write.py for the documentation.
"""

from __future__ import annotations

import datetime as dt
import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ansible.module_utils.upkeep.base.files import write_atomic

from upkeep.actions.app_tests import baseline
from upkeep.actions.app_tests_baseline import AnswerError, merge, render
from upkeep.actions.approved_files import RecordsError
from upkeep.actions.base import ControlAction


class ActionModule(ControlAction):
    """Check what hosts answered and write the baseline; changes a file of the controller only."""

    SPEC: t.ClassVar = {
        "path": {"type": "path", "required": True},
        "system": {"type": "str", "required": True},
        "answers": {"type": "dict", "required": True},
        "figures": {"type": "dict", "required": True},
        "approved_by": {"type": "str", "required": True},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``changed`` and ``diff``."""
        path = Path(args["path"]).absolute()
        today = dt.datetime.now(dt.UTC).date()
        try:
            current = baseline(path)
            approved_by = args["approved_by"].strip()
            merged = merge(current, args["answers"], args["figures"], approved_by, today)
        except (RecordsError, AnswerError) as error:
            raise AnsibleActionFail(str(error)) from error

        if merged == current:
            return {"changed": False}

        return self._written(path, render(args["system"], merged))

    def _written(self, path: Path, after: str) -> dict[str, t.Any]:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if not self._task.check_mode:
            try:
                write_atomic(path, after, folder_mode=0o755)
            except OSError as error:
                raise AnsibleActionFail(f"the baseline cannot be written: {error}") from error

        header = {"before_header": str(path), "after_header": str(path)}

        return {"changed": True, "diff": {**header, "before": before, "after": after}}
