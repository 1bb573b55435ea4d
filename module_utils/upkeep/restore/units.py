# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services that must not run while what they work on is replaced."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from itertools import chain

from ..base import systemd
from ..base.deadline import Deadline
from ..base.systemd import ACTIVE_STATES, SystemdError
from .choose import RestoreError

#: A unit in one of these states would run if it could: what it works on may be what is broken.
_WOULD_RUN: t.Final = (*ACTIVE_STATES, "activating", "failed")


def meant_to_run(units: Sequence[str], deadline: Deadline) -> list[str]:
    """Return the units that are active or failed; raises RestoreError for a missing one.

    A unit that somebody has stopped is not returned. The active sockets and timers that could start
    one of them come last: they are stopped first.
    """
    try:
        found = systemd.show(units, ["LoadState", "ActiveState", "TriggeredBy"], deadline)
        named = (one.get("TriggeredBy", "").split() for one in found.values())
        triggers = [name for name in dict.fromkeys(chain(*named)) if name not in units]
        watching = systemd.show(triggers, ["ActiveState"], deadline)
    except (SystemdError, TimeoutError) as error:
        raise RestoreError(str(error)) from error

    if missing := [unit for unit in units if found[unit].get("LoadState") != "loaded"]:
        raise RestoreError(f"there is no unit {missing[0]} on this host; correct units")

    return [
        *(unit for unit in units if found[unit].get("ActiveState") in _WOULD_RUN),
        *(name for name in triggers if watching[name].get("ActiveState") in ACTIVE_STATES),
    ]


def stop(units: Sequence[str], deadline: Deadline) -> None:
    """Stop units, the last one first; raises RestoreError."""
    for unit in reversed(units):
        try:
            systemd.stop(unit, deadline)
        except (SystemdError, TimeoutError) as error:
            raise RestoreError(f"{unit} cannot be stopped: {error}") from error


def start(units: Sequence[str], deadline: Deadline) -> list[str]:
    """Start units in their order, and return what does not start."""
    problems = []
    for unit in units:
        try:
            systemd.start(unit, deadline)
        except (SystemdError, TimeoutError) as error:
            problems.append(f"{unit} does not start: {error}")

    return problems
