# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carrying out a plan: one statement per action, nobody blocked, locked objects tried again after the others."""

from __future__ import annotations

import os
import time
import typing as t

from . import catalogue
from .actions import Action, Outcome
from .connection import BusyError, DatabaseError, Session

ATTEMPTS: t.Final = 3

_STATEMENTS: t.Final = {
    "analyze": "ANALYZE (SKIP_LOCKED) {target}",
    "vacuum": "VACUUM (SKIP_LOCKED) {target}",
    "vacuum_analyze": "VACUUM (SKIP_LOCKED, ANALYZE) {target}",
    "vacuum_freeze": "VACUUM (SKIP_LOCKED, FREEZE) {target}",
    "vacuum_freeze_analyze": "VACUUM (SKIP_LOCKED, FREEZE, ANALYZE) {target}",
    "reindex": "REINDEX INDEX CONCURRENTLY {target}",
    "drop_index": "DROP INDEX CONCURRENTLY {target}",
    "drop_extension": "DROP EXTENSION {target}",
}


class Deadline:
    """The time after which no new work is begun."""

    def __init__(self, seconds: float, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Return the seconds left, at least 0."""
        return max(self._end - self._clock(), 0.0)


def carry_out(session: Session, actions: t.Sequence[Action], deadline: Deadline) -> list[Outcome]:
    """Do the actions and return their outcomes in the same order: tables first, then left-overs, then rebuilds."""
    outcomes: dict[Action, Outcome] = {}
    for kind in ("tables", "drop_index", "reindex", "drop_extension"):
        pending = [action for action in actions if action.kind == kind]
        for _ in range(ATTEMPTS):
            outcomes.update({action: _attempt(session, action, deadline) for action in pending})
            pending = [action for action in pending if outcomes[action].status == "skipped"]

    return [outcomes[action] for action in actions]


def lack_of_space(action: Action) -> str | None:
    """Return why there is no room to rebuild an index, None when there is or nobody can tell."""
    if not action.folder:
        return None

    try:
        disk = os.statvfs(action.folder)
    except OSError:
        return None

    free = disk.f_bavail * disk.f_frsize
    if free >= 2 * action.bytes:
        return None

    return f"a rebuild needs {2 * action.bytes} bytes on {action.folder}, only {free} are free"


def _attempt(session: Session, action: Action, deadline: Deadline) -> Outcome:
    if session.lost:
        return Outcome(action, "not_started", message="the connection was lost")
    if deadline.left <= 0:
        return Outcome(action, "not_started", message="the time for this run was up")

    begin = time.monotonic()

    try:
        obstacle = _perform(session, action)
    except BusyError as error:
        return Outcome(action, "skipped", time.monotonic() - begin, str(error))
    except DatabaseError as error:
        return Outcome(action, "failed", time.monotonic() - begin, str(error))

    return Outcome(
        action, "skipped" if obstacle else "done", time.monotonic() - begin, obstacle or ""
    )


def _perform(session: Session, action: Action) -> str | None:
    """Do one action; return what was in the way, None when it is done."""
    performers = {
        "tables": _work_on_table,
        "reindex": _rebuild,
        "drop_index": _drop,
        "drop_extension": _remove,
    }
    return performers[action.kind](session, action)


def _work_on_table(session: Session, action: Action) -> str | None:
    before = catalogue.work_times(session, action.oid)
    session.maintain(_STATEMENTS[action.action], target=(action.schema, action.name))
    after = catalogue.work_times(session, action.oid)
    # A table that is locked, or that the user may not vacuum, only gives a warning: believe the
    # catalogue.
    undone = [
        verb
        for verb, old, new in (
            ("vacuum", before.vacuum, after.vacuum),
            ("analyze", before.analyze, after.analyze),
        )
        if verb in action.action and old == new
    ]

    return (
        f"no {' and '.join(undone)}: locked by another session, or not allowed for this user"
        if undone
        else None
    )


def _drop(session: Session, action: Action) -> str | None:
    # The plan may be minutes old: only what is a left-over now, under this very oid, may go.
    if action.oid not in {
        index.oid for index in catalogue.invalid_indexes(session) if index.left_over
    }:
        return "no longer a left-over, or a rebuild is running on its table"

    session.maintain(_STATEMENTS["drop_index"], target=(action.schema, action.name))
    return None


def _remove(session: Session, action: Action) -> str | None:
    session.execute(_STATEMENTS["drop_extension"], target=(action.object,))
    return None


def _rebuild(session: Session, action: Action) -> str | None:
    obstacle = lack_of_space(action) or _blocker(session, action)
    if obstacle:
        return obstacle

    known = {index.oid for index in catalogue.invalid_indexes(session)}

    try:
        session.maintain(_STATEMENTS["reindex"], target=(action.schema, action.name))
    except DatabaseError:
        _clean_up(session, action, known)
        raise

    return None


def _blocker(session: Session, action: Action) -> str | None:
    """Return who would let the rebuild run into lock_timeout, so that it is not begun in vain."""
    found = catalogue.in_the_way(session, action.table_oid)
    return (
        f"the transaction of pid {found[0].pid} is open for {found[0].seconds:.0f} s"
        if found
        else None
    )


def _clean_up(session: Session, action: Action, known: set[int]) -> None:
    """Drop what our failed rebuild left behind.

    When that fails too, the next run finds it as a left-over.
    """
    try:
        for index in catalogue.invalid_indexes(session):
            if index.left_over and index.oid not in known and index.table_oid == action.table_oid:
                session.maintain(_STATEMENTS["drop_index"], target=(index.schema, index.name))
    except DatabaseError:
        return
