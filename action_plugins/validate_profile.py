# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check a host's profile on the controller.

See library/validate_profile.py for the documentation.
"""

from __future__ import annotations

import contextlib
import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ControlAction
from upkeep.profile import lists, role_names
from upkeep.profile import schema as profile

# Ansible imports this in its main process and forks a worker for each host: what is read here is
# read once.
with contextlib.suppress(ImportError):
    profile.validator()
role_names.options()
lists.packages()


class ActionModule(ControlAction):
    """Collect the system_* variables of the host and hold them against the schema."""

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return nothing but ``changed: false`` for a good profile.

        Fail naming each value that does not fit.
        """
        host = task_vars["inventory_hostname"]
        self._require_one_system(host, task_vars)
        figures = profile.select(task_vars)
        # Before values are examined: one that refers to the right name fails with less helpful
        # words.
        self._require_nothing(
            host, profile.unknown_names(figures) + role_names.misspelled(task_vars)
        )
        variables = {name: self._templar.template(value) for name, value in figures.items()}

        try:
            found = profile.problems(variables)
        except ImportError as error:
            raise AnsibleActionFail(
                f"{error}: install the Python package 'jsonschema' on the controller"
            ) from error

        self._require_nothing(host, found)

        return {"msg": f"{len(variables)} figures of {host} fit."}

    def _require_nothing(self, host: str, found: list[str]) -> None:
        if found:
            raise AnsibleActionFail(
                f"The profile of {host} does not fit:\n" + "\n".join(f"- {line}" for line in found)
            )

    def _require_one_system(self, host: str, task_vars: dict[str, t.Any]) -> None:
        name = str(task_vars.get("system_name", ""))
        if not name:
            raise AnsibleActionFail(
                f"host '{host}' belongs to no known system. Put it into the group of a system that"
                " has a folder inventory/group_vars/<system>/ with system_name, or add one"
            )

        if name not in task_vars["group_names"]:
            raise AnsibleActionFail(
                f"host '{host}' has system_name '{name}' but is not in a group of that name; "
                f"it is in {sorted(task_vars['group_names'])}"
            )
