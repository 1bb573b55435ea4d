# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restart what is down, one unit after the other, and see whether it helped."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..findings import Finding, finding
from ..health_check.check import ProbeError
from . import history, systemd
from .decision import Decision, Unit, decide, described
from .history import HistoryError

#: How long to wait before a unit that is coming up is looked at again, s.
PAUSE: t.Final = 0.5
#: Returns those of the checks, by id, that have failed.
Failing = Callable[[Sequence[str]], list[str]]


@dataclass
class Healing:
    """What was found and done.

    ``restarted``: names of units, in check mode of those that would be.
    """

    findings: list[Finding] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Healer:
    """How to heal: ``failing`` asks checks, ``forbidden`` is "" or why nothing may be restarted."""

    failing: Failing
    state_file: Path
    check_mode: bool = False
    forbidden: str = ""

    def heal(self, units: Sequence[Unit]) -> Healing:
        """Look at every unit in turn: one that needs another stands behind it, and finds it up again."""
        healing = Healing()
        for unit in units:
            try:
                self._heal_one(unit, healing)
            except ProbeError as error:
                healing.findings.append(_finding(unit, error.status, error.message))
            except HistoryError as error:
                message = (
                    f"{unit.unit} is down, but nobody knows how often it was restarted: {error}"
                )
                healing.findings.append(_finding(unit, "unknown", message))

        return healing

    def _heal_one(self, unit: Unit, healing: Healing) -> None:
        decision, state = self._decide(unit)
        if decision.action != "restart":
            healing.findings.append(
                _finding(unit, decision.status, decision.reason, observed=str(state))
            )
            return

        if self.forbidden:
            message = f"{decision.reason}; not restarted: {self.forbidden}"
            healing.findings.append(_finding(unit, "warning", message, observed=str(state)))
            return

        made = self._made(unit) + 1
        limit = f"restart {made} of at most {unit.at_most} in {unit.window / 60:g} minutes"
        if self.check_mode:
            healing.restarted.append(unit.name)
            message = f"{decision.reason}: would be restarted ({limit})"
            healing.findings.append(_finding(unit, "critical", message, observed=str(state)))
            return

        self._note(unit)  # before the restart: one that kills us counts as well
        healing.restarted.append(unit.name)
        refusal = systemd.restart(unit.unit, unit.settle)
        told = f"{decision.reason}; restarted ({limit})"
        healing.findings.append(
            _finding(unit, "warning", told, aspect="was_down", observed=str(state))
        )
        healing.findings.append(self._verdict(unit, refusal))

    def _decide(self, unit: Unit) -> tuple[Decision, systemd.State]:
        """Decide once the unit has come to rest."""
        end = time.monotonic() + unit.settle
        state = systemd.state(unit.unit)
        while state.is_changing and time.monotonic() < end:
            time.sleep(PAUSE)
            state = systemd.state(unit.unit)

        failed = self.failing(unit.checks) if state.is_up else []
        if state.is_up and not failed:
            return decide(unit, state, failed, (), 0), state

        exists = state.load not in ("not-found", "masked")
        needs = self.failing(unit.needs) if exists else []

        return decide(unit, state, failed, needs, self._made(unit) if exists else 0), state

    def _made(self, unit: Unit) -> int:
        return history.within(
            history.load(self.state_file).get(unit.unit, ()), unit.window, time.time()
        )

    def _note(self, unit: Unit) -> None:
        now = time.time()
        known = history.load(self.state_file)
        history.save(self.state_file, {**known, unit.unit: [*known.get(unit.unit, ()), now]}, now)

    def _verdict(self, unit: Unit, refusal: str) -> Finding:
        """Return whether a unit that was started came up, stayed up for a while and answers."""
        began = time.monotonic()
        end = began + unit.settle
        state, since, failed = systemd.state(unit.unit), began, list[str]()

        while time.monotonic() < end and not refusal:
            time.sleep(PAUSE)
            now = systemd.state(unit.unit)
            if not now.is_up or now.invocation != state.invocation:
                since = time.monotonic()  # it ended, or systemd had to start it once more

            state = now
            if state.is_up and time.monotonic() - since >= unit.stable:
                failed = self.failing(unit.checks)
                if not failed:
                    took = time.monotonic() - began
                    message = f"{unit.unit} is up again and stayed so for {unit.stable:g} s ({took:.0f} s after the start)"
                    return _finding(unit, "ok", message, observed=str(state))

        reason = f": {refusal}" if refusal else ""
        if state.is_up and not failed:
            still = f"{unit.unit} does not stay up ({state} at last)"
        else:
            still = described(unit, state, failed if state.is_up else ())

        message = f"{still} after the restart{reason}: see journalctl -u {unit.unit}"

        return _finding(unit, "critical", message, observed=str(state))


def _finding(
    unit: Unit, status: str, message: str, *, aspect: str = "", observed: str | None = None
) -> Finding:
    name = f"heal:{unit.name}.{aspect}" if aspect else f"heal:{unit.name}"
    return finding(
        name, status, message, observed=observed, expected="active", requirements=unit.requirements
    )
