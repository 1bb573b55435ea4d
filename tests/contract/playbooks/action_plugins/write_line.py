# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The change that the contract tests make: one line in a file, without starting a module."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """Write ``line`` to ``path`` on the controller, which is every host of these tests.

    Knows check mode.
    """

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Return whether the file had to be written."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        path, line = Path(self._task.args["path"]), f"{self._task.args['line']}\n"
        changed = not path.exists() or path.read_text(encoding="utf-8") != line
        if changed and not self._task.check_mode:
            path.write_text(line, encoding="utf-8")

        return {**result, "changed": changed}
