# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked for: the typed form of the module's ``databases`` list, and its limits.

Names and types of the keys are checked by the module's argument spec; here the figures get checked.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ..base.text import duplicates

#: A freshly built B-tree index of the widest keys allowed may still leave this share of its space
#: unused (a leaf page is closed when the next key, at most a third of a page, does not fit). A
#: lower limit could never be reached.
LEAST_BLOAT_PERCENT: t.Final = 30.0
#: More statements than this nobody reads.
MOST_STATEMENTS: t.Final = 50

_DURATION = re.compile(r"(\d+)(ms|s|min)")
_MILLISECONDS: t.Final = {"ms": 1, "s": 1000, "min": 60_000}


class SettingsError(ValueError):
    """A figure that cannot work; the message names the database, the key and what to change."""


@dataclass(frozen=True)
class Analyze:
    """When a table's statistics are refreshed."""

    due_after_days: float = 7
    min_changed_percent: float = 0
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vacuum:
    """When a table is vacuumed.

    ``freeze_age`` counts transactions; None leaves freezing to autovacuum.
    """

    due_after_days: float = 7
    dead_tuple_percent: float = 20
    dead_tuples_min: int = 1000
    freeze_age: int | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reindex:
    """When an index is rebuilt; no names means every B-tree index of the database."""

    indexes: tuple[str, ...] = ()
    bloat_percent: float = LEAST_BLOAT_PERCENT
    min_size_mb: float = 1
    create_extension: bool = True
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sizes:
    """Ask for the sizes of the database and its largest tables."""

    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Connections:
    """Limits for the share of the server's connections in use."""

    warning_percent: float | None = None
    critical_percent: float | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class LongRunning:
    """How long a transaction may take."""

    warning_seconds: float = 300
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statements:
    """Ask for the slowest statements that ran often enough.

    ``warning_ms`` is for the average of the slowest.
    """

    show: int = 10
    least_calls: int = 3
    warning_ms: float | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class IndexUse:
    """Ask for indexes that nobody uses and tables of some size that are mostly read whole.

    ``warning_mb`` is for all indexes that were not used in at least ``least_days``.
    """

    least_days: float = 7
    least_rows: int = 10_000
    warning_mb: float | None = None
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Database:
    """One database; an aspect that is None was not asked for."""

    name: str
    analyze: Analyze | None = None
    vacuum: Vacuum | None = None
    reindex: Reindex | None = None
    sizes: Sizes | None = None
    connections: Connections | None = None
    long_running: LongRunning | None = None
    statements: Statements | None = None
    index_use: IndexUse | None = None

    @property
    def shown(self) -> str:
        """Return the name as it stands in checks; a line break in it is made visible."""
        return "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode()
            for char in self.name
        )

    def requirements(self, aspect: str) -> tuple[str, ...]:
        """Return the requirement ids that asked for an aspect, none when it was not asked for."""
        wanted: tuple[str, ...] = getattr(getattr(self, aspect, None), "requirements", ())
        return wanted


@dataclass(frozen=True)
class Login:
    """How to reach the server; an empty host means the local socket."""

    user: str = "postgres"
    host: str = ""
    port: int = 5432
    password: str | None = field(default=None, repr=False)

    @property
    def local(self) -> bool:
        """Say whether the server runs on this machine, so that its file system can be looked at."""
        return not self.host or self.host.startswith("/")


_ASPECTS: t.Final[dict[str, type[t.Any]]] = {
    "analyze": Analyze,
    "vacuum": Vacuum,
    "reindex": Reindex,
    "sizes": Sizes,
    "connections": Connections,
    "long_running": LongRunning,
    "statements": Statements,
    "index_use": IndexUse,
}


def parse_databases(entries: t.Sequence[t.Mapping[str, t.Any]]) -> list[Database]:
    """Return the typed databases in the given order; raises SettingsError."""
    databases = [_database(entry) for entry in entries]
    if again := duplicates(database.name for database in databases):
        raise SettingsError(f"databases names {again} more than once; merge the entries")
    return databases


def milliseconds(duration: str) -> int:
    """Return a duration such as ``500ms``, ``2s`` or ``1min`` in ms.

    Raises SettingsError, also for no time at all.
    """
    match = _DURATION.fullmatch(duration)
    if not match or int(match[1]) == 0:
        raise SettingsError(
            f"lock_timeout is {duration!r}; give a time above zero such as '500ms', '2s' or '1min'"
        )

    return int(match[1]) * _MILLISECONDS[match[2]]


def _database(entry: t.Mapping[str, t.Any]) -> Database:
    name = entry["name"]
    if not name or "\0" in name:
        raise SettingsError(f"database name {name!r} must be text without NUL that is not empty")

    aspects = {
        key: _aspect(kind, entry[key])
        for key, kind in _ASPECTS.items()
        if entry.get(key) is not None
    }
    database = Database(name=name, **aspects)
    for problem in _problems(database):
        raise SettingsError(f"database {name!r}: {problem}")

    return database


def _aspect(kind: type[t.Any], values: t.Mapping[str, t.Any]) -> t.Any:
    given = {key: value for key, value in values.items() if value is not None}
    return kind(
        **{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    )


def _problems(database: Database) -> t.Iterator[str]:
    for aspect in ("analyze", "vacuum"):
        settings: Analyze | Vacuum | None = getattr(database, aspect)
        if settings and settings.due_after_days < 1:
            yield f"{aspect}.due_after_days is {settings.due_after_days}; at least 1, or every run would find work"

    if (
        database.vacuum
        and database.vacuum.freeze_age is not None
        and database.vacuum.freeze_age < 1_000_000
    ):
        yield f"vacuum.freeze_age is {database.vacuum.freeze_age}; at least 1000000 transactions"

    yield from _percent_problems(database)
    if database.reindex:
        yield from _reindex_problems(database.reindex)

    if database.long_running and database.long_running.warning_seconds <= 0:
        yield f"long_running.warning_seconds is {database.long_running.warning_seconds}; above 0"

    if database.statements and not 1 <= database.statements.show <= MOST_STATEMENTS:
        yield f"statements.show is {database.statements.show}; from 1 to {MOST_STATEMENTS}"

    if database.statements and database.statements.least_calls < 1:
        yield f"statements.least_calls is {database.statements.least_calls}; at least 1"

    if database.index_use and database.index_use.least_days < 0:
        yield f"index_use.least_days is {database.index_use.least_days}; at least 0"


def _percent_problems(database: Database) -> t.Iterator[str]:
    for aspect in _ASPECTS:
        settings = getattr(database, aspect)
        for key, value in vars(settings).items() if settings else ():
            if key.endswith("_percent") and value is not None and not 0 <= value <= 100:
                yield f"{aspect}.{key} is {value}; from 0 to 100"


def _reindex_problems(reindex: Reindex) -> t.Iterator[str]:
    if reindex.bloat_percent < LEAST_BLOAT_PERCENT:
        yield (
            f"reindex.bloat_percent is {reindex.bloat_percent}; at least {LEAST_BLOAT_PERCENT:g}, "
            "since a new index of wide keys is not tighter and would be rebuilt for ever"
        )

    if reindex.min_size_mb < 1:
        yield f"reindex.min_size_mb is {reindex.min_size_mb}; at least 1, smaller indexes gain nothing"

    if any(not name or "\0" in name for name in reindex.indexes):
        yield f"reindex.indexes holds a name that is empty or has NUL in it: {list(reindex.indexes)!r}"
