# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the state of a timer to findings."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping

from ..findings import Finding, Subject, finding
from .settings import PlannedStart
from .units import service_of, timer_of

TIMER_PROPERTIES: t.Final = (
    "UnitFileState",
    "ActiveState",
    "SubState",
    "NextElapseUSecRealtime",
    "DropInPaths",
)
#: A timer in this state is active and has no next start.
ELAPSED: t.Final = "elapsed"
SERVICE_PROPERTIES: t.Final = ("Result",)
#: How a service can end that is more than a run that found something.
_BROKEN: t.Final[Mapping[str, str]] = {
    "timeout": "took longer than it may and was ended",
    "watchdog": "did not answer its watchdog",
    "oom-kill": "was ended for its use of memory (schedule_memory_max)",
    "signal": "was killed",
    "core-dump": "crashed",
    "resources": "could not be started: systemd lacked resources",
    "start-limit-hit": "was started too often in a row",
}

NOTHING: t.Final = finding("schedule:timers", "ok", "The schedules need no timer on this host.")


def subject(start: PlannedStart) -> Subject:
    """Return what findings on a start are about."""
    return Subject(f"schedule:{start.name}", start.requirements)


def is_on(properties: Mapping[str, str]) -> bool:
    """Return whether a timer is enabled and waits for its next start."""
    return (
        properties.get("UnitFileState") == "enabled"
        and properties.get("ActiveState") == "active"
        and properties.get("SubState") != ELAPSED
    )


def timer_finding(start: PlannedStart, properties: Mapping[str, str]) -> Finding:
    """Return whether the timer of a start runs."""
    state = _state(properties)
    if is_on(properties):
        following = properties.get("NextElapseUSecRealtime") or "unknown"
        message = f"The next start of {start.name} is {following}."
        return subject(start).finding("ok", message, observed=state, expected="enabled, active")

    message = f"{timer_of(start)} is {state}, so {start.name} never starts: run the role schedule"

    return subject(start).finding("critical", message, observed=state, expected="enabled, active")


def was_off(start: PlannedStart, properties: Mapping[str, str]) -> Finding:
    """Return that a timer had been switched off and is on again."""
    state = _state(properties)
    message = f"{timer_of(start)} was {state} and is enabled again: ask who switched it off"

    return subject(start).finding(
        "warning", message, aspect="was_off", observed=state, expected="enabled, active"
    )


def changed_elsewhere(start: PlannedStart, properties: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the files beside a timer that change when it starts."""
    if paths := properties.get("DropInPaths", "").split():
        message = (
            f"{timer_of(start)} is changed by {', '.join(paths[:5])}: put the time into"
            " system_schedule and remove the file"
        )
        yield subject(start).finding(
            "warning", message, aspect="changed_elsewhere", observed=len(paths), expected=0
        )


def _state(properties: Mapping[str, str]) -> str:
    """Return the state of a timer in the words of systemctl."""
    words = [properties.get("UnitFileState") or "absent", properties.get("ActiveState", "")]
    if properties.get("SubState") == ELAPSED:
        words.append(ELAPSED)

    return ", ".join(words)


def last_run(start: PlannedStart, properties: Mapping[str, str]) -> Iterator[Finding]:
    """Yield how the last run ended, where its own report cannot show that."""
    result = properties.get("Result", "")
    if result in _BROKEN:
        message = f"The last {start.name} {_BROKEN[result]}: see journalctl -u {service_of(start)}"
        yield subject(start).finding(
            "warning", message, aspect="last_run", observed=result, expected="success"
        )


def foreign(names: list[str]) -> Finding:
    """Return the finding on units with names of ours that the role did not write."""
    named = ", ".join(names[:10])

    return finding(
        "schedule:foreign",
        "warning",
        f"{len(names)} units were not written by the role schedule: {named}; remove them, or they "
        "start runs beside it",
        observed=len(names),
        expected=0,
    )
