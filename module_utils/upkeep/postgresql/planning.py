# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From catalogue to plan: what a run would do. Check mode and a real run plan by the same code."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field, replace

from ..base.login import Login
from . import catalogue
from .actions import Action, Outcome
from .connection import DatabaseError, Session
from .execution import Deadline, lack_of_space
from .indexes import Selection, plan_drops, plan_rebuilds, select
from .settings import Database, Reindex
from .statistics import TableStats, plan_tables

#: Marks an extension as ours, so that only ours is taken away again.
EXTENSION_COMMENT: t.Final = "index measurement, created by Upkeep db_maintenance"


@dataclass(frozen=True)
class Plan:
    """What is due in one database.

    ``prepared`` was already done (or is planned) to be able to measure.
    """

    actions: tuple[Action, ...] = ()
    prepared: tuple[Outcome, ...] = ()
    tables: int = 0
    selection: Selection = field(default_factory=Selection)
    no_space: tuple[str, ...] = ()
    unmeasured: str = ""


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

    folder = _data_folder(session, login)
    drops = plan_drops(database.name, catalogue.invalid_indexes(session))
    rebuilds = _plan_reindex(
        session, database.name, database.reindex, _dead_shares(tables, work), deadline, check_mode
    )
    placed = [
        replace(action, folder=(action.folder or folder) if login.local else "")
        for action in rebuilds.actions
    ]
    lacks = {action: lack_of_space(action) for action in placed}

    return replace(
        rebuilds,
        tables=len(tables),
        actions=(*work, *drops, *(action for action in placed if not lacks[action])),
        no_space=tuple(f"{action.object}: {lack}" for action, lack in lacks.items() if lack),
    )


def _plan_reindex(
    session: Session,
    database: str,
    settings: Reindex,
    dead_shares: t.Mapping[int, float],
    deadline: Deadline,
    check_mode: bool,
) -> Plan:
    selection = select(catalogue.indexes(session), settings)
    if not selection.indexes:
        return Plan(selection=selection)

    extension = catalogue.extension(session)
    if extension.schema is None and not (extension.available and settings.create_extension):
        return Plan(selection=selection, unmeasured=_advice(extension.available))

    undo = (
        session.rolled_back()
        if extension.schema is None and check_mode
        else contextlib.nullcontext()
    )
    prepared: tuple[Outcome, ...] = ()

    with undo:
        if extension.schema is None:
            prepared = (_create_extension(session, database, check_mode),)
            if prepared[0].status == "failed":
                return Plan(prepared=prepared, selection=selection, unmeasured=prepared[0].message)
        try:
            with session.statement_timeout(max(deadline.left, 1)):
                measured = catalogue.pages(session, extension.schema or "public", selection.indexes)
        except DatabaseError as error:
            return Plan(prepared=prepared, selection=selection, unmeasured=str(error))

    rebuilds = plan_rebuilds(database, measured, settings, dead_shares)

    return Plan(actions=tuple(rebuilds), prepared=prepared, selection=selection)


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


def _data_folder(session: Session, login: Login) -> str:
    """Return the data directory, empty when the user may not see it.

    Then nothing is known about free space.
    """
    if not login.local:
        return ""

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
