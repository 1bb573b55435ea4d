# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is an index due for a rebuild?

Pure decisions on measured pages, and which invalid indexes are left-overs.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .actions import Action, display
from .settings import Reindex

MEGABYTE: t.Final = 1024 * 1024

# REINDEX CONCURRENTLY builds x_ccnew and renames the replaced index to x_ccold; a number is added
# when taken.
_REBUILD_NAME = re.compile(r"_cc(new|old)\d*\Z")


@dataclass(frozen=True)
class Index:
    """One index that has pages.

    ``known_as`` are the names it may be asked for by, ``folder`` its tablespace. ``bytes`` is None
    while another session has it ``locked``.
    """

    oid: int
    table_oid: int
    schema: str
    name: str
    known_as: t.Sequence[str]
    method: str
    bytes: int | None
    fillfactor: int
    valid: bool
    exclusion: bool
    folder: str
    locked: bool = False

    @property
    def size(self) -> int:
        """The size in bytes, 0 while it is not known."""
        return self.bytes or 0


@dataclass(frozen=True)
class Pages:
    """What pgstatindex counts in a B-tree.

    ``density`` is the used share of the leaf pages in percent.
    """

    internal: int
    leaf: int
    empty: int
    deleted: int
    density: float


@dataclass(frozen=True)
class InvalidIndex:
    """An index that PostgreSQL does not use.

    ``twin``: a valid index of the same definition is on the table.
    """

    oid: int
    table_oid: int
    schema: str
    name: str
    twin: bool
    constraint: bool
    being_built: bool

    @property
    def left_over(self) -> bool:
        """Whether an interrupted rebuild left it behind, so that nothing is lost with it."""
        owned = self.constraint or self.being_built
        return bool(_REBUILD_NAME.search(self.name)) and self.twin and not owned


@dataclass(frozen=True)
class Selection:
    """The indexes to measure, and configured names that cannot be."""

    indexes: tuple[Index, ...] = ()
    asked: int = 0
    missing: tuple[str, ...] = ()
    unmeasurable: tuple[str, ...] = ()
    locked: tuple[str, ...] = ()


def select(indexes: t.Sequence[Index], settings: Reindex) -> Selection:
    """Return the valid B-tree indexes that are configured and large enough to matter."""
    names = set(settings.indexes)
    chosen = [index for index in indexes if not names or names & set(index.known_as)]
    known = {name for index in chosen for name in index.known_as}
    fit = [
        index for index in chosen if index.method == "btree" and index.valid and not index.exclusion
    ]

    least = settings.min_size_mb * MEGABYTE

    return Selection(
        indexes=tuple(index for index in fit if not index.locked and index.size >= least),
        locked=tuple(display(index.schema, index.name) for index in fit if index.locked),
        asked=len(chosen),
        missing=tuple(name for name in settings.indexes if name not in known),
        unmeasurable=tuple(
            display(index.schema, index.name) for index in chosen if names and index not in fit
        ),
    )


def bloat_percent(pages: Pages, fillfactor: int, dead_share: float = 0.0) -> float:
    """Return the share of the pages in percent that a rebuild would give back.

    ``dead_share`` (0 to 1) is the part of the rows that a VACUUM planned before it will remove at
    most.
    """
    total = 1 + pages.internal + pages.leaf + pages.empty + pages.deleted
    filled = pages.density * (1 - dead_share) / fillfactor if pages.leaf else 0.0
    needed = 1 + pages.internal + pages.leaf * min(filled, 1.0)

    return 100.0 * (1 - needed / total)


def plan_rebuilds(
    database: str,
    measured: t.Sequence[tuple[Index, Pages]],
    settings: Reindex,
    dead_shares: t.Mapping[int, float],
) -> list[Action]:
    """Return one action per bloated index, most waste first.

    ``dead_shares`` maps oids of tables to be vacuumed.
    """
    bloats = [
        (bloat_percent(pages, index.fillfactor, dead_shares.get(index.table_oid, 0.0)), index)
        for index, pages in measured
    ]
    due = [(bloat, index) for bloat, index in bloats if bloat > settings.bloat_percent]
    due.sort(key=lambda item: (-item[0] * item[1].size, item[1].schema, item[1].name))

    return [
        Action(
            database=database,
            object=display(index.schema, index.name),
            action="reindex",
            reason=(
                f"{bloat:.0f} % of {index.size / MEGABYTE:.1f} MB is unused,"
                f" limit {settings.bloat_percent:g} %"
            ),
            oid=index.oid,
            schema=index.schema,
            name=index.name,
            bytes=index.size,
            table_oid=index.table_oid,
            folder=index.folder,
        )
        for bloat, index in due
    ]


def plan_drops(database: str, invalid: t.Sequence[InvalidIndex]) -> list[Action]:
    """Return one action per left-over of an interrupted rebuild."""
    return [
        Action(
            database=database,
            object=display(index.schema, index.name),
            action="drop_index",
            reason="left over from an interrupted rebuild",
            oid=index.oid,
            schema=index.schema,
            name=index.name,
            table_oid=index.table_oid,
        )
        for index in invalid
        if index.left_over
    ]
