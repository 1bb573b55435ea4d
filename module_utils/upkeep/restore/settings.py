# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what restores take; ``parse`` and ``parse_rehearsal`` are the ways to it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..base import options
from ..base.login import Login
from ..base.redis_client import RedisLogin, redis_login
from ..base.systemd import is_unit_name
from ..base.text import duplicates
from .options import OPTIONS, REHEARSE_OPTIONS


class SettingsError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class ServerSettings:
    """How a PostgreSQL server is reached, and who loads a dump into it."""

    login: Login
    run_as: str | None
    restore_as: str
    jobs: int
    program_folder: str


@dataclass(frozen=True)
class RedisServerSettings:
    """How a Redis server is reached, whose its files are, and the unit that runs it."""

    login: RedisLogin
    account: str
    unit: str


@dataclass(frozen=True)
class RestoreSettings:
    """All that one call of ``restore`` is given; ``table`` is its schema and name, or None."""

    system: str
    root: str
    set: str
    staging: str
    free_percent: float
    artefact_seconds: int
    requirements: tuple[str, ...]
    action: str
    artefacts: tuple[str, ...]
    table: tuple[str, str] | None
    paths: tuple[str, ...]
    keep: tuple[str, ...]
    units: tuple[str, ...]
    allow_empty: bool
    age_identity: str = field(repr=False)
    server: ServerSettings
    redis: RedisServerSettings
    state_file: str
    max_seconds: int


@dataclass(frozen=True)
class QuerySettings:
    """A query that a restored database must answer."""

    name: str
    artefact: str
    query: str
    at_least: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class RehearsalSettings:
    """All that one call of ``restore_rehearse`` is given."""

    system: str
    root: str
    set: str
    staging: str
    free_percent: float
    artefact_seconds: int
    requirements: tuple[str, ...]
    rehearse: bool
    due_days: float
    promised_days: float
    recovery_seconds: float
    run_as: str
    queries: tuple[QuerySettings, ...]
    left_behind: tuple[str, ...]
    live_login: Login
    live_run_as: str | None
    state_file: str
    jobs: int
    program_folder: str
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> RestoreSettings:
    """Return the settings of a restore; raises SettingsError."""
    filled = _filled(OPTIONS, values)
    problems = [
        f"units: {unit!r} is not the name of a unit"
        for unit in filled["units"]
        if not is_unit_name(unit)
    ]
    redis = filled.pop("redis")
    if not is_unit_name(redis["unit"]):
        problems.append(f"redis.unit: {redis['unit']!r} is not the name of a unit")
    if redis["unit"] in filled["units"]:
        problems.append(f"units: {redis['unit']} is redis.unit, which is stopped by itself")
    problems += [
        f"{name}: duplicate {value!r}"
        for name in ("artefacts", "paths", "units")
        for value in duplicates(filled[name])
    ]
    if filled["table"] and filled["paths"]:
        problems.append("table and paths are given; restore one of them at a time")
    problems += _nested(filled["paths"])
    if problems:
        raise SettingsError("\n".join(problems))

    server = filled.pop("postgresql")
    schema, _, table = filled["table"].partition(".")
    lists = {name: tuple(filled[name]) for name in _LISTS}

    return RestoreSettings(
        **{
            **filled,
            **lists,
            "table": (schema, table) if table else None,
            "server": ServerSettings(
                Login.of(server),
                server["run_as"] or None,
                server["restore_as"],
                server["jobs"],
                server["program_folder"],
            ),
            "redis": RedisServerSettings(redis_login(redis), redis["account"], redis["unit"]),
        }
    )


def parse_rehearsal(values: Mapping[str, t.Any]) -> RehearsalSettings:
    """Return the settings of a rehearsal; raises SettingsError."""
    filled = _filled(REHEARSE_OPTIONS, values)
    if filled["due_days"] > filled["promised_days"]:
        raise SettingsError(
            f"due_days is {filled['due_days']:g}; at most promised_days"
            f" ({filled['promised_days']:g}), or the promise would be broken before one is due"
        )

    live = filled.pop("live")
    queries = tuple(
        QuerySettings(**{**query, "requirements": tuple(query["requirements"])})
        for query in filled["queries"]
    )

    return RehearsalSettings(
        **{
            **filled,
            "queries": queries,
            "left_behind": tuple(filled["left_behind"]),
            "requirements": tuple(filled["requirements"]),
            "live_login": Login.of(live),
            "live_run_as": live["run_as"] or None,
        }
    )


def _filled(declared: options.Options, values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    try:
        return options.parse(declared, values)
    except options.OptionError as error:
        raise SettingsError(str(error)) from None


def _nested(paths: list[str]) -> list[str]:
    return [
        f"paths: {inner!r} lies in {outer!r}, which is restored anyway"
        for inner in paths
        for outer in paths
        if inner.startswith(f"{outer}/")
    ]


_LISTS: t.Final = ("artefacts", "paths", "keep", "units", "requirements")
