# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run over all SQLite files of a host, each in a process that acts as the owner of the file."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
import typing as t
from pathlib import Path

from ..base import isolated
from ..base.files import Owner
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
)
from .findings import SqliteAnswer, SqliteOutcome
from .settings import Database, parse

#: Seconds that a process may take beyond the time of the run: for what cannot be interrupted.
GRACE: t.Final = 60.0


class Refused(t.NamedTuple):
    """Why a file is left alone: the status and message of its finding."""

    status: str
    message: str


def run(params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Return the module's answer to its arguments; raises SettingsError."""
    settings = parse(params)
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


def _as_owner(database: Database, limits: RunLimits) -> SqliteAnswer:
    """Maintain one file in a process of its owner, so that no journal ever belongs to root."""
    owner = _owner(database.path)
    if isinstance(owner, Refused):
        return report.refused(database, owner.status, owner.message)

    whom = owner if os.geteuid() == 0 else None  # nobody else can choose
    seconds = max(limits.end - time.monotonic(), 0)
    answers, problem = isolated.run(lambda: [maintain(database, limits)], seconds, whom, GRACE)
    if not answers:
        return report.refused(
            database, "unknown", f"The maintenance of {str(database.path)!r} failed: {problem}."
        )

    answer: SqliteAnswer = answers[0]

    return answer


def _owner(path: Path) -> Owner | Refused:
    """Return whose file it is. A link counts only when root or that same user made it."""
    try:
        named, file = path.lstat(), path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Refused(
            "critical", f"{str(path)!r} does not exist; restore it from its last backup."
        )
    except OSError as error:
        return Refused("unknown", f"{str(path)!r} cannot be examined: {error}.")

    if not stat.S_ISREG(file.st_mode):
        return Refused(
            "critical", f"{str(path)!r} is not a regular file; find out who put it there."
        )

    if named.st_uid not in (0, file.st_uid):
        return Refused(
            "critical",
            f"{str(path)!r} is a link that somebody else made to the file of another user.",
        )

    return Owner(file.st_uid, file.st_gid)


def maintain(database: Database, limits: RunLimits) -> SqliteAnswer:
    """Maintain one file as the user of this process; whatever SQLite reports is a finding."""
    path = database.path.resolve()
    # A vacuum writes a copy to SQLite's folder for temporary files: the disk whose room is looked
    # at.
    os.environ["SQLITE_TMPDIR"] = str(path.parent)

    try:
        with connected(path, limits) as connection:
            return _work(connection, database, path, limits)
    except sqlite3.Error as error:
        return report.refused(
            database, report.status_of(error), report.explain(database, error, limits.check_mode)
        )
    except OSError as error:
        return report.refused(database, "unknown", f"{str(path)!r} cannot be examined: {error}.")


def _work(
    connection: sqlite3.Connection, database: Database, path: Path, limits: RunLimits
) -> SqliteAnswer:
    facts = look(connection, path)
    damage = faults(connection)
    if damage:
        # Moving pages of a damaged file could lose what can still be saved.
        return {"findings": [report.damaged(database, damage)], "actions": []}

    rows = tables(connection)
    findings = [report.sound(database, facts, len(rows)), _references(connection, database)]
    todo = plan(database, facts, rows, free_space(path))
    outcomes = [_carry_out(connection, action, facts, limits) for action in todo]
    after = look(connection, path)
    findings += report.work_findings(database, after, outcomes)

    return {"findings": findings, "actions": [outcome.as_dict(database) for outcome in outcomes]}


def _references(connection: sqlite3.Connection, database: Database) -> Finding:
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
