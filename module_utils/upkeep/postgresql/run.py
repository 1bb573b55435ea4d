# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over all databases of a host.

Never raises for what a server reports: that becomes findings.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..base.deadline import Deadline
from ..base.login import Login
from ..findings import Finding, finding
from . import catalogue, usage
from . import findings as report
from .actions import Outcome, display
from .connection import BusyError, DatabaseError, DriverMissingError, Session, open_session
from .execution import OVERTIME, carry_out
from .growth import SizeHistory
from .planning import plan, plan_removal
from .settings import Database, Settings, State, Vacuum
from .statistics import why_still_due


@dataclass(frozen=True)
class MaintenanceRun:
    """What is the same for all databases of a run.

    After ``deadline`` no new work is begun, after ``end`` nothing is read any more either.
    """

    login: Login
    lock_timeout_ms: int
    deadline: Deadline
    end: Deadline
    check_mode: bool
    state: State
    sizes: SizeHistory

    @classmethod
    def of(cls, settings: Settings, check_mode: bool) -> MaintenanceRun:
        """Return the run for the settings of a call; its time begins now."""
        return cls(
            login=settings.login,
            lock_timeout_ms=settings.lock_timeout_ms,
            deadline=Deadline(settings.max_seconds),
            end=Deadline(settings.max_seconds + OVERTIME),
            check_mode=check_mode,
            state=settings.state,
            sizes=SizeHistory(settings.state_file, keep=not check_mode),
        )


@dataclass
class MaintenanceResult:
    """What a run did and saw."""

    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, t.Any]:
        """Return the module's answer; changed means done, or planned in check mode."""
        return {
            "changed": any(outcome.status in ("done", "planned") for outcome in self.outcomes),
            "actions": [outcome.as_dict() for outcome in self.outcomes],
            "failed_actions": [
                outcome.as_dict() for outcome in self.outcomes if outcome.status == "failed"
            ],
            "findings": self.findings,
            "diff": _diff(self.outcomes),
        }


def run(settings: Settings, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer: what was done and seen in all databases."""
    return maintain(settings.databases, MaintenanceRun.of(settings, check_mode)).as_dict()


def maintain(databases: t.Sequence[Database], job: MaintenanceRun) -> MaintenanceResult:
    """Maintain (or, with state absent, clear) the databases one after the other."""
    result = MaintenanceResult()
    if not databases:
        result.findings.append(
            finding(
                "database:none", "info", "No database is named for this host: nothing to maintain."
            )
        )

    for database in databases:
        part = _one_database(database, job)
        result.outcomes += part.outcomes
        result.findings += part.findings

    return result


def _one_database(database: Database, job: MaintenanceRun) -> MaintenanceResult:
    """Return what became of one database; whatever happens there costs this database only."""
    if job.end.is_over():
        return MaintenanceResult(findings=report.not_observed(database, "unknown", _NO_TIME))

    try:
        session = open_session(job.login, database.name, job.lock_timeout_ms)
    except DriverMissingError as error:
        advice = f"{error}; install the package python3-psycopg2."
        return MaintenanceResult(findings=report.not_observed(database, "unknown", advice))
    except DatabaseError as error:
        reason = f"Cannot work with the database: {error}"
        return MaintenanceResult(findings=report.not_observed(database, "critical", reason))

    try:
        if job.state == "absent":
            return _clear(session, database, job)

        return _work(session, database, job)
    finally:
        session.close()


def _work(session: Session, database: Database, job: MaintenanceRun) -> MaintenanceResult:
    result = MaintenanceResult()
    try:
        obstacle = _obstacle(session, catalogue.server_state(session))
        if obstacle:
            result.findings += report.not_maintained(database, *obstacle)
        else:
            _plan_and_do(session, database, job, result)
    except BusyError as error:
        reason = f"Not planned, since a catalogue is locked by another session: {error}"
        result.findings += _unfinished(database, result, "warning", reason)
    except DatabaseError as error:
        reason = f"The server stopped answering while planning: {error}"
        result.findings += _unfinished(database, result, "critical", reason)
    except Exception as error:  # a fault of ours must not cost what else is looked after
        result.findings += _unfinished(database, result, "unknown", report.fault(error))

    result.findings += _look(session, database, job)

    return result


def _unfinished(
    database: Database, result: MaintenanceResult, status: str, reason: str
) -> list[Finding]:
    """Return a finding for each kind of work that has none yet."""
    done = {item["check"] for item in result.findings}
    missing = report.not_maintained(database, status, reason)

    return [item for item in missing if item["check"] not in done]


def _obstacle(session: Session, state: catalogue.ServerState) -> tuple[str, str] | None:
    """Return status and reason when the server must be left alone."""
    if state.in_recovery:
        return "info", "This server is a standby: it is maintained through its primary."

    if not state.counts:
        return (
            "unknown",
            "track_counts is off, so PostgreSQL does not know what is due; switch it on.",
        )

    if not session.take_lock():
        return (
            "warning",
            "Another maintenance run is at work in this database; nothing was done here.",
        )

    return None


def _plan_and_do(
    session: Session, database: Database, job: MaintenanceRun, result: MaintenanceResult
) -> None:
    todo = plan(session, database, job.login, job.deadline, job.check_mode)
    result.outcomes += todo.prepared
    if job.check_mode:
        result.outcomes += [Outcome(action, "planned") for action in todo.actions]
    else:
        result.outcomes += carry_out(session, todo.actions, job.deadline)

    held = _held_back(session, database.vacuum) if database.vacuum else None
    result.findings += report.work_findings(database, todo, result.outcomes, held)


def _held_back(session: Session, settings: Vacuum) -> report.HeldBack | None:
    """Return the tables that a vacuum could not clean, and what holds it back; None without any."""
    state = catalogue.server_state(session)
    found = [
        (table, reason)
        for table in catalogue.tables(session)
        if (reason := why_still_due(table, settings, state.now))
    ]
    if not found:
        return None

    ages = [state.now - table.last_vacuum for table, _ in found if table.last_vacuum]
    youngest = min(ages).total_seconds()
    holders = [holder for holder in catalogue.holders(session) if _held(holder, youngest)]

    if not holders and state.sees_all:
        return None  # new dead rows came: the next run has another go at them

    return report.HeldBack(
        tables=tuple(f"{display(table.schema, table.name)} ({reason})" for table, reason in found),
        holders=tuple(holder.text for holder in holders),
    )


def _held(holder: catalogue.Holder, seconds: float) -> bool:
    """Return whether something can have held back a vacuum that was so many seconds ago.

    What began later cannot. A replica in use asks for recent rows most of the time, so it counts
    for a vacuum that has just ended: dead rows that came since then are not its fault.
    """
    if holder.seconds is not None:
        return holder.seconds > seconds

    return holder.is_forgotten or seconds < _JUST_NOW


def _look(session: Session, database: Database, job: MaintenanceRun) -> list[Finding]:
    """Return what is only observed, after the work; what cannot be read is unknown."""
    found: list[Finding] = []
    for aspect, reader in _READERS.items():
        if job.end.is_over():
            if aspect in ("", "invalid_indexes") or report.is_observed(database, aspect):
                found.append(report.aspect_finding(database, aspect, "unknown", _NO_TIME))
            continue

        try:
            found += reader(session, database, job)
        except DatabaseError as error:
            reason = f"Could not be read: {error}"
            found.append(report.aspect_finding(database, aspect, "unknown", reason))
        except Exception as error:  # a fault of ours costs this aspect only
            reason = report.fault(error)
            found.append(report.aspect_finding(database, aspect, "unknown", reason))

    return found


def _size(session: Session, database: Database, _job: MaintenanceRun) -> list[Finding]:
    return [report.size_finding(database, catalogue.database_bytes(session))]


def _table_sizes(session: Session, database: Database, job: MaintenanceRun) -> list[Finding]:
    if database.sizes is None:
        return []

    tables = catalogue.table_sizes(session)
    before = job.sizes.previous(database.name)
    job.sizes.keep(database.name, tables)

    return [report.table_sizes_finding(database, tables, before, job.sizes.problem)]


def _invalid_indexes(session: Session, database: Database, _job: MaintenanceRun) -> list[Finding]:
    return [report.invalid_finding(database, catalogue.invalid_indexes(session))]


def _connections(session: Session, database: Database, _job: MaintenanceRun) -> list[Finding]:
    if database.connections is None:
        return []
    if not catalogue.server_state(session).sees_all:
        return [report.aspect_finding(database, "connections", "unknown", _BLIND)]

    counts = catalogue.connections(session)

    return [report.connections_finding(database, database.connections, counts)]


def _long_running(session: Session, database: Database, _job: MaintenanceRun) -> list[Finding]:
    if database.long_running is None:
        return []
    if not catalogue.server_state(session).sees_all:
        return [report.aspect_finding(database, "long_running", "unknown", _BLIND)]

    running = catalogue.transactions(session)

    return [report.long_running_finding(database, database.long_running, running)]


def _statements(session: Session, database: Database, _job: MaintenanceRun) -> list[Finding]:
    if database.statements is None:
        return []
    if not catalogue.server_state(session).sees_all:
        return [report.aspect_finding(database, "statements", "unknown", _BLIND)]

    return usage.statements(session, database, database.statements)


def _index_use(session: Session, database: Database, _job: MaintenanceRun) -> list[Finding]:
    if database.index_use is None:
        return []

    return [usage.index_use(session, database, database.index_use)]


#: A vacuum is thought to have just ended for so many seconds.
_JUST_NOW: t.Final = 300.0
_NO_TIME: t.Final = "Not observed: no time was left; give the run more (max_seconds)."
_BLIND: t.Final = "This user does not see what others do; grant it pg_monitor."
_READERS: t.Final[dict[str, t.Callable[[Session, Database, MaintenanceRun], list[Finding]]]] = {
    "": _size,
    "table_sizes": _table_sizes,
    "invalid_indexes": _invalid_indexes,
    "connections": _connections,
    "long_running": _long_running,
    "statements": _statements,
    "index_use": _index_use,
}


def _clear(session: Session, database: Database, job: MaintenanceRun) -> MaintenanceResult:
    """Remove what this job has put into the database: its extension."""
    result = MaintenanceResult()
    about = report.subject(database)
    try:
        actions = plan_removal(session, database.name)
        if job.check_mode:
            result.outcomes += [Outcome(action, "planned") for action in actions]
        else:
            result.outcomes += carry_out(session, actions, job.deadline)
    except DatabaseError as error:
        result.findings.append(about.finding("critical", f"Could not be cleared: {error}"))
        return result

    failures = [outcome for outcome in result.outcomes if outcome.status not in ("done", "planned")]
    status = "critical" if failures else "ok"
    message = failures[0].message if failures else "Nothing of this job is left in the database."
    result.findings.append(about.finding(status, message))

    return result


def _diff(outcomes: t.Sequence[Outcome]) -> dict[str, str]:
    """Return before (what was due) and after (what was done).

    Without times, so that check mode shows the same.
    """
    changed = [outcome.action for outcome in outcomes if outcome.status in ("done", "planned")]
    return {
        "before": "".join(f"{a.database}: {a.object}: {a.reason}\n" for a in changed),
        "after": "".join(f"{a.database}: {a.object}: {a.action}\n" for a in changed),
    }
