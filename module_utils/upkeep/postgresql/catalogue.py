# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the server's catalogues say: each read is one query and gives small records."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from datetime import datetime

from . import queries
from .connection import Session
from .indexes import Index, InvalidIndex, Pages
from .statistics import TableStats

EXTENSION: t.Final = "pgstattuple"


class ServerState(t.NamedTuple):
    """What decides whether anything may be done at all."""

    now: datetime
    in_recovery: bool
    counts: bool
    sees_all: bool


class Extension(t.NamedTuple):
    """Where an extension is (None: not created), whether its files are installed, and its comment."""

    schema: str | None
    available: bool
    comment: str | None


class ConnectionCounts(t.NamedTuple):
    """Client connections: to this database, running a statement there, to the whole server, and the limit."""

    here: int
    active: int
    server: int
    limit: int


class Transaction(t.NamedTuple):
    """An open transaction of another client; its text is left out, since it may hold data."""

    pid: int
    user: str
    state: str
    seconds: float


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
    """Return every index with storage outside the system schemas."""
    return [Index(*row) for row in session.rows(queries.INDEXES)]


def pages(session: Session, schema: str, chosen: t.Sequence[Index]) -> list[tuple[Index, Pages]]:
    """Return the page counts of B-tree indexes; reads each of them from end to end."""
    by_oid = {index.oid: index for index in chosen}
    rows = session.rows(queries.PAGES, {"oids": list(by_oid)}, measure=(schema, "pgstatindex"))
    return [(by_oid[row[0]], Pages(*row[1:])) for row in rows]


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


def transactions(session: Session) -> list[Transaction]:
    """Return the open transactions of other clients of this database, oldest first."""
    return [Transaction(*row) for row in session.rows(queries.TRANSACTIONS)]


def in_the_way(session: Session, table_oid: int) -> list[Transaction]:
    """Return the transactions, open for longer than lock_timeout, that a concurrent rebuild would wait for."""
    return [Transaction(*row) for row in session.rows(queries.IN_THE_WAY, {"table": table_oid})]


def database_bytes(session: Session) -> int:
    """Return the size of the database on disk."""
    return int(session.value("SELECT pg_database_size(current_database())"))


def table_bytes(session: Session, limit: int) -> list[tuple[str, str, int]]:
    """Return schema, name and total size of the largest tables."""
    return [
        (row[0], row[1], row[2] or 0) for row in session.rows(queries.TABLE_SIZES, {"limit": limit})
    ]
