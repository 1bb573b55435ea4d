# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what a run over a SQLite file saw and did to findings."""

from __future__ import annotations

import re
import sqlite3
import typing as t
from dataclasses import dataclass

from ..base.text import list_some
from ..findings import Finding, Limits, Subject, worst
from .engine import Facts, SqliteAction
from .settings import SqliteFile

#: planned: check mode; skipped: something is in the way; not_started: the time was up.
Status = t.Literal["planned", "done", "failed", "skipped", "not_started"]

_STATUS: t.Final[dict[Status, str]] = {
    "done": "ok",
    "planned": "info",
    "skipped": "warning",
    "not_started": "warning",
    "failed": "critical",
}
_BUSY: t.Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED: t.Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)
#: SQLITE_CORRUPT is also what its parser reports for syntax that came after its time.
_NOT_PARSED: t.Final = re.compile(
    r"malformed database schema .* - (?:near |unrecognized token|no such |unknown |unsupported )"
)
_CLOSED: t.Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


@dataclass(frozen=True)
class SqliteOutcome:
    """What became of an action."""

    action: SqliteAction
    status: Status
    message: str = ""

    def as_dict(self, database: SqliteFile) -> dict[str, t.Any]:
        """Return the row of the module's ``actions`` list."""
        return {
            "database": database.name,
            "object": self.action.table,
            "action": self.action.verb,
            "reason": self.action.reason,
            "status": self.status,
            "message": self.message,
        }


class SqliteAnswer(t.TypedDict):
    """What the maintenance of one file answers."""

    findings: list[Finding]
    actions: list[dict[str, t.Any]]


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code; errors of Python's own driver have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _is_schema_too_new(error: sqlite3.Error) -> bool:
    """Return whether only the parser of this SQLite does not understand the schema of the file."""
    return bool(_NOT_PARSED.search(str(error)))


def status_of(error: sqlite3.Error) -> str:
    """Return the status of a finding on a file that could not be worked with."""
    code = _code(error)
    if _is_schema_too_new(error):
        return "unknown"

    return "warning" if code in _BUSY else "critical" if code in _DAMAGED else "unknown"


def outcome_of(error: sqlite3.Error) -> Status:
    """Return what became of an action that ended with an error."""
    code = _code(error)
    return (
        "skipped"
        if code in (*_BUSY, sqlite3.SQLITE_FULL)
        else "not_started"
        if code == sqlite3.SQLITE_INTERRUPT
        else "failed"
    )


def explain(
    database: SqliteFile, error: sqlite3.Error, check_mode: bool, written_by: str = ""
) -> str:
    """Return what to do about a file that could not be worked with.

    ``written_by`` is the version of SQLite in the header of the file, '' when nobody knows.
    """
    path = str(database.path)
    code = _code(error)
    if _is_schema_too_new(error):
        author = f"it was last written by SQLite {written_by}, " if written_by else ""
        return (
            f"{path!r} has a schema that this host's SQLite {sqlite3.sqlite_version} cannot read"
            f" ({error}); {author}so nothing is known about it."
        )
    if code in _BUSY:
        return f"{path!r} is locked by another process; nothing was done, the next run tries again."
    if code in _DAMAGED:
        # The first page of an encrypted file looks like that of a damaged one.
        state = "is damaged, or encrypted" if code == sqlite3.SQLITE_NOTADB else "is damaged"
        advice = "stop its application and restore the last good backup"
        return f"{path!r} {state} ({error}); {advice}."
    if code == sqlite3.SQLITE_INTERRUPT:
        return (
            f"{path!r} could not be examined within the time of this run; give it more"
            " (max_seconds)."
        )
    if code in _CLOSED and check_mode:
        return f"{path!r} holds an unfinished transaction that only a real run may undo ({error})."

    return f"{path!r} cannot be worked with: {error}."


def subject(database: SqliteFile, aspect: str = "") -> Subject:
    """Return what a finding on a file, or on one aspect of it, is about."""
    name = f"sqlite:{database.name}"

    return Subject(f"{name}.{aspect}" if aspect else name, database.requirements_of(aspect))


def refused(database: SqliteFile, status: str, message: str) -> SqliteAnswer:
    """Return the answer for a file that was left alone."""
    found = subject(database).finding(status, message, expected="a sound file")

    return {"findings": [found], "actions": []}


def damaged(database: SqliteFile, faults: list[str]) -> Finding:
    """Return the finding on a file whose structure is broken."""
    message = (
        "The file is damaged, nothing was changed; restore the last good backup."
        f" First fault: {faults[0]:.200}"
    )

    return subject(database).finding(
        "critical", message, observed=f"at least {len(faults)} faults", expected="a sound file"
    )


def sound(database: SqliteFile, facts: Facts, tables: int) -> Finding:
    """Return the finding on a file whose structure is right."""
    size = round(facts.pages * facts.page_size / 2**20, 2)
    status, message = "ok", f"The file is sound; it holds {tables} tables."
    if not tables:
        status = "warning"
        message = "The file has no table: was it emptied, or is it the wrong one?"

    return subject(database).finding(status, message, observed=size, unit="MiB")


def constraints(database: SqliteFile, broken: list[str], count: int) -> Finding:
    """Return whether every row keeps the rules of its table (CHECK, NOT NULL, types)."""
    about = subject(database, "constraints")
    if not count:
        return about.finding(
            "ok", "All rows keep the rules of their table.", observed=0, expected=0
        )

    message = (
        f"Rows break a rule of their table, the structure is sound ({list_some(broken, 3)});"
        " correct the rows or the rule."
    )

    return about.finding("warning", message, observed=count, expected=0, unit="rows")


def references(database: SqliteFile, orphans: dict[str, int]) -> Finding:
    """Return whether every row that refers to another finds it."""
    about = subject(database, "foreign_keys")
    count = sum(orphans.values())
    if not count:
        return about.finding("ok", "All references lead to a row.", observed=0, expected=0)

    named = ", ".join(f"{table!r}: {rows}" for table, rows in sorted(orphans.items())[:5])
    message = (
        f"Rows refer to rows that do not exist ({named}); does the application switch foreign"
        " keys on?"
    )

    return about.finding("warning", message, observed=count, expected=0, unit="rows")


def unreadable_references(database: SqliteFile, error: sqlite3.Error) -> Finding:
    """Return the finding on references that cannot be checked."""
    message = f"References cannot be checked: {error}."

    return subject(database, "foreign_keys").finding("unknown", message)


def work_findings(
    database: SqliteFile, after: Facts, outcomes: t.Sequence[SqliteOutcome]
) -> list[Finding]:
    """Return one finding for each aspect that is looked after."""
    found = []
    if database.vacuum:
        limits = Limits(database.vacuum.free_percent)
        found.append(_vacuum(database, round(after.free_percent, 1), limits, outcomes))

    if database.analyze:
        found.append(_analyze(database, outcomes))

    if database.wal:
        found.append(_wal(database, after.wal_bytes, Limits(database.wal.max_bytes), outcomes))

    return found


def _vacuum(
    database: SqliteFile, percent: float, limits: Limits, outcomes: t.Sequence[SqliteOutcome]
) -> Finding:
    status, message = _work(outcomes, "vacuum") or ("ok", "Few pages are free.")

    return subject(database, "vacuum").measured(percent, limits, message, unit="%", status=status)


def _analyze(database: SqliteFile, outcomes: t.Sequence[SqliteOutcome]) -> Finding:
    status, message = _work(outcomes, "analyze") or ("ok", "The statistics of all tables fit.")
    due = sum(
        outcome.status != "done" for outcome in outcomes if outcome.action.aspect == "analyze"
    )

    return subject(database, "analyze").measured(
        due, Limits(0), message, unit="tables due", status=status
    )


def _wal(
    database: SqliteFile, size: int, limits: Limits, outcomes: t.Sequence[SqliteOutcome]
) -> Finding:
    work = _work(outcomes, "wal")
    if work is None and limits.judge(size) != "ok":
        message = "The vacuum went through the log, and a reader keeps it from being emptied."
        work = ("warning", message)

    status, message = work or ("ok", "The write-ahead log is small.")

    return subject(database, "wal").measured(size, limits, message, unit="bytes", status=status)


def _work(outcomes: t.Sequence[SqliteOutcome], aspect: str) -> tuple[str, str] | None:
    """Return status and message for the work on an aspect, None when none was due."""
    mine = [outcome for outcome in outcomes if outcome.action.aspect == aspect]
    if not mine:
        return None

    status = worst(_STATUS[outcome.status] for outcome in mine)

    return status, "; ".join(_sentence(outcome) for outcome in mine[:5]) + "."


_WORDS: t.Final[dict[Status, str]] = {
    "done": "done",
    "planned": "would be done",
    "skipped": "not done, tried again by the next run",
    "not_started": "not done in time",
    "failed": "failed",
}


def _sentence(outcome: SqliteOutcome) -> str:
    action = outcome.action
    target = f" of {action.table!r}" if action.table else ""
    why = f": {outcome.message}" if outcome.message else ""
    return f"{action.verb}{target} ({action.reason}) {_WORDS[outcome.status]}{why}"


def diff(actions: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, str]:
    """Return what was due and what is left of it, one line for each action."""

    def lines(kept: t.Iterable[t.Mapping[str, t.Any]]) -> str:
        return "".join(
            f"{item['database']}: {item['action']} {item['object']}".rstrip() + "\n"
            for item in kept
        )

    return {
        "before": lines(actions),
        "after": lines(item for item in actions if item["status"] not in ("done", "planned")),
    }
