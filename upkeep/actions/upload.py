# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The base class of actions that send files of the controller along with their module."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail

from upkeep.actions.base import ModuleAction


class UploadAction(ModuleAction):
    """Sends what the options name once, as it is: the module checks it while it takes it over."""

    #: The option that names a file of the controller, and the one that names it on the host.
    UPLOADS: t.ClassVar[Mapping[str, str]] = {}
    #: The option that gets the id of the user that connects, to whom belongs what is sent.
    OWNER: t.ClassVar[str] = ""

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's answer; nothing that was sent is left on the host."""
        files = {
            self.UPLOADS[name]: Path(path).expanduser().absolute()
            for name in self.UPLOADS
            if (path := args.pop(name, None))
        }
        if twice := sorted(name for name in files if args.get(name)):
            raise AnsibleActionFail(f"{twice[0]} is sent and named on the host as well; name one")
        if not files or self._task.check_mode:
            return self.call(args, task_vars)

        for path in files.values():
            if not path.is_file():
                raise AnsibleActionFail(f"'{path}' is not a file of the controller")

        folder = self._make_tmp_path()
        try:
            for name, path in files.items():
                args[name] = self._connection._shell.join_path(folder, name)
                self._transfer_file(str(path), args[name])
            return self.call({**args, self.OWNER: self._user_id()}, task_vars)
        finally:
            self._remove_tmp_path(folder, force=True)

    def _user_id(self) -> int:
        """Return the id of the user that connects."""
        told = self._low_level_execute_command("id -u", sudoable=False)
        if told["rc"] or not told["stdout"].strip().isdecimal():
            raise AnsibleActionFail(f"the host does not say who connects: {told['stderr']}")

        return int(told["stdout"])
