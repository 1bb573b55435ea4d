# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Choose a host's test suites on the controller.

See library/app_tests_plan.py for the documentation.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.app_tests import PlanError, baseline, chosen, names, require_test_database
from upkeep.actions.approved_files import RecordsError
from upkeep.actions.base import ControlAction


class ActionModule(ControlAction):
    """Give the names of the suites to run, and what their figures are compared with."""

    SPEC: t.ClassVar = {
        "suites": {"type": "list", "elements": "dict", "required": True},
        "only": {"type": "raw"},
        "known": {"type": "list", "elements": "str", "default": []},
        "cadence": {"type": "str", "default": ""},
        "database": {"type": "dict"},
        "production_databases": {"type": "list", "elements": "str", "default": []},
        "baseline": {"type": "path", "required": True},
    }

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``names``, ``figures``, ``baseline`` of the whole system and ``problem`` with it.

        Not the suites themselves: a result is printed, and their environments may hold secrets.
        """
        try:
            require_test_database(args["database"], args["production_databases"])
            suites = chosen(args["suites"], names(args["only"]), args["known"], args["cadence"])
        except PlanError as error:
            raise AnsibleActionFail(str(error)) from error

        try:
            records, problem = baseline(Path(args["baseline"])), ""
        except RecordsError as error:
            records, problem = {}, str(error)

        figures = [figure["name"] for suite in suites for figure in suite.get("figures") or ()]

        return {
            "names": [suite["name"] for suite in suites],
            "figures": figures,
            "baseline": records,
            "problem": problem,
        }
