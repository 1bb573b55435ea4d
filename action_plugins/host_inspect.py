# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a host and at its clock; see library/host_inspect.py for the documentation.

Only the controller can read its own clock before and after the exchange, so the clock is judged here.
"""

from __future__ import annotations

import sys
import time
import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase

sys.path.append(str(Path(__file__).resolve().parents[1]))

import upkeep  # noqa: F401 - makes ansible.module_utils.upkeep importable

from ansible.module_utils.upkeep.host_inspect.clock import clock_finding, skew_bounds  # isort: skip


class ActionModule(ActionBase):  # type: ignore[misc]
    """Run the module of the same name and add what the two clocks say."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the module's result with one more finding, ``host:clock``."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        sent = time.time()
        result.update(self._execute_module("host_inspect", module_args=arguments, task_vars=task_vars))
        received = time.time()
        if result.get("failed") or "clock" not in result:
            return result
        bounds = skew_bounds(sent, result["clock"]["started"], result["clock"]["finished"], received)
        limits = [
            float(arguments.get(name, default)) for name, default in (("clock_warning", 2), ("clock_critical", 30))
        ]
        result["findings"] = [*result["findings"], clock_finding(bounds, *limits)]
        return result
