# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May this unit be restarted? Facts in, decision out."""

from __future__ import annotations

import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from .systemd import State

Action = t.Literal["nothing", "restart", "leave"]


@dataclass(frozen=True)
class Unit:
    """One unit that the profile lets us restart.

    ``checks``: ids of checks without which it is down even when systemd calls it active. ``needs``:
    ids of checks of what it stands on. At most ``at_most`` restarts in ``window`` seconds.
    ``settle``: seconds that it may take to come up, ``stable``: seconds that it has to stay up.
    """

    name: str
    unit: str
    at_most: int
    window: float
    checks: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    settle: float = 30.0
    stable: float = 5.0
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What to do, the status of a unit that is left alone, and why."""

    action: Action
    status: str
    reason: str


def is_down(state: State, failed_checks: Sequence[str]) -> bool:
    """Return whether a unit is down: for systemd, or for what asks it."""
    return not state.is_up or bool(failed_checks)


def decide(
    unit: Unit, state: State, failed_checks: Sequence[str], failed_needs: Sequence[str], made: int
) -> Decision:
    """Return what to do about a unit after ``made`` restarts within its window."""
    if state.load == "not-found":
        return Decision(
            "leave",
            "critical",
            f"{unit.unit} does not exist: is the package installed, the name right?",
        )

    if state.load == "masked":
        return Decision(
            "leave", "critical", f"{unit.unit} is masked, so somebody wants it down: left alone"
        )
    if not is_down(state, failed_checks):
        return Decision("nothing", "ok", f"{unit.unit} is up, there is nothing to do")

    down = described(unit, state, failed_checks)
    if state.is_changing:
        return Decision(
            "leave", "warning", f"{down}: it is on its way to another state, left alone"
        )

    if failed_needs:
        return Decision(
            "leave",
            "warning",
            f"{down}, but so is what it needs: {', '.join(failed_needs)}. Mend that",
        )

    if made >= unit.at_most:
        limit = f"{made} times in {unit.window / 60:g} minutes"
        return Decision(
            "leave",
            "critical",
            f"{down}, and was restarted {limit} already: see journalctl -u {unit.unit}",
        )

    return Decision("restart", "critical", down)


def described(unit: Unit, state: State, failed_checks: Sequence[str]) -> str:
    """Return how the unit stands, in words."""
    if state.is_up and failed_checks:
        return f"{unit.unit} runs but does not answer ({', '.join(failed_checks)})"
    return f"{unit.unit} is {state}"
