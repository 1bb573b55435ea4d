# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state of a unit as systemd shows it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..base.deadline import Deadline
from ..base.systemd import ACTIVE_STATES, SystemdError, show

PROPERTIES: t.Final = ("LoadState", "ActiveState", "SubState", "Result", "InvocationID")
_SHOW_SECONDS: t.Final = 10.0


@dataclass(frozen=True)
class UnitState:
    """The state of a unit; ``invocation`` changes with every start."""

    load: str
    active: str
    sub: str
    result: str
    invocation: str

    @property
    def is_up(self) -> bool:
        """Whether the unit does its work as far as systemd knows."""
        return self.active in ACTIVE_STATES

    @property
    def is_changing(self) -> bool:
        """Whether the unit is on its way to another state.

        Waiting for the next try of a crash loop is not.
        """
        changing = self.active in ("activating", "deactivating", "maintenance")

        return changing and self.sub != "auto-restart"

    def __str__(self) -> str:
        reason = f", last result {self.result}" if self.result not in ("", "success") else ""
        return f"{self.active} ({self.sub}{reason})"


def read_state(unit: str) -> UnitState:
    """Return the state of a unit; raises SystemdError, TimeoutError."""
    shown = show([unit], PROPERTIES, Deadline(_SHOW_SECONDS))[unit]
    if not shown.get("LoadState") or not shown.get("ActiveState"):
        raise SystemdError(f"systemd does not show the state of {unit}")

    return UnitState(*(shown.get(name, "") for name in PROPERTIES))
