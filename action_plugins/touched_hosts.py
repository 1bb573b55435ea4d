# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""List the hosts that this run has touched so far.

See library/touched_hosts.py for the documentation.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from upkeep.actions.base import ControlAction
from upkeep.run import events


class ActionModule(ControlAction):
    """Read the event log of this run."""

    def act(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return ``hosts``; without an event log nobody knows, so it is all of the play."""
        log = events.current_log()
        hosts = (
            events.touched_hosts(events.read(log)) if log else task_vars["ansible_play_hosts_all"]
        )

        return {"hosts": sorted(hosts)}
