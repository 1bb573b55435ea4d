# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what a rollback takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass

from ..base import options
from ..base.redis_client import RedisLogin, redis_login
from ..base.systemd import is_unit_name
from ..base.text import duplicates
from ..findings import Subject
from ..predictor_deploy.settings import App, DeployError, time_problem
from ..predictor_deploy.settings import parse as parse_app
from .options import OPTIONS


class RollbackError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class Cache:
    """Keys of a Redis server that are deleted."""

    name: str
    login: RedisLogin
    database: int
    patterns: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Settings:
    """All that one call of the module is given."""

    app: App
    release: str
    quarantine: bool
    reason: str
    caches: tuple[Cache, ...]
    dependants: tuple[str, ...]
    requirements: tuple[str, ...]
    saved: str
    silenced_until: str
    max_seconds: int

    @property
    def subject(self) -> Subject:
        """What findings on the way back are about."""
        return Subject(f"rollback:{self.app.name}", self.requirements)


def parse(values: Mapping[str, t.Any]) -> Settings:
    """Return the settings for the values of the options; raises RollbackError."""
    try:
        given = options.parse(OPTIONS, values)
        app = parse_app({"app": values["app"]}).app
    except (options.OptionError, DeployError) as error:
        raise RollbackError(str(error)) from None

    problems = [
        f"dependants: {unit!r} is not the name of one unit"
        for unit in given["dependants"]
        if not is_unit_name(unit)
    ]
    problems += [
        f"caches: duplicate name {name!r}"
        for name in duplicates(cache["name"] for cache in given["caches"])
    ]
    if problem := time_problem(app, given["max_seconds"], "rollback_max_seconds"):
        problems.append(problem)
    if problems:
        raise RollbackError("\n".join(problems))

    return Settings(
        app=app,
        release=given["release"],
        quarantine=given["quarantine"],
        reason=given["reason"],
        caches=tuple(map(_cache, given["caches"])),
        dependants=tuple(given["dependants"]),
        requirements=tuple(given["requirements"]),
        saved=given["saved"],
        silenced_until=given["silenced_until"],
        max_seconds=given["max_seconds"],
    )


def _cache(given: Mapping[str, t.Any]) -> Cache:
    return Cache(
        given["name"],
        redis_login(given),
        given["database"],
        tuple(given["patterns"]),
        tuple(given["requirements"]),
    )
