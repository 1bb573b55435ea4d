# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restart what is down, one unit after the other, and see whether it helped."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from .. import acceptance
from ..base import systemd
from ..base.deadline import Deadline
from ..base.systemd import SystemdError
from ..findings import Finding
from . import history, unit_state
from .check_runner import CheckResults, CheckRunner
from .decision import Decision, decide, describe
from .findings import NOTHING, unit_finding
from .history import HistoryError
from .settings import HealedUnit, HealSettings
from .unit_state import UnitState

#: How long to wait before a unit that is coming up is looked at again, s.
PAUSE: t.Final = 0.5
#: What the module needs after the last unit, s.
_RESERVE: t.Final = 10.0


@dataclass
class Healing:
    """What was found and done; ``restarted`` are names of units, in check mode predicted."""

    findings: list[Finding] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)


def run(settings: HealSettings, check_mode: bool) -> dict[str, t.Any]:
    """Heal the units of this host and return the module's result."""
    healing = Healer(settings, CheckRunner(settings), check_mode).heal()
    before, after = (
        "".join(f"{name}: {state}\n" for name in healing.restarted) for state in ("down", "up")
    )

    return {
        "changed": bool(healing.restarted),
        "diff": {"before": before, "after": after},
        "findings": healing.findings or [NOTHING],
        "restarted": healing.restarted,
    }


class Checks(t.Protocol):
    """What is used of a CheckRunner."""

    def counted(self, ids: t.Sequence[str]) -> CheckResults:
        """Return the results as they count for a run."""

    def now(self, ids: t.Sequence[str]) -> CheckResults:
        """Return the results of this moment."""


class Healer:
    """Heals the units of one host."""

    def __init__(self, settings: HealSettings, checks: Checks, check_mode: bool) -> None:
        self._settings = settings
        self._checks = checks
        self._check_mode = check_mode
        self._forbidden = forbidden(settings)
        self._deadline = Deadline(settings.max_seconds - min(_RESERVE, settings.max_seconds / 2))

    def heal(self) -> Healing:
        """Look at every unit in turn: one that needs another stands behind it."""
        healing = Healing()
        for unit in self._settings.units:
            try:
                self._require_time(unit)
                self._heal_one(unit, healing)
            except (SystemdError, TimeoutError) as error:
                healing.findings.append(unit_finding(unit, "unknown", str(error)))
            except HistoryError as error:
                message = (
                    f"{unit.unit} is down, but nobody knows how often it was restarted: {error}"
                )
                healing.findings.append(unit_finding(unit, "unknown", message))

        return healing

    def _require_time(self, unit: HealedUnit) -> None:
        """Raise TimeoutError unless there is time to restart a unit and see whether it helped."""
        needed = 3 * unit.settle + 2 * self._settings.timeout
        if self._deadline.left < min(needed, self._deadline.seconds / 2):
            raise TimeoutError(f"{unit.unit} was not looked at: no time is left (max_seconds)")

    def _heal_one(self, unit: HealedUnit, healing: Healing) -> None:
        decision, state = self._decide(unit)
        if decision.action != "restart":
            status, reason = decision.status, decision.reason
            healing.findings.append(unit_finding(unit, status, reason, state=state))
            return

        if self._forbidden:
            message = f"{decision.reason}; not restarted: {self._forbidden}"
            healing.findings.append(unit_finding(unit, "warning", message, state=state))
            return

        made = self._restarts(unit) + 1
        limit = f"restart {made} of at most {unit.at_most} in {unit.window / 60:g} minutes"
        if self._check_mode:
            healing.restarted.append(unit.name)
            message = f"{decision.reason}: would be restarted ({limit})"
            healing.findings.append(unit_finding(unit, "critical", message, state=state))
            return

        self._count(unit)  # before the restart: one that kills us counts as well
        healing.restarted.append(unit.name)
        refusal = _restart(unit)
        message = f"{decision.reason}; restarted ({limit})"
        healing.findings += [
            unit_finding(unit, "warning", message, aspect="was_down", state=state),
            self._outcome(unit, refusal),
        ]

    def _decide(self, unit: HealedUnit) -> tuple[Decision, UnitState]:
        """Decide once the unit has come to rest."""
        deadline = Deadline(unit.settle)
        state = unit_state.read_state(unit.unit)
        while state.is_changing and not deadline.is_over():
            time.sleep(PAUSE)
            state = unit_state.read_state(unit.unit)

        checks = self._checks.counted(unit.checks) if state.is_up else CheckResults()
        first = decide(unit, state, checks, CheckResults(), restarts=0)
        if first.action != "restart":
            return first, state

        needs = self._checks.now(unit.needs)

        return decide(unit, state, checks, needs, self._restarts(unit)), state

    def _restarts(self, unit: HealedUnit) -> int:
        moments = history.load(self._settings.state_file).get(unit.unit, ())
        return history.within(moments, unit.window, time.time())

    def _count(self, unit: HealedUnit) -> None:
        now, path = time.time(), self._settings.state_file
        known = history.load(path)
        history.save(path, {**known, unit.unit: [*known.get(unit.unit, ()), now]}, now)

    def _outcome(self, unit: HealedUnit, refusal: str) -> Finding:
        """Return whether a unit that was started came up, stayed up for a while and answers."""
        began = time.monotonic()
        deadline = Deadline(unit.settle)
        state, up_since, checks = unit_state.read_state(unit.unit), began, CheckResults()

        while not deadline.is_over() and not refusal:
            time.sleep(PAUSE)
            now = unit_state.read_state(unit.unit)
            if not now.is_up or now.invocation != state.invocation:
                up_since = time.monotonic()  # it ended, or systemd had to start it once more

            state = now
            if state.is_up and time.monotonic() - up_since >= unit.stable:
                checks = self._checks.now(unit.checks)
                if not checks.all:
                    took = time.monotonic() - began
                    message = (
                        f"{unit.unit} is up again and stayed so for {unit.stable:g} s "
                        f"({took:.0f} s after the start)"
                    )
                    return unit_finding(unit, "ok", message, state=state)

        return _not_up(unit, state, checks, refusal)


def forbidden(settings: HealSettings) -> str:
    """Return why nothing may be restarted; empty when it may."""
    if settings.require_acceptance and not acceptance.is_accepted(settings.accepted_file):
        return "nobody has accepted this host yet"

    return settings.forbidden


def _restart(unit: HealedUnit) -> str:
    """Restart a unit; return "" or why systemd did not."""
    try:
        systemd.restart(unit.unit, Deadline(unit.settle))
    except SystemdError as error:
        return str(error)
    except TimeoutError:
        return f"it did not start within {unit.settle:g} s"

    return ""


def _not_up(unit: HealedUnit, state: UnitState, checks: CheckResults, refusal: str) -> Finding:
    """Return the finding on a unit that did not come up after its restart."""
    reason = f": {refusal}" if refusal else ""
    if state.is_up and checks.unknown and not checks.failed:
        names = ", ".join(checks.unknown)
        message = f"{unit.unit} runs after the restart; whether it answers is not known: {names}"
        return unit_finding(unit, "unknown", message, state=state)

    if state.is_up and not checks.failed:
        still = f"{unit.unit} does not stay up ({state} at last)"
    else:
        still = describe(unit, state, checks.failed if state.is_up else ())
    message = f"{still} after the restart{reason}: see journalctl -u {unit.unit}"

    return unit_finding(unit, "critical", message, state=state)
