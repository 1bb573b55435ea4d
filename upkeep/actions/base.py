# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What our action plugins have in common: those that work on the controller alone, and those that call a module."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase


class ControlAction(ActionBase):  # type: ignore[misc]
    """An action that contacts no host and changes nothing; a subclass gives SPEC and ``act``."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    SPEC: t.ClassVar[dict[str, dict[str, t.Any]]] = {}

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Check the arguments against SPEC and return what ``act`` returns.

        Raises AnsibleActionFail.
        """
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(argument_spec=self.SPEC)
        return {**result, "changed": False, **self.act(args, task_vars or {})}

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Do the work with checked arguments and return the result's own keys."""
        raise NotImplementedError


class ModuleAction(ActionBase):  # type: ignore[misc]
    """An action that tells the module of its own name what only the controller knows.

    A subclass gives ``act``.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        """Return what ``act`` makes of the task's arguments."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        return {**result, **self.act(dict(self._task.args), task_vars or {})}

    def call(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the module on the host and return its answer."""
        answer: dict[str, t.Any] = self._execute_module(module_args=args, task_vars=task_vars)
        return answer

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Call the module as often as it takes and return the result."""
        raise NotImplementedError
