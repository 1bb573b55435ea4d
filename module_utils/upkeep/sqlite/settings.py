# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what SQLite maintenance takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base import options
from ..base.text import duplicates
from .options import OPTIONS

_MIB: t.Final = 2**20


class SettingsError(options.OptionError):
    """Settings that cannot work; one line for each problem, naming file, key and limit."""


@dataclass(frozen=True)
class SqliteAnalyze:
    """When the planner's statistics of a table are refreshed."""

    changed_percent: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class SqliteVacuum:
    """When free pages are given back."""

    free_percent: float
    min_free_bytes: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class SqliteWal:
    """When the write-ahead log is emptied."""

    max_bytes: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class SqliteFile:
    """One SQLite file; an aspect that is None is not looked after."""

    name: str
    path: Path
    analyze: SqliteAnalyze | None
    vacuum: SqliteVacuum | None
    wal: SqliteWal | None
    requirements: tuple[str, ...]

    def requirements_of(self, aspect: str) -> tuple[str, ...]:
        """Return the ids that ask for an aspect: its own, else those of the file."""
        own: tuple[str, ...] = getattr(getattr(self, aspect, None), "requirements", ())

        return own or self.requirements


@dataclass(frozen=True)
class Settings:
    """All that one call of the module is given."""

    databases: tuple[SqliteFile, ...]
    busy_ms: int
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> Settings:
    """Return the settings for the values of the options; raises SettingsError."""
    try:
        filled = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise SettingsError(str(error)) from None

    databases = tuple(_database(entry) for entry in filled["databases"])
    if again := duplicates(database.name for database in databases):
        raise SettingsError(
            "\n".join(
                f"databases: duplicate name {name!r}; give each file a name of its own"
                for name in again
            )
        )

    return Settings(databases, filled["busy_timeout"], filled["max_seconds"])


def _database(entry: Mapping[str, t.Any]) -> SqliteFile:
    analyze, vacuum, wal = entry["analyze"], entry["vacuum"], entry["wal"]

    return SqliteFile(
        name=entry["name"],
        path=Path(entry["path"]),
        analyze=analyze
        and SqliteAnalyze(analyze["changed_percent"], tuple(analyze["requirements"])),
        vacuum=vacuum
        and SqliteVacuum(
            vacuum["free_percent"],
            vacuum["min_free_mb"] * _MIB,
            tuple(vacuum["requirements"]),
        ),
        wal=wal and SqliteWal(wal["max_mb"] * _MIB, tuple(wal["requirements"])),
        requirements=tuple(entry["requirements"]),
    )
