# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand-in of the modules that test and change a host: it answers as the host's variable says."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    """Answer with ``answers[<module>]``; nothing is done."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Return the answer; a look in check mode finds that there is something to do."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        if self._task.check_mode:
            return {**result, "steps": ["change it"]}

        return {**result, **(task_vars or {})["answers"][self._task.action]}
