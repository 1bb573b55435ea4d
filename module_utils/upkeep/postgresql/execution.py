# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Carry out a plan: one statement an action, nobody blocked, locked objects tried again later."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ..base.deadline import Deadline
from . import catalogue
from .actions import Action, Outcome, Status
from .connection import BusyError, DatabaseError, OvertimeError, Session
from .indexes import InvalidIndex

ATTEMPTS: t.Final = 3
#: Seconds that a statement may take beyond the time of the run, in which no new one is begun.
OVERTIME: t.Final = 120.0

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


def carry_out(session: Session, actions: t.Sequence[Action], deadline: Deadline) -> list[Outcome]:
    """Do the actions and return their outcomes in the same order.

    Tables come first, then left-overs, then rebuilds.
    """
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
    if deadline.is_over():
        return Outcome(action, "not_started", message="the time for this run was up")

    begin = time.monotonic()
    try:
        obstacle = _perform(session, action, deadline.left + OVERTIME)
    except BusyError as error:
        return Outcome(action, "skipped", time.monotonic() - begin, str(error))
    except OvertimeError:
        reason = "it was ended, since the time for this run was up: give it more (max_seconds)"
        return Outcome(action, "not_started", time.monotonic() - begin, reason)
    except DatabaseError as error:
        status: Status = "gone" if _is_gone(session, action) else "failed"
        return Outcome(action, status, time.monotonic() - begin, str(error))
    except Exception as error:  # a fault of ours must not lose what the others did
        reason = f"unexpected {type(error).__name__}"
        return Outcome(action, "failed", time.monotonic() - begin, reason)

    if obstacle and _is_gone(session, action):
        return Outcome(action, "gone", time.monotonic() - begin)

    return Outcome(
        action, "skipped" if obstacle else "done", time.monotonic() - begin, obstacle or ""
    )


def _is_gone(session: Session, action: Action) -> bool:
    """Return whether the object was dropped or renamed since it was planned."""
    if session.lost or not action.oid:
        return False

    try:
        return not catalogue.exists(session, action.oid, action.schema, action.name)
    except DatabaseError:
        return False


def _perform(session: Session, action: Action, seconds: float) -> str | None:
    """Do one action; return what was in the way, None when it is done.

    No statement may take more than ``seconds``.
    """
    performers = {
        "tables": _work_on_table,
        "reindex": _rebuild,
        "drop_index": _drop,
        "drop_extension": _remove,
    }
    return performers[action.kind](session, action, seconds)


def _work_on_table(session: Session, action: Action, seconds: float) -> str | None:
    before = catalogue.work_times(session, action.oid)
    session.maintain(_STATEMENTS[action.action], seconds, target=(action.schema, action.name))
    after = catalogue.work_times(session, action.oid)

    # A table that is locked, or that the user may not vacuum, only gives a warning: trust the
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


def _drop(session: Session, action: Action, seconds: float) -> str | None:
    # The plan may be minutes old: only what is a left-over now, under this very oid, may go.
    if action.oid not in {
        index.oid for index in catalogue.invalid_indexes(session) if index.left_over
    }:
        return "no longer a left-over, or a rebuild is running on its table"

    session.maintain(_STATEMENTS["drop_index"], seconds, target=(action.schema, action.name))
    return None


def _remove(session: Session, action: Action, seconds: float) -> str | None:
    session.maintain(_STATEMENTS["drop_extension"], seconds, target=(action.object,))
    return None


def _rebuild(session: Session, action: Action, seconds: float) -> str | None:
    obstacle = lack_of_space(action) or _blocker(session, action)
    if obstacle:
        return obstacle

    # Each attempt that fails may leave an index that costs every write: never add another one.
    _drop_left_overs(session, action)
    if left := _left_overs(session, action):
        return f"a left-over of an earlier rebuild is still there: {left[0].name}"

    try:
        session.maintain(_STATEMENTS["reindex"], seconds, target=(action.schema, action.name))
    except DatabaseError:
        with contextlib.suppress(DatabaseError):
            _drop_left_overs(session, action)
        raise

    return None


def _blocker(session: Session, action: Action) -> str | None:
    """Return what would let the rebuild run into lock_timeout, so that it is not begun in vain."""
    found = catalogue.in_the_way(session, action.table_oid)

    return f"{found[0].text} is in the way" if found else None


def _left_overs(session: Session, action: Action) -> list[InvalidIndex]:
    """Return what interrupted rebuilds left on the table of an index."""
    return [
        index
        for index in catalogue.invalid_indexes(session)
        if index.left_over and index.table_oid == action.table_oid
    ]


def _drop_left_overs(session: Session, action: Action) -> None:
    """Drop what rebuilds left on the table of an index; what cannot be dropped now stays."""
    for index in _left_overs(session, action):
        with contextlib.suppress(BusyError, OvertimeError):
            session.maintain(_STATEMENTS["drop_index"], OVERTIME, target=(index.schema, index.name))
