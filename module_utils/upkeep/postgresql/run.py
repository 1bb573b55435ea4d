# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over all databases of a host.

Never raises on what a server says: that becomes findings.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ..findings import Finding, finding
from . import catalogue, usage
from . import findings as report
from .actions import Outcome
from .connection import DatabaseError, DriverMissingError, Session, open_session
from .execution import Deadline, carry_out
from .planning import plan, plan_removal
from .settings import (
    Connections,
    Database,
    Login,
    LongRunning,
    SettingsError,
    milliseconds,
    parse_databases,
)


@dataclass(frozen=True)
class Job:
    """What is the same for all databases of a run."""

    login: Login
    lock_timeout_ms: int
    deadline: Deadline
    check_mode: bool
    state: t.Literal["present", "absent"] = "present"


@dataclass
class Result:
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


def run(params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer to its parameters; raises SettingsError."""
    databases = parse_databases(params["databases"])
    login = Login(
        params["login_user"], params["login_host"], params["login_port"], params["login_password"]
    )
    if params["max_seconds"] <= 0:
        raise SettingsError(
            f"max_seconds is {params['max_seconds']}; give the seconds that the run may take"
        )

    job = Job(
        login=login,
        lock_timeout_ms=milliseconds(params["lock_timeout"]),
        deadline=Deadline(params["max_seconds"]),
        check_mode=check_mode,
        state=params["state"],
    )

    return maintain(databases, job).as_dict()


def maintain(databases: t.Sequence[Database], job: Job) -> Result:
    """Maintain (or, with state absent, clear) the databases one after the other."""
    result = Result()
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


def _one_database(database: Database, job: Job) -> Result:
    try:
        session = open_session(job.login, database.name, job.lock_timeout_ms)
    except DriverMissingError as error:
        advice = f"{error}; install the package python3-psycopg2."
        return Result(findings=report.not_observed(database, "unknown", advice))
    except DatabaseError as error:
        return Result(
            findings=report.not_observed(
                database, "critical", f"Cannot work with the database: {error}"
            )
        )

    try:
        return (
            _clear(session, database, job)
            if job.state == "absent"
            else _work(session, database, job)
        )
    finally:
        session.close()


def _work(session: Session, database: Database, job: Job) -> Result:
    result = Result()
    try:
        state = catalogue.server_state(session)
        obstacle = _obstacle(session, state)
        if obstacle:
            result.findings += report.not_maintained(database, *obstacle)
        else:
            _plan_and_do(session, database, job, result)
    except DatabaseError as error:
        done = {item["check"] for item in result.findings}
        missing = [
            aspect for aspect in report.WORK if report.check_name(database, aspect) not in done
        ]
        message = f"The server stopped answering while planning: {error}"
        result.findings += [
            report.aspect_finding(database, aspect, "critical", message)
            for aspect in missing
            if getattr(database, aspect) is not None
        ]

    result.findings += _look(session, database)

    return result


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


def _plan_and_do(session: Session, database: Database, job: Job, result: Result) -> None:
    todo = plan(session, database, job.login, job.deadline, job.check_mode)
    result.outcomes += todo.prepared
    if job.check_mode:
        result.outcomes += [Outcome(action, "planned") for action in todo.actions]
    else:
        result.outcomes += carry_out(session, todo.actions, job.deadline)

    result.findings += report.work_findings(database, todo, result.outcomes)


def _look(session: Session, database: Database) -> list[Finding]:
    """Return what is only looked at, after the work; what cannot be read is unknown."""
    found: list[Finding] = []
    for aspect, reader in _READERS.items():
        if aspect in report.LOOKS and getattr(database, aspect) is None:
            continue
        try:
            found += reader(session, database)
        except DatabaseError as error:
            found.append(
                report.aspect_finding(database, aspect, "unknown", f"Could not be read: {error}")
            )

    return found


def _sizes(session: Session, database: Database) -> list[Finding]:
    largest = catalogue.table_bytes(session, report.NAMED) if database.sizes is not None else []
    return report.size_findings(database, catalogue.database_bytes(session), largest)


def _invalid_indexes(session: Session, database: Database) -> list[Finding]:
    return [report.invalid_finding(database, catalogue.invalid_indexes(session))]


def _connections(session: Session, database: Database) -> list[Finding]:
    if not catalogue.server_state(session).sees_all:
        return [report.aspect_finding(database, "connections", "unknown", _BLIND)]
    limits = database.connections or Connections()
    return [report.connections_finding(database, limits, catalogue.connections(session))]


def _long_running(session: Session, database: Database) -> list[Finding]:
    if not catalogue.server_state(session).sees_all:
        return [report.aspect_finding(database, "long_running", "unknown", _BLIND)]
    limits = database.long_running or LongRunning()
    return [report.long_running_finding(database, limits, catalogue.transactions(session))]


def _statements(session: Session, database: Database) -> list[Finding]:
    if not catalogue.server_state(session).sees_all:
        return [report.aspect_finding(database, "statements", "unknown", _BLIND)]
    return usage.statements(session, database)


_BLIND: t.Final = "This user does not see what others do; grant it pg_monitor."
_READERS: t.Final[dict[str, t.Callable[[Session, Database], list[Finding]]]] = {
    "": _sizes,
    "invalid_indexes": _invalid_indexes,
    "connections": _connections,
    "long_running": _long_running,
    "statements": _statements,
    "index_use": usage.index_use,
}


def _clear(session: Session, database: Database, job: Job) -> Result:
    """Take away what this job has put into the database: its extension."""
    result = Result()
    try:
        actions = plan_removal(session, database.name)
        if job.check_mode:
            result.outcomes += [Outcome(action, "planned") for action in actions]
        else:
            result.outcomes += carry_out(session, actions, job.deadline)
    except DatabaseError as error:
        result.findings.append(
            finding(report.check_name(database), "critical", f"Could not be cleared: {error}")
        )
        return result

    failures = [outcome for outcome in result.outcomes if outcome.status not in ("done", "planned")]
    status = "critical" if failures else "ok"
    message = failures[0].message if failures else "Nothing of this job is left in the database."
    result.findings.append(finding(report.check_name(database), status, message))

    return result


def _diff(outcomes: t.Sequence[Outcome]) -> dict[str, str]:
    """Return before (what was due) and after (what it became), without times, so that check mode shows the same."""
    changed = [outcome.action for outcome in outcomes if outcome.status in ("done", "planned")]
    return {
        "before": "".join(f"{a.database}: {a.object}: {a.reason}\n" for a in changed),
        "after": "".join(f"{a.database}: {a.object}: {a.action}\n" for a in changed),
    }
