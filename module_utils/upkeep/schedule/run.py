# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the units into order: write what differs, remove what is left over, switch timers on."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base import files, systemd
from ..base.deadline import Deadline
from ..findings import Finding
from . import findings, units
from .settings import PlannedStart, TimerSettings

_MAX_BYTES: t.Final = 1 << 16
_ENDINGS: t.Final = (".timer", ".service")


class TimerError(Exception):
    """The units cannot be brought into order; the message says what to change."""


@dataclass(frozen=True)
class UnitPlan:
    """What differs on the host from what shall be there, and which timers are off."""

    written: Mapping[str, str]
    removed: tuple[str, ...]
    off: tuple[PlannedStart, ...]
    elapsed: tuple[str, ...]
    found: Mapping[str, str]
    foreign: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Return whether nothing is to be done."""
        return not (self.written or self.removed or self.off)


def run(settings: TimerSettings, check_mode: bool) -> dict[str, t.Any]:
    """Bring the units into order and return the module's result.

    Raises TimerError, SystemdError, TimeoutError, OSError.
    """
    deadline = Deadline(settings.max_seconds - 10)
    wanted = units.files(settings)
    before = _states(settings, deadline)
    plan = _plan(settings, wanted, before)
    if not check_mode and not plan.is_empty:
        _apply(settings, plan, deadline)

    return {
        "changed": not plan.is_empty,
        "diff": _diff(plan, wanted),
        "findings": _findings(settings, plan, before, _states(settings, deadline)),
        "units": sorted(wanted),
    }


def _plan(
    settings: TimerSettings, wanted: Mapping[str, str], states: Mapping[str, Mapping[str, str]]
) -> UnitPlan:
    ours, foreign = _on_disk(settings.unit_folder)
    if blocked := sorted(set(wanted) & set(foreign)):
        path = settings.unit_folder / blocked[0]
        raise TimerError(f"'{path}' was not written by the role schedule; move it away")

    return UnitPlan(
        written={name: text for name, text in wanted.items() if ours.get(name) != text},
        removed=tuple(sorted(set(ours) - set(wanted))),
        off=tuple(
            start for start in settings.starts if not findings.is_on(states[units.timer_of(start)])
        ),
        elapsed=tuple(
            name for name, state in states.items() if state.get("SubState") == findings.ELAPSED
        ),
        found=ours,
        foreign=tuple(foreign),
    )


def _on_disk(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Return the units of our name: what ours hold, and the names of those of others."""
    ours: dict[str, str] = {}
    foreign = []
    for path in sorted(folder.glob(f"{units.PREFIX}*")):
        if path.suffix not in _ENDINGS:
            continue
        text = "" if path.is_symlink() else files.read_text(path, _MAX_BYTES, cut=True)
        if text.startswith(units.MARK):
            ours[path.name] = text
        else:
            foreign.append(path.name)

    return ours, foreign


def _apply(settings: TimerSettings, plan: UnitPlan, deadline: Deadline) -> None:
    gone = [name for name in plan.removed if name.endswith(".timer")]
    if gone:
        systemd.disable_now(gone, deadline)
        systemd.clean_state(gone, deadline)
    if settings.is_absent:
        systemd.clean_state([name for name in plan.removed if _is_run(name)], deadline)

    for name in plan.removed:
        files.unlink_beneath(settings.unit_folder / name, trusted_links=True)
    for name, text in plan.written.items():
        files.write_atomic(settings.unit_folder / name, text)
    if plan.written or plan.removed:
        systemd.reload_files(deadline)

    changed = [name for name in plan.written if name.endswith(".timer")]
    due = {*changed, *(units.timer_of(start) for start in plan.off)}
    if due:
        systemd.enable_now(sorted(due), deadline)
    # One that runs by its old calendar, or has no next start, is started anew.
    for name in [*(name for name in changed if name in plan.found), *plan.elapsed]:
        systemd.restart(name, deadline)


def _is_run(name: str) -> bool:
    return name.endswith(".service") and name != units.FAILED


def _states(settings: TimerSettings, deadline: Deadline) -> dict[str, dict[str, str]]:
    names = [
        name(start) for start in settings.starts for name in (units.timer_of, units.service_of)
    ]
    properties = (*findings.TIMER_PROPERTIES, *findings.SERVICE_PROPERTIES)

    return systemd.show(names, properties, deadline)


def _findings(
    settings: TimerSettings,
    plan: UnitPlan,
    before: Mapping[str, Mapping[str, str]],
    after: Mapping[str, Mapping[str, str]],
) -> list[Finding]:
    found: list[Finding] = []
    for start in settings.starts:
        timer = units.timer_of(start)
        found.append(findings.timer_finding(start, after[timer]))
        if start in plan.off and timer in plan.found and findings.is_on(after[timer]):
            found.append(findings.was_off(start, before[timer]))
        found += findings.changed_elsewhere(start, after[timer])
        found += findings.last_run(start, before[units.service_of(start)])

    if plan.foreign:
        found.append(findings.foreign(list(plan.foreign)))

    return found or [findings.NOTHING]


def _diff(plan: UnitPlan, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return old and new content of what differs, and a line for each timer that was off."""
    names = sorted({*plan.written, *plan.removed})
    off = [f"{units.timer_of(start)} is off\n" for start in plan.off]

    return {
        "before": "".join([*(plan.found.get(name, "") for name in names), *off]),
        "after": "".join(wanted.get(name, "") for name in names),
    }
