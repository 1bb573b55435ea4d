# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked for: the argument spec, and the checked settings made of it."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ..base.text import duplicates

_Spec = dict[str, t.Any]

_NAME: t.Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)


def _aspect(**options: _Spec) -> _Spec:
    return {"type": "dict", "options": {**options, "requirements": _REQUIREMENTS}}


_REQUIREMENTS: t.Final[_Spec] = {"type": "list", "elements": "str", "default": []}

ARGUMENTS: t.Final[_Spec] = {
    "databases": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "path": {"type": "str", "required": True},
            "analyze": _aspect(changed_percent={"type": "float", "default": 20}),
            "vacuum": _aspect(
                free_percent={"type": "float", "default": 20},
                min_free_mb={"type": "float", "default": 1},
            ),
            "wal": _aspect(max_mb={"type": "float", "default": 64}),
            "requirements": _REQUIREMENTS,
        },
    },
    "busy_timeout": {"type": "int", "default": 5000},
    "max_seconds": {"type": "int", "default": 3600},
}


class SettingsError(ValueError):
    """A value that cannot be worked with; the message names it and what to change."""


@dataclass(frozen=True)
class Database:
    """One SQLite file. A limit that is None belongs to an aspect that is not looked after."""

    name: str
    path: Path
    changed_percent: float | None = None
    free_percent: float | None = None
    min_free_bytes: float = 0
    max_wal_bytes: float | None = None
    requirements: t.Mapping[str, tuple[str, ...]] | None = None

    def requirements_of(self, aspect: str) -> tuple[str, ...]:
        """Return the ids that ask for an aspect: its own, else those of the database."""
        ids = self.requirements or {}
        return ids.get(aspect) or ids.get("", ())


@dataclass(frozen=True)
class Limits:
    """For the whole run: how long to wait for a lock (ms), and the time (monotonic, s) to be done by."""

    busy_ms: int
    end: float
    check_mode: bool


def parse_databases(raw: t.Sequence[t.Mapping[str, t.Any]]) -> list[Database]:
    """Return the databases of checked module arguments; raises SettingsError."""
    databases = [_database(entry) for entry in raw]
    if again := duplicates(database.name for database in databases):
        raise SettingsError(
            f"databases: {again[0]!r} stands there twice; give each file a name of its own"
        )

    return databases


def _database(raw: t.Mapping[str, t.Any]) -> Database:
    name, path = raw["name"], raw["path"]
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"databases: name {name!r} may hold only letters, digits, dot, dash and underscore"
        )
    if not path.startswith("/") or path.endswith("/") or not path.isprintable():
        raise SettingsError(f"database {name!r}: path {path!r} must begin with / and name a file")

    analyze, vacuum, wal = (raw.get(aspect) or None for aspect in ("analyze", "vacuum", "wal"))

    for aspect, key, least in (
        ("analyze", "changed_percent", 1),
        ("vacuum", "free_percent", 1),
        ("vacuum", "min_free_mb", 0),
        ("wal", "max_mb", 0),
    ):
        value = (raw.get(aspect) or {}).get(key)
        if value is not None and not least <= value < float("inf"):
            raise SettingsError(
                f"database {name!r}: {aspect}.{key} is {value}; give at least {least}"
            )

    ids = {
        aspect: tuple((raw.get(aspect) or {}).get("requirements") or ())
        for aspect in ("analyze", "vacuum", "wal")
    }

    return Database(
        name=name,
        path=Path(path),
        changed_percent=analyze["changed_percent"] if analyze else None,
        free_percent=vacuum["free_percent"] if vacuum else None,
        min_free_bytes=vacuum["min_free_mb"] * 2**20 if vacuum else 0,
        max_wal_bytes=wal["max_mb"] * 2**20 if wal else None,
        requirements={**ids, "": tuple(raw.get("requirements") or ())},
    )
