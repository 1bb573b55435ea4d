# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From catalogue to plan: what a run would do. Check mode and a real run plan by the same code."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field, replace

from ..base.deadline import Deadline
from ..base.login import Login
from . import catalogue
from .actions import Action, Outcome
from .connection import DatabaseError, Session
from .execution import lack_of_space
from .indexes import Selection, plan_drops, plan_rebuilds, select
from .measuring import measure
from .settings import Database, Reindex
from .statistics import TableStats, plan_tables

#: Marks an extension as ours, so that only ours is taken away again.
EXTENSION_COMMENT: t.Final = "index measurement, created by Upkeep db_maintenance"


@dataclass(frozen=True)
class Plan:
    """What is due in one database.

    ``prepared`` was already done (or is planned) to be able to measure. ``unmeasured`` is why no
    index was measured, ``locked`` and ``failed`` are single indexes that were not.
    """

    actions: tuple[Action, ...] = ()
    prepared: tuple[Outcome, ...] = ()
    tables: int = 0
    selection: Selection = field(default_factory=Selection)
    no_space: tuple[str, ...] = ()
    unmeasured: str = ""
    locked: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def plan(
    session: Session, database: Database, login: Login, deadline: Deadline, check_mode: bool
) -> Plan:
    """Return everything that is due; raises DatabaseError when the catalogue cannot be read.

    In check mode nothing stays changed: an extension that is missing is created in a transaction
    that is rolled back.
    """
    now = catalogue.server_state(session).now
    tables = catalogue.tables(session)
    work = tuple(plan_tables(database.name, tables, database.analyze, database.vacuum, now))
    base = Plan(actions=work, tables=len(tables))
    if database.reindex is None:
        return base

    try:
        rebuilds = _plan_reindex(
            session,
            database.name,
            database.reindex,
            _dead_shares(tables, work),
            deadline,
            check_mode,
        )
        drops = plan_drops(database.name, catalogue.invalid_indexes(session))
        placed = _placed(session, login, rebuilds.actions)
    except DatabaseError as error:
        return replace(base, unmeasured=str(error))

    lacks = {action: lack_of_space(action) for action in placed}

    return replace(
        rebuilds,
        tables=len(tables),
        actions=(*work, *drops, *(action for action in placed if not lacks[action])),
        no_space=tuple(f"{action.object}: {lack}" for action, lack in lacks.items() if lack),
    )


def _placed(session: Session, login: Login, actions: t.Sequence[Action]) -> list[Action]:
    """Return the actions with the folder of their files, where that is on this machine."""
    if not login.local:
        return [replace(action, folder="") for action in actions]

    folder = _data_folder(session)

    return [replace(action, folder=action.folder or folder) for action in actions]


def _plan_reindex(
    session: Session,
    database: str,
    settings: Reindex,
    dead_shares: t.Mapping[int, float],
    deadline: Deadline,
    check_mode: bool,
) -> Plan:
    selection = select(catalogue.indexes(session), settings)
    found = Plan(selection=selection, locked=selection.locked)
    if not selection.indexes:
        return found

    extension = catalogue.extension(session)
    missing = extension.schema is None
    if missing and not (extension.available and settings.create_extension):
        return replace(found, unmeasured=_advice(extension.available))

    with session.rolled_back() if missing and check_mode else contextlib.nullcontext():
        if missing:
            created = _create_extension(session, database, check_mode)
            found = replace(found, prepared=(created,))
            if created.status == "failed":
                return replace(found, unmeasured=created.message)

        measured = measure(session, extension.schema or "public", selection.indexes, deadline)

    return replace(
        found,
        actions=tuple(plan_rebuilds(database, measured.pages, settings, dead_shares)),
        locked=(*found.locked, *measured.locked),
        failed=tuple(measured.failed),
    )


def _create_extension(session: Session, database: str, check_mode: bool) -> Outcome:
    action = Action(database, catalogue.EXTENSION, "create_extension", "needed to measure indexes")
    try:
        session.execute(f"CREATE EXTENSION {catalogue.EXTENSION} WITH SCHEMA public")
        session.execute(f"COMMENT ON EXTENSION {catalogue.EXTENSION} IS '{EXTENSION_COMMENT}'")
    except DatabaseError as error:
        return Outcome(action, "failed", message=str(error))

    return Outcome(action, "planned" if check_mode else "done")


def plan_removal(session: Session, database: str) -> list[Action]:
    """Return the action that takes our extension away, none when it is not there or not ours."""
    extension = catalogue.extension(session)
    if extension.schema is None or extension.comment != EXTENSION_COMMENT:
        return []

    return [
        Action(
            database,
            catalogue.EXTENSION,
            "drop_extension",
            "created by this job, which is taken away",
        )
    ]


def _dead_shares(tables: t.Sequence[TableStats], work: t.Sequence[Action]) -> dict[int, float]:
    """Return by table oid what part of the index entries the planned vacuums may remove.

    Without this a vacuum would make an index due for the very next run.
    """
    vacuumed = {action.oid for action in work if action.action.startswith("vacuum")}
    return {table.oid: table.dead_percent / 100 for table in tables if table.oid in vacuumed}


def _data_folder(session: Session) -> str:
    """Return the data directory, empty when the user may not see it.

    Then nothing is known about free space.
    """
    try:
        return str(session.value("SELECT current_setting('data_directory')"))
    except DatabaseError:
        return ""


def _advice(available: bool) -> str:
    if available:
        return (
            "the extension pgstattuple is not created; create it, or allow it by"
            " reindex.create_extension"
        )

    return (
        "the extension pgstattuple is not installed; install the package postgresql-contrib of"
        " the distribution"
    )
