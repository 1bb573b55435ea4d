# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say in one line that no host is there; see library/first_contact.py for the documentation."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible import constants, context
from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ControlAction
from upkeep.controller import answers
from upkeep.run import host_keys
from upkeep.run import reachability as contact
from upkeep.run.facts import require_run_id


class ActionModule(ControlAction):
    """Require a store, plain answers and checked host keys; then try all ssh ports at once."""

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Fail with the hosts' own hint when none of those that have one answers."""
        require_run_id()
        rendered = answers.templates(context.CLIARGS.get("extra_vars") or ())
        if rendered:
            raise AnsibleActionFail(answers.sentence(rendered))

        names = task_vars["ansible_play_hosts_all"]
        hosts = [task_vars["hostvars"][name] for name in names]
        believed = host_keys.unchecked(
            dict(zip(names, hosts, strict=True)), by_default=constants.HOST_KEY_CHECKING
        )
        if believed:
            raise AnsibleActionFail(host_keys.sentence(believed))

        self._require_one_system(dict(zip(names, hosts, strict=True)))
        hints = sorted(
            {str(host["unreachable_hint"]) for host in hosts if host.get("unreachable_hint")}
        )
        if not contact.any_answers(contact.addresses(hosts)):
            raise AnsibleActionFail(" ".join(hints))

        return {}

    def _require_one_system(self, hosts: t.Mapping[str, t.Any]) -> None:
        """Fail for a host in the groups of two systems: it would be judged by one of them only."""
        systems = {str(host.get("system_name", "")) for host in hosts.values()} - {""}
        for name, host in hosts.items():
            own = sorted(systems & set(host.get("group_names", ())))
            if len(own) > 1:
                raise AnsibleActionFail(
                    f"host '{name}' is in the groups of two systems, {' and '.join(own)}; "
                    "a host belongs to one system"
                )
