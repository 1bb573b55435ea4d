# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May this unit be restarted? Facts in, decision out."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .check_runner import CheckResults
from .settings import HealedUnit
from .unit_state import UnitState

Action = t.Literal["nothing", "restart", "leave"]


@dataclass(frozen=True)
class Decision:
    """What to do, the status of a unit that is left alone, and why."""

    action: Action
    status: str
    reason: str


def decide(
    unit: HealedUnit,
    state: UnitState,
    checks: CheckResults,
    needs: CheckResults,
    restarts: int,
) -> Decision:
    """Return what to do about a unit after so many restarts within its window.

    Only what is known to have failed makes a unit that runs count as down: a check that could not
    be made is no reason to stop a service.
    """
    if problem := _not_loaded(unit, state):
        return Decision("leave", "critical", problem)

    if state.is_up and not checks.failed:
        if checks.unknown:
            message = f"{unit.unit} runs; whether it answers is not known: {_names(checks.unknown)}"
            return Decision("leave", "unknown", message)
        return Decision("nothing", "ok", f"{unit.unit} is up, there is nothing to do")

    down = describe(unit, state, checks.failed)
    if state.is_changing:
        message = f"{down}: it is on its way to another state, left alone"
        return Decision("leave", "warning", message)

    if needs.all:
        message = f"{down}, but so is what it needs: {_names(needs.all)}. Repair that first"
        return Decision("leave", "warning", message)

    if restarts >= unit.at_most:
        message = (
            f"{down}, and was restarted {restarts} times in {unit.window / 60:g} minutes already: "
            f"see journalctl -u {unit.unit}"
        )
        return Decision("leave", "critical", message)

    return Decision("restart", "critical", down)


def describe(unit: HealedUnit, state: UnitState, failed: tuple[str, ...]) -> str:
    """Return the state of a unit in words."""
    if state.is_up and failed:
        return f"{unit.unit} runs but does not answer ({_names(failed)})"

    return f"{unit.unit} is {state}"


def _not_loaded(unit: HealedUnit, state: UnitState) -> str:
    """Return why systemd cannot start the unit at all, "" when it can."""
    if state.load == "not-found":
        return f"{unit.unit} does not exist: is the package installed, the name right?"
    if state.load == "masked":
        return f"{unit.unit} is masked, so somebody wants it down: left alone"
    if state.load in ("error", "bad-setting"):
        return f"systemd cannot load {unit.unit} ({state.load}): see systemctl status {unit.unit}"

    return ""


def _names(checks: tuple[str, ...]) -> str:
    return ", ".join(checks)
