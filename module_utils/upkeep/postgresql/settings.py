# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what PostgreSQL maintenance takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..base import options
from ..base.login import Login
from ..base.text import duplicates, visible
from .options import OPTIONS

State = t.Literal["present", "absent"]

_MILLISECONDS: t.Final = {"ms": 1, "s": 1000, "min": 60_000}


class SettingsError(options.OptionError):
    """Settings that cannot work; one line for each problem, naming database, key and limit."""


@dataclass(frozen=True)
class Analyze:
    """When a table's statistics are refreshed."""

    due_after_days: float
    min_changed_percent: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Vacuum:
    """When a table is vacuumed.

    ``freeze_age`` counts transactions; None leaves freezing to autovacuum.
    """

    due_after_days: float
    dead_tuple_percent: float
    dead_tuples_min: int
    freeze_age: int | None
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Reindex:
    """When an index is rebuilt; no names means every B-tree index of the database."""

    indexes: tuple[str, ...]
    bloat_percent: float
    min_size_mb: float
    create_extension: bool
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Sizes:
    """Report the sizes of the database and its tables, and how much these grew."""

    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Connections:
    """Limits for the share of the server's connections in use."""

    warning_percent: float | None
    critical_percent: float | None
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class LongRunning:
    """How long a transaction may take."""

    warning_seconds: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Statements:
    """Report the slowest statements that ran often enough.

    ``warning_ms`` is for the average of the slowest.
    """

    show: int
    least_calls: int
    warning_ms: float | None
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class IndexUse:
    """Report indexes that nobody uses and tables of some size that are mostly read whole.

    ``warning_mb`` is for all indexes that were not used in at least ``least_days``.
    """

    least_days: float
    least_rows: int
    warning_mb: float | None
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Database:
    """One database; an aspect that is None is not looked after."""

    name: str
    analyze: Analyze | None
    vacuum: Vacuum | None
    reindex: Reindex | None
    sizes: Sizes | None
    connections: Connections | None
    long_running: LongRunning | None
    statements: Statements | None
    index_use: IndexUse | None

    @property
    def visible_name(self) -> str:
        """The name as it stands in checks; a line break in it is made visible."""
        return visible(self.name)

    def requirements(self, aspect: str) -> tuple[str, ...]:
        """Return the requirement ids that ask for an aspect, none when it is not looked after."""
        ids: tuple[str, ...] = getattr(getattr(self, aspect, None), "requirements", ())

        return ids


@dataclass(frozen=True)
class Settings:
    """All that one call of the module is given."""

    databases: tuple[Database, ...]
    login: Login
    lock_timeout_ms: int
    max_seconds: int
    state: State
    state_file: str | None


_ASPECTS: t.Final[Mapping[str, type[t.Any]]] = {
    "analyze": Analyze,
    "vacuum": Vacuum,
    "reindex": Reindex,
    "sizes": Sizes,
    "connections": Connections,
    "long_running": LongRunning,
    "statements": Statements,
    "index_use": IndexUse,
}


def parse(values: Mapping[str, t.Any]) -> Settings:
    """Return the settings for the values of the options; raises SettingsError."""
    try:
        filled = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise SettingsError(str(error)) from None

    _require_unique([entry["name"] for entry in filled["databases"]])

    return Settings(
        databases=tuple(_database(entry) for entry in filled["databases"]),
        login=Login.of(filled),
        lock_timeout_ms=_milliseconds(filled["lock_timeout"]),
        max_seconds=filled["max_seconds"],
        state=filled["state"],
        state_file=filled["state_file"],
    )


def _require_unique(names: Sequence[str]) -> None:
    if again := duplicates(names):
        raise SettingsError(
            "\n".join(f"databases: duplicate name {name!r}; merge the entries" for name in again)
        )


def _milliseconds(duration: str) -> int:
    """Return a duration such as ``500ms``, ``2s`` or ``1min`` in ms."""
    number = duration.rstrip("imns")

    return int(number) * _MILLISECONDS[duration.removeprefix(number)]


def _database(entry: Mapping[str, t.Any]) -> Database:
    aspects = {key: _aspect(kind, entry[key]) for key, kind in _ASPECTS.items()}

    return Database(name=entry["name"], **aspects)


def _aspect(kind: type[t.Any], values: Mapping[str, t.Any] | None) -> t.Any:
    if values is None:
        return None

    return kind(
        **{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    )
