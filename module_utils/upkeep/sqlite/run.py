# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over all SQLite files of a host, each in a process that acts as the owner of the file."""

from __future__ import annotations

import os
import sqlite3
import time
import typing as t
from pathlib import Path

from ..base import isolated
from ..base.files import reason_of
from ..findings import Finding, finding
from . import findings as report
from .engine import (
    BusyError,
    Facts,
    RunLimits,
    SqliteAction,
    connected,
    faults,
    free_space,
    look,
    orphans,
    perform,
    plan,
    tables,
    version_of,
)
from .findings import SqliteAnswer, SqliteOutcome
from .locate import LocatedFile, RefusedFile, identity, locate
from .settings import Settings, SqliteFile

#: Seconds that a process may take beyond the time of the run: for what cannot be interrupted.
GRACE: t.Final = 60.0


def run(settings: Settings, check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer: what was done and seen in all files."""
    limits = RunLimits(settings.busy_ms, time.monotonic() + settings.max_seconds, check_mode)
    answers = [_as_owner(database, limits) for database in settings.databases]
    findings = [item for answer in answers for item in answer["findings"]]
    actions = [item for answer in answers for item in answer["actions"]]
    if not settings.databases:
        findings = [
            finding(
                "sqlite:none", "info", "No SQLite file is named for this host: nothing to maintain."
            )
        ]

    return {
        "changed": any(action["status"] in ("done", "planned") for action in actions),
        "actions": actions,
        "findings": findings,
        "diff": report.diff(actions),
    }


def _as_owner(database: SqliteFile, limits: RunLimits) -> SqliteAnswer:
    """Maintain one file in a process of its owner, so that no journal ever belongs to root."""
    found = locate(database.path)
    if isinstance(found, RefusedFile):
        return report.refused(database, found.status, found.message)

    owner = found.owner if os.geteuid() == 0 else None  # nobody else can choose
    seconds = limits.end + GRACE - time.monotonic()
    if seconds <= 0:
        message = "Not examined: no time was left; give the run more (max_seconds)."
        return report.refused(database, "unknown", message)

    answers, problem = isolated.run(lambda: [maintain(database, found, limits)], seconds, owner)
    if not answers:
        message = f"The maintenance of {str(database.path)!r} failed: {problem}."
        return report.refused(database, "unknown", message)

    answer: SqliteAnswer = answers[0]

    return answer


def maintain(database: SqliteFile, found: LocatedFile, limits: RunLimits) -> SqliteAnswer:
    """Maintain one file as the user of this process; whatever SQLite reports is a finding."""
    path = found.path
    # A vacuum writes a copy to SQLite's folder for temporary files: the disk whose space counts.
    os.environ["SQLITE_TMPDIR"] = str(path.parent)

    try:
        # Only now, with the owner's rights, does it matter that it is still the same file.
        if identity(path.lstat()) != found.identity:
            message = f"{str(database.path)!r} was replaced while it was opened; try again."
            return report.refused(database, "unknown", message)

        with connected(path, limits) as connection:
            return _work(connection, database, path, limits)
    except sqlite3.Error as error:
        written_by = version_of(path)
        return report.refused(
            database,
            report.status_of(error),
            report.explain(database, error, limits.check_mode, written_by),
        )
    except OSError as error:
        message = f"{str(database.path)!r} cannot be examined: {reason_of(error)}."
        return report.refused(database, "unknown", message)


def _work(
    connection: sqlite3.Connection, database: SqliteFile, path: Path, limits: RunLimits
) -> SqliteAnswer:
    facts = look(connection, path)
    found = faults(connection)
    if found.damage:
        # Moving pages of a damaged file could lose what can still be saved.
        return {"findings": [report.damaged(database, found.damage)], "actions": []}

    rows = tables(connection)
    findings = [
        report.sound(database, facts, len(rows)),
        report.constraints(database, found.broken_rules, found.rules_count),
        _references(connection, database),
    ]
    todo = plan(database, facts, rows, free_space(path))
    outcomes = [_carry_out(connection, action, facts, limits) for action in todo]
    after = look(connection, path)
    findings += report.work_findings(database, after, outcomes)

    return {"findings": findings, "actions": [outcome.as_dict(database) for outcome in outcomes]}


def _references(connection: sqlite3.Connection, database: SqliteFile) -> Finding:
    try:
        return report.references(database, orphans(connection))
    except sqlite3.OperationalError as error:
        return report.unreadable_references(database, error)


def _carry_out(
    connection: sqlite3.Connection, action: SqliteAction, facts: Facts, limits: RunLimits
) -> SqliteOutcome:
    if action.obstacle:
        return SqliteOutcome(action, "skipped", action.obstacle)
    if limits.check_mode:
        return SqliteOutcome(action, "planned")
    if time.monotonic() > limits.end:
        return SqliteOutcome(action, "not_started", "the time for this run was up")

    try:
        perform(connection, action, facts.wal_mode)
    except BusyError as error:
        return SqliteOutcome(action, "skipped", str(error))
    except sqlite3.Error as error:
        return SqliteOutcome(action, report.outcome_of(error), str(error))

    return SqliteOutcome(action, "done")
