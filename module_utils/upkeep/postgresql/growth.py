# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sizes of tables in the previous run, so that the next one can report their growth."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ..base import state_file
from .actions import display
from .catalogue import TableSize

VERSION: t.Final = 1


class PreviousSizes(t.NamedTuple):
    """What a run saw: when (Unix seconds), and the bytes of each table with its indexes."""

    at: float
    tables: Mapping[str, int]

    @property
    def day(self) -> str:
        """When it was, for people."""
        return f"{datetime.fromtimestamp(self.at, UTC):%Y-%m-%d %H:%M}"


class SizeHistory:
    """The file of sizes. It is read once and replaced with each database.

    ``problem`` is why nothing is known or kept, '' when all is well.
    """

    def __init__(self, path: str | None, *, keep: bool) -> None:
        self._path, self._keeps = path, keep
        self._databases: dict[str, t.Any] = {}
        self.problem = "" if path else "no state_file is given"
        if path:
            self._load(path)

    def _load(self, path: str) -> None:
        try:
            self._databases = dict((state_file.load(path, VERSION) or {}).get("databases", {}))
        except (state_file.StateFileError, TypeError, ValueError) as error:
            self.problem = str(error)

    def previous(self, database: str) -> PreviousSizes | None:
        """Return what the previous run saw of a database, None when nothing is known."""
        try:
            entry = self._databases[database]
            tables = {str(name): int(size) for name, size in entry["tables"].items()}
            return PreviousSizes(float(entry["at"]), tables)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def keep(self, database: str, sizes: Sequence[TableSize]) -> None:
        """Keep what this run saw of a database; a locked table keeps its earlier size."""
        if not (self._path and self._keeps):
            return

        before = self.previous(database)
        locked = {key(table) for table in sizes if table.is_locked}
        known = before.tables.items() if before else ()
        tables = {name: size for name, size in known if name in locked}
        tables |= {key(table): table.bytes for table in sizes if not table.is_locked}
        self._databases[database] = {"at": time.time(), "tables": tables}

        try:
            state_file.save(self._path, VERSION, {"databases": self._databases})
        except state_file.StateFileError as error:
            self.problem = str(error)


def key(table: TableSize) -> str:
    """Return the name under which the size of a table is kept."""
    return display(table.schema, table.name)
