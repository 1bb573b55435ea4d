# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The starts that the systems of a run have missed, as findings of that run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import PurePath

from ansible.module_utils.upkeep.findings import Finding

from upkeep.run import clean
from upkeep.run.events import Event
from upkeep.schedule.load import read
from upkeep.schedule.missed import missed, newest_runs, promised, start_findings
from upkeep.store import Store


def missed_starts(
    store: Store,
    systems: Collection[str],
    logged: Sequence[Event],
    now: datetime,
    watched: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return a warning for each start that these systems have missed.

    ``watched`` maps other systems to the one that answers for them: no run of theirs can say that
    there was none. The run itself counts, though the store has no record of it yet. Raises
    ScheduleError, StoreError, OSError.
    """
    schedule = read()
    others = {name: watcher for name, watcher in (watched or {}).items() if name not in systems}
    known = newest_runs(store, schedule, {*systems, *others}, now)
    known |= {(system, cadence): now for system in systems for cadence in _own_cadence(logged)}
    begun = clean.moment(store.oldest_start())
    overdue = [
        start
        for start in missed(schedule, known, now)
        if start.system in systems or start.system in others
    ]

    return start_findings(promised(overdue, begun, now), now, others)


def _own_cadence(logged: Sequence[Event]) -> list[str]:
    """Return the cadence of the run unless it is one in check mode."""
    return [
        PurePath(str(event["playbook"])).stem
        for event in logged
        if event["event"] == "run_started" and not event["check"]
    ]
