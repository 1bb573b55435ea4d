# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts that did not happen, from the store of runs: right under any scheduler."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from pathlib import PurePath

from ansible.module_utils.upkeep.findings import Finding, complete, finding

from upkeep.report.facts import RunFacts
from upkeep.report.summary import CONTROLLER
from upkeep.run import clean
from upkeep.schedule.load import Schedule
from upkeep.schedule.settings import ControlHost, Slot
from upkeep.schedule.starts import last_start
from upkeep.store import Store

AREA: t.Final = "schedule"
#: How long a cadence that never ran is no more than planned; at least the day in which a new
#: control host is made ready.
PERIODS: t.Final[Mapping[str, timedelta]] = {
    "quarter_hourly": timedelta(days=1),
    "hourly": timedelta(days=1),
    "refresh_caches": timedelta(days=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=31),
    "quarterly": timedelta(days=92),
}
#: How far clocks of control hosts with one store may differ.
_CLOCKS_DIFFER: t.Final = timedelta(hours=1)
#: Runs of a playbook that are read for the last start of each system, at most.
_MOST_READ: t.Final = 500


class Missed(t.NamedTuple):
    """A start that no run answered; ``last`` is when its cadence began last, None for never."""

    system: str
    cadence: str
    due: datetime
    last: datetime | None
    requirements: tuple[str, ...] = ()

    def sentence(self, now: datetime) -> str:
        """Return it for people: ``weekly has not run for 8 days``."""
        since = (
            "has not run yet" if self.last is None else f"has not run for {_age(now, self.last)}"
        )
        due = f"{self.due:%Y-%m-%d %H:%M} UTC"

        return f"{self.system}: {self.cadence} {since}; it was due {due}"


def newest_runs(
    store: Store, schedule: Schedule, systems: Iterable[str], now: datetime
) -> dict[tuple[str, str], datetime]:
    """Return when each planned (system, cadence) of these systems began last.

    A run that was cut off, as by a reboot of the control host, has not done what it was started
    for, and one of the future was started by a clock that was wrong. Of each cadence only as many
    runs are read as it takes. Raises StoreError.
    """
    open_ends: dict[str, set[str]] = {}
    longest: dict[tuple[str, str], timedelta] = {}
    for system in systems:
        for slot in schedule.systems.get(system, ()):
            open_ends.setdefault(slot.cadence, set()).add(system)
            longest[system, slot.cadence] = _longest(slot, schedule.control)

    found: dict[tuple[str, str], datetime] = {}
    for cadence, wanted in open_ends.items():
        for run in islice(store.of_playbook(cadence), _MOST_READ):
            for key, started in last_runs([run]).items():
                # One that has no end yet may still be going on.
                may_run = started + longest.get(key, timedelta()) > now
                is_cut_off = run["outcome"] == "interrupted" and not may_run
                if not is_cut_off and started < now + _CLOCKS_DIFFER:
                    found.setdefault(key, started)
            wanted -= {system for system, known in found if known == cadence}
            if not wanted:
                break

    return found


def promised(overdue: Iterable[Missed], begun: datetime | None, now: datetime) -> list[Missed]:
    """Return the missed starts of which somebody may count on the cadence.

    One that never ran counts a period after ``begun``, when runs began at all.
    """
    return [
        start
        for start in overdue
        if start.last is not None
        or (begun is not None and begun <= start.due and begun + PERIODS[start.cadence] < now)
    ]


def start_findings(
    missed_starts: Iterable[Missed], now: datetime, watched: Mapping[str, str] | None = None
) -> list[Finding]:
    """Return a warning for each missed start.

    One of a system in ``watched`` is a finding of the system that answers for it: a finding of its
    own would count as a run of it.
    """
    answering = watched or {}

    return [
        complete(
            finding(
                f"schedule:{start.cadence}-{start.system}"
                if start.system in answering
                else f"schedule:{start.cadence}",
                "warning",
                f"{start.sentence(now)}: see why it was not started, or was cut off, then run it",
                observed=f"{start.last:%Y-%m-%dT%H:%M:%SZ}" if start.last else "never",
                expected=f"{start.due:%Y-%m-%dT%H:%M:%SZ}",
                requirements=start.requirements,
            ),
            system=answering.get(start.system, start.system),
            host=CONTROLLER,
            area=AREA,
        )
        for start in missed_starts
    ]


def last_runs(runs: Iterable[RunFacts]) -> dict[tuple[str, str], datetime]:
    """Return when each (system, cadence) began last; a run in check mode does not count."""
    found: dict[tuple[str, str], datetime] = {}
    for run in runs:
        started = clean.moment(run["started"])
        if started is None or run["check_mode"]:
            continue
        for system in run["systems"]:
            key = (system, PurePath(run["playbook"]).stem)
            found[key] = max(started, found.get(key, started))

    return found


def missed(
    schedule: Schedule, runs: Mapping[tuple[str, str], datetime], now: datetime
) -> list[Missed]:
    """Return the starts that are overdue: the run may wait for the lock, and is then late."""
    found = []
    for system, slots in schedule.systems.items():
        for slot in slots:
            due = _overdue(slot, schedule.control, now)
            last = runs.get((system, slot.cadence))
            if due is not None and (last is None or last < due):
                found.append(Missed(system, slot.cadence, due, last, slot.requirements))

    return found


def _overdue(slot: Slot, control: ControlHost, now: datetime) -> datetime | None:
    """Return the last start that must have led to a run by now; None for one of a frozen day."""
    patience = control.lock_wait if slot.is_changing else slot.time_limit
    due = last_start(slot, control.zone, now - timedelta(minutes=patience))
    if due is None:
        return None

    frozen = slot.is_changing and control.frozen_on(due.astimezone(control.zone).date())

    return None if frozen else due


def _longest(slot: Slot, control: ControlHost) -> timedelta:
    """Return how long a run of a slot may take, the wait for the lock included."""
    return timedelta(minutes=slot.time_limit + (control.lock_wait if slot.is_changing else 0))


def _age(now: datetime, then: datetime) -> str:
    minutes = int((now - then) / timedelta(minutes=1))
    if minutes < 2 * 60:
        return f"{minutes} min"
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60} h"

    return f"{minutes // (24 * 60)} days"
