# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the server's catalogues report: each read is one query and gives small records."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from . import queries
from .actions import display
from .connection import BusyError, Session
from .indexes import Index, InvalidIndex, Pages
from .statistics import TableStats

EXTENSION: t.Final = "pgstattuple"
#: How often a query that measures is tried, when a lock came between its look and its measuring.
_ATTEMPTS: t.Final = 3


class ServerState(t.NamedTuple):
    """What decides whether anything may be done at all."""

    now: datetime
    in_recovery: bool
    counts: bool
    sees_all: bool


class Extension(t.NamedTuple):
    """The schema of an extension (None: not created), whether it is installed, its comment."""

    schema: str | None
    available: bool
    comment: str | None


class ConnectionCounts(t.NamedTuple):
    """Client connections: to this database, active there, to the whole server, and the limit."""

    here: int
    active: int
    server: int
    limit: int


class Holder(t.NamedTuple):
    """Something that keeps a snapshot, a transaction or rows of the database.

    ``kind`` is ``session``, ``prepared``, ``slot`` or ``replica``; ``seconds`` is None where nobody
    knows since when. The text of its statements is left out, since it may hold data.
    """

    kind: str
    name: str
    user: str | None
    state: str | None
    seconds: float | None

    @property
    def is_forgotten(self) -> bool:
        """Whether it is a replication slot that nobody uses."""
        return self.kind == "slot" and self.state != "active"

    @property
    def text(self) -> str:
        """What it is, for people."""
        user = f" of {display(self.user)}" if self.user else ""
        age = "" if self.seconds is None else f", open for {self.seconds:.0f} s"
        if self.kind == "session":
            return f"pid {self.name}{user} ({self.state or 'no state'}{age})"
        if self.kind == "prepared":
            return f"prepared transaction {display(self.name)}{user}{age}"
        if self.kind == "slot":
            return f"replication slot {display(self.name)} ({self.state})"

        return f"replica {display(self.name)} (hot_standby_feedback)"


class TableSize(t.NamedTuple):
    """How much a table takes, and its indexes; both are None for one that is locked."""

    schema: str
    name: str
    table_bytes: int | None
    index_bytes: int | None

    @property
    def is_locked(self) -> bool:
        """Whether nobody could measure it."""
        return self.table_bytes is None

    @property
    def bytes(self) -> int:
        """Both together, 0 for a locked one."""
        return (self.table_bytes or 0) + (self.index_bytes or 0)


@dataclass(frozen=True)
class WorkTimes:
    """When a table was last worked on, be it by autovacuum."""

    vacuum: datetime | None
    analyze: datetime | None


def server_state(session: Session) -> ServerState:
    """Return the server's clock and modes."""
    return ServerState(*session.rows(queries.SERVER_STATE)[0])


def tables(session: Session) -> list[TableStats]:
    """Return the statistics of every permanent table outside the system schemas."""
    return [TableStats(*row) for row in session.rows(queries.TABLES)]


def indexes(session: Session) -> list[Index]:
    """Return every index with storage outside the system schemas.

    One that stays locked has no size; one that was dropped meanwhile is left out.
    """
    found = [Index(*row) for row in _measured(session, queries.INDEXES)]
    awaited = _await(session, queries.INDEX_SIZE, [index.oid for index in found if index.locked])
    settled = [
        replace(index, bytes=awaited[index.oid], locked=False) if index.oid in awaited else index
        for index in found
    ]

    return [index for index in settled if index.locked or index.bytes is not None]


def pages(session: Session, schema: str, index: Index) -> Pages:
    """Return the page counts of a B-tree index; reads it from end to end."""
    return Pages(
        *session.rows(queries.PAGES, {"oid": index.oid}, measure=(schema, "pgstatindex"))[0]
    )


def exists(session: Session, oid: int, schema: str, name: str) -> bool:
    """Return whether a relation is still there under its name."""
    return bool(session.value(queries.EXISTS, {"oid": oid, "schema": schema, "name": name}))


def invalid_indexes(session: Session) -> list[InvalidIndex]:
    """Return every index that is marked invalid outside the system schemas."""
    return [InvalidIndex(*row) for row in session.rows(queries.INVALID)]


def work_times(session: Session, oid: int) -> WorkTimes:
    """Return when a table was last vacuumed and analysed."""
    return WorkTimes(*session.rows(queries.WORK_TIMES, {"oid": oid})[0])


def extension(session: Session, name: str = EXTENSION) -> Extension:
    """Return the state of an extension, that which measures indexes when none is named."""
    return Extension(*session.rows(queries.EXTENSION, {"name": name})[0])


def connections(session: Session) -> ConnectionCounts:
    """Return how many clients are connected."""
    return ConnectionCounts(*session.rows(queries.CONNECTIONS)[0])


def transactions(session: Session) -> list[Holder]:
    """Return the open transactions of others in this database, oldest first."""
    return [Holder(*row) for row in session.rows(queries.TRANSACTIONS)]


def holders(session: Session) -> list[Holder]:
    """Return what keeps VACUUM from removing rows in this database."""
    return [Holder(*row) for row in session.rows(queries.HOLDERS)]


def in_the_way(session: Session, table_oid: int) -> list[Holder]:
    """Return what a concurrent rebuild would wait for longer than lock_timeout, oldest first."""
    return [Holder(*row) for row in session.rows(queries.IN_THE_WAY, {"table": table_oid})]


def database_bytes(session: Session) -> int:
    """Return the size of the database on disk."""
    return int(session.value("SELECT pg_database_size(current_database())"))


def table_sizes(session: Session) -> list[TableSize]:
    """Return the sizes of all tables, largest first; those that stay locked come last."""
    rows = _measured(session, queries.TABLE_SIZES)
    awaited = _await(session, queries.TABLE_SIZE, [row[0] for row in rows if row[4]])
    sizes = [
        TableSize(schema, name, *(awaited.get(oid, measured) or (None, None)))
        for oid, schema, name, measured, locked in rows
        # One that is gone has no size, and nobody has locked it any more.
        if None not in (awaited.get(oid, measured) or (() if locked else (None,)))
    ]

    return sorted(sizes, key=lambda table: (-table.bytes, table.schema, table.name))


def unused_indexes(session: Session) -> list[tuple[str, str, int]]:
    """Return schema, name and size of the indexes that were never used, largest first."""
    rows = [row for row in _measured(session, queries.UNUSED_INDEXES) if row[2] is not None]

    return sorted(rows, key=lambda row: (-row[2], row[0], row[1]))


def _await(session: Session, query: str, oids: t.Sequence[int]) -> dict[int, t.Any]:
    """Return the sizes of locked relations, waiting for their locks; None for one that is gone.

    The first lock that lasts ends the waiting: the rest are left out.
    """
    sizes: dict[int, t.Any] = {}
    for oid in oids:
        try:
            sizes[oid] = session.value(query, {"oid": oid})
        except BusyError:
            break

    return sizes


def _measured(
    session: Session, query: str, values: Mapping[str, t.Any] | None = None
) -> list[t.Any]:
    """Return the rows of a query that measures relations; raises BusyError for a lasting lock."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return session.rows(query, values)
        except BusyError:
            continue

    return session.rows(query, values)
