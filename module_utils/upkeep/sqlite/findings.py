# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run over a SQLite file saw and did, as findings."""

from __future__ import annotations

import sqlite3
import typing as t
from dataclasses import dataclass

from ..findings import Finding, finding, worst
from .engine import Action, Facts
from .settings import Database

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
_CLOSED: t.Final = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


@dataclass(frozen=True)
class Outcome:
    """What became of an action."""

    action: Action
    status: Status
    message: str = ""

    def as_dict(self, database: Database) -> dict[str, t.Any]:
        """Return the row of the module's ``actions`` list."""
        return {
            "database": database.name,
            "object": self.action.table,
            "action": self.action.verb,
            "reason": self.action.reason,
            "status": self.status,
            "message": self.message,
        }


class Answer(t.TypedDict):
    """What the maintenance of one file answers."""

    findings: list[Finding]
    actions: list[dict[str, t.Any]]


def _code(error: sqlite3.Error) -> int:
    """Return the primary result code; errors of Python's own driver have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def status_of(error: sqlite3.Error) -> str:
    """Return the status of a finding on a file that could not be worked with."""
    code = _code(error)
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


def explain(database: Database, error: sqlite3.Error, check_mode: bool) -> str:
    """Return what to do about a file that could not be worked with."""
    path = str(database.path)
    code = _code(error)
    if code in _BUSY:
        return f"{path!r} is locked by another process; nothing was done, the next run tries again."
    if code in _DAMAGED:
        return (
            f"{path!r} is damaged ({error}); stop its application and restore the last good backup."
        )
    if code == sqlite3.SQLITE_INTERRUPT:
        return f"{path!r} could not be looked through within the time of this run; give it more (max_seconds)."
    if code in _CLOSED and check_mode:
        return f"{path!r} holds an unfinished transaction that only a real run may undo ({error})."

    return f"{path!r} cannot be worked with: {error}."


def refused(database: Database, status: str, message: str) -> Answer:
    """Return the answer for a file that was left alone."""
    check = f"sqlite:{database.name}"
    found = finding(
        check, status, message, expected="a sound file", requirements=database.requirements_of("")
    )

    return {"findings": [found], "actions": []}


def damaged(database: Database, faults: list[str]) -> Finding:
    """Return the finding on a file whose structure is broken."""
    message = f"The file is damaged, nothing was changed; restore the last good backup. First fault: {faults[0]:.200}"
    return finding(
        f"sqlite:{database.name}",
        "critical",
        message,
        observed=f"at least {len(faults)} faults",
        expected="a sound file",
        requirements=database.requirements_of(""),
    )


def sound(database: Database, facts: Facts, tables: int) -> Finding:
    """Return the finding on a file whose structure is right."""
    size = round(facts.pages * facts.page_size / 2**20, 2)
    status, message = "ok", f"The file is sound; it holds {tables} tables."
    if not tables:
        status, message = (
            "warning",
            "The file holds no table: was it emptied, or is it the wrong one?",
        )

    return finding(
        f"sqlite:{database.name}",
        status,
        message,
        observed=size,
        unit="MiB",
        requirements=database.requirements_of(""),
    )


def references(database: Database, orphans: dict[str, int]) -> Finding:
    """Return whether every row that refers to another finds it."""
    check, ids = f"sqlite:{database.name}.foreign_keys", database.requirements_of("")
    count = sum(orphans.values())
    if not count:
        return finding(
            check, "ok", "All references lead to a row.", observed=0, expected=0, requirements=ids
        )

    named = ", ".join(f"{table!r}: {rows}" for table, rows in sorted(orphans.items())[:5])
    message = f"Rows refer to rows that are not there ({named}); does the application switch foreign keys on?"

    return finding(
        check, "warning", message, observed=count, expected=0, unit="rows", requirements=ids
    )


def unreadable_references(database: Database, error: sqlite3.Error) -> Finding:
    """Return the finding on references that cannot be checked."""
    message = f"References cannot be checked: {error}."
    check = f"sqlite:{database.name}.foreign_keys"
    return finding(check, "unknown", message, requirements=database.requirements_of(""))


def work_findings(
    database: Database, before: Facts, after: Facts, outcomes: t.Sequence[Outcome]
) -> list[Finding]:
    """Return one finding for each aspect that is looked after."""
    seen = {
        "vacuum": (database.free_percent, round(after.free_percent, 1), "%"),
        "analyze": (database.changed_percent, None, "%"),
        "wal": (database.max_wal_bytes, after.wal_bytes, "bytes"),
    }
    return [
        _work_finding(
            database,
            aspect,
            observed,
            limit,
            unit,
            [o for o in outcomes if o.action.aspect == aspect],
        )
        for aspect, (limit, observed, unit) in seen.items()
        if limit is not None
    ]


_NOTHING_DUE: t.Final = {
    "vacuum": "Few pages hold nothing.",
    "analyze": "The statistics of all tables fit.",
    "wal": "The write-ahead log is small.",
}


def _work_finding(
    database: Database,
    aspect: str,
    observed: t.Any,
    limit: float,
    unit: str,
    outcomes: list[Outcome],
) -> Finding:
    if aspect == "analyze":
        observed = len([outcome for outcome in outcomes if outcome.status != "done"])
        limit, unit = 0, "tables due"

    status, message = "ok", _NOTHING_DUE[aspect]
    if outcomes:
        status = worst(_STATUS[outcome.status] for outcome in outcomes)
        message = "; ".join(_sentence(outcome) for outcome in outcomes[:5]) + "."
    elif aspect == "wal" and observed > limit:
        status, message = (
            "warning",
            "The vacuum went through the log, and a reader keeps it from being emptied.",
        )

    return finding(
        f"sqlite:{database.name}.{aspect}",
        status,
        message,
        observed=observed,
        expected=f"at most {limit:g}",
        unit=unit,
        requirements=database.requirements_of(aspect),
    )


_WORDS: t.Final[dict[Status, str]] = {
    "done": "done",
    "planned": "would be done",
    "skipped": "not done, tried again by the next run",
    "not_started": "not done in time",
    "failed": "failed",
}


def _sentence(outcome: Outcome) -> str:
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
