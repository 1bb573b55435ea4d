# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say in one line that no host is there; see library/first_contact.py for the documentation."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

sys.path.append(str(Path(__file__).resolve().parents[1]))

from upkeep import contact


class ActionModule(ActionBase):  # type: ignore[misc]
    """Try the ssh ports of all hosts of the play at once."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Fail with the hosts' own hint when none of those that have one answers."""
        task_vars = task_vars or {}
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        hosts = [task_vars["hostvars"][name] for name in task_vars["ansible_play_hosts_all"]]
        hints = sorted({str(host["unreachable_hint"]) for host in hosts if host.get("unreachable_hint")})
        if not contact.any_answers(contact.addresses(hosts)):
            raise AnsibleActionFail(" ".join(hints))
        return {**result, "changed": False}
