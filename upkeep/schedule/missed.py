# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts that did not happen, from the store of runs: right under any scheduler."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import PurePath

from upkeep.run import clean
from upkeep.run.types import RunRecord
from upkeep.schedule.load import Schedule
from upkeep.schedule.settings import ControlHost, Slot
from upkeep.schedule.starts import last_start


class Missed(t.NamedTuple):
    """A start that no run answered; ``last`` is when its cadence began last, None for never."""

    system: str
    cadence: str
    due: datetime
    last: datetime | None

    def sentence(self, now: datetime) -> str:
        """Return it for people: ``weekly has not run for 8 days``."""
        since = (
            "has not run yet" if self.last is None else f"has not run for {_age(now, self.last)}"
        )
        due = f"{self.due:%Y-%m-%d %H:%M} UTC"

        return f"{self.system}: {self.cadence} {since}; it was due {due}"


def last_runs(records: Iterable[RunRecord]) -> dict[tuple[str, str], datetime]:
    """Return when each (system, cadence) began last; a run in check mode does not count."""
    found: dict[tuple[str, str], datetime] = {}
    for record in records:
        started = clean.moment(record["started"])
        if started is None or record["check_mode"]:
            continue
        for system in record["systems"]:
            key = (system, PurePath(record["playbook"]).stem)
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
                found.append(Missed(system, slot.cadence, due, last))

    return found


def _overdue(slot: Slot, control: ControlHost, now: datetime) -> datetime | None:
    """Return the last start that must have led to a run by now; None for one of a frozen day."""
    patience = control.lock_wait if slot.is_changing else slot.time_limit
    due = last_start(slot, control.zone, now - timedelta(minutes=patience))
    if due is None:
        return None

    frozen = slot.is_changing and control.frozen_on(due.astimezone(control.zone).date())

    return None if frozen else due


def _age(now: datetime, then: datetime) -> str:
    minutes = int((now - then) / timedelta(minutes=1))
    if minutes < 2 * 60:
        return f"{minutes} min"
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60} h"

    return f"{minutes // (24 * 60)} days"
