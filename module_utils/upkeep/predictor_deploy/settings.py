# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what predictor_deploy takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..base import options
from ..base.systemd import is_unit_name
from ..base.text import duplicates
from ..findings import Subject
from ..switching import settings as switching
from ..switching.options import BLUE_GREEN, CONFIRMATION
from ..switching.releases import FOUND
from ..switching.restarting import time_problems
from ..switching.settings import Server
from .options import OPTIONS

Values = Mapping[str, t.Any]
#: The variable of the role that bounds a call.
_MOST: t.Final = "predictor_deploy_max_seconds"


class DeployError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class Worker:
    """Another unit of the release."""

    unit: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    stop_seconds: float


@dataclass(frozen=True)
class App:
    """An application, and how its releases are made and served."""

    name: str
    root: str
    user: str
    folder: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    server: Server
    workers: tuple[Worker, ...]
    python: str
    system_packages: bool
    lock: str
    found: tuple[str, ...]
    environment_file: str
    required_variables: tuple[str, ...]
    keep: int
    requirements: tuple[str, ...]

    @property
    def subject(self) -> Subject:
        """What findings on the application's releases are about."""
        return Subject(f"release:{self.name}", self.requirements)

    @property
    def units(self) -> tuple[str, ...]:
        """All units of a release, the one that serves first."""
        return (self.server.unit, *(worker.unit for worker in self.workers))


@dataclass(frozen=True)
class Settings:
    """All that one call of the module is given."""

    app: App
    state: str
    release: str
    version: str
    commit: str
    bundle: str
    bundle_owner: int
    sha256: str
    files: Mapping[str, str] = field(repr=False)
    retry: bool
    state_file: str
    saved: str
    silenced_until: str
    max_seconds: int


def parse(values: Values) -> Settings:
    """Return the settings for the values of the options; raises DeployError."""
    try:
        given = options.parse(OPTIONS, values)
        given["app"] = _filled(given["app"])
    except options.OptionError as error:
        raise DeployError(str(error)) from None

    problems = [*_app_problems(given["app"], "app"), *_call_problems(given)]
    if problems:
        raise DeployError("\n".join(problems))

    app, most = _app(given["app"]), given["max_seconds"]
    if given["state"] != "looked" and (problem := time_problem(app, most, _MOST)):
        raise DeployError(problem)

    return Settings(
        app=app,
        state=given["state"],
        release=given["release"],
        version=given["version"],
        commit=given["commit"],
        bundle=given["bundle"] or "",
        bundle_owner=given["bundle_owner"],
        sha256=given["sha256"],
        files=_texts(given["files"]),
        retry=given["retry"],
        state_file=given["state_file"],
        saved=given["saved"],
        silenced_until=given["silenced_until"],
        max_seconds=given["max_seconds"],
    )


def time_problem(app: App, most: int, option: str) -> str:
    """Return that a switch does not fit into ``most`` seconds, '' when it does."""
    stops = [worker.stop_seconds for worker in app.workers]

    return "".join(time_problems(app.server, stops, most, option))


def _filled(app: dict[str, t.Any]) -> dict[str, t.Any]:
    """Return an application whose confirmation has its defaults also where it was left out."""
    server = app["server"]
    confirmation = options.fill(CONFIRMATION, server["confirmation"] or {})

    return {**app, "server": {**server, "confirmation": confirmation}}


def _app_problems(app: Values, place: str) -> Iterator[str]:
    yield from switching.problems(app["server"], f"{place}.server")
    units = [app["server"]["unit"], *(worker["unit"] for worker in app["workers"])]
    for unit in units:
        if not is_unit_name(unit) or not unit.endswith(".service"):
            yield f"{place}: {unit!r} is not the name of a service"
    for unit in duplicates(units):
        yield f"{place}: duplicate unit {unit!r}"

    if ".." in app["root"].split("/") or ".." in app["folder"].split("/"):
        yield f"{place}.root and {place}.folder must not have '..'"
    if app["required_variables"] and not app["environment_file"]:
        yield f"{place}.required_variables needs {place}.environment_file, which must set them"
    if not app["server"]["listen"]:
        yield f"{place}.server.listen is empty; name where it listens, as in 127.0.0.1:8000"
    if not app["server"]["probes"]:
        yield f"{place}.server.probes is empty; without a probe nothing can be confirmed"
    if pool := app["pool"]:
        beside = app["server"]["strategy"] == BLUE_GREEN
        yield from _pool_problems(pool, f"{place}.pool", pool["instances"] + beside)


def _pool_problems(pool: Values, place: str, instances: int) -> Iterator[str]:
    """Yield the sum that does not fit; ``instances`` counts one that runs beside for a switch."""
    each = pool["size"] + pool["overflow"]
    total = instances * pool["processes"] * each
    if total > pool["server_connections"]:
        yield (
            f"{place}: {instances} instances x {pool['processes']} processes x"
            f" ({pool['size']} + {pool['overflow']}) are {total} connections; the server allows"
            f" {pool['server_connections']}"
        )


def _call_problems(given: Values) -> Iterator[str]:
    if given["state"] == "looked":
        return
    if not given["release"]:
        yield f"release is missing; state {given['state']} needs the id of a release"
    if given["release"] == FOUND:
        yield "release 0 is what ran before the first deployment; go back to it by a rollback"
    if given["state"] == "built" and bool(given["bundle"]) != bool(given["sha256"]):
        yield "bundle and sha256 belong together; one of them is missing"


def _app(given: Values) -> App:
    return App(
        name=given["name"],
        root=given["root"].rstrip("/"),
        user=given["user"],
        folder=given["folder"].strip("/"),
        command=tuple(given["command"]),
        environment=_texts(given["environment"]),
        server=switching.server(given["server"]),
        workers=tuple(
            Worker(
                worker["unit"],
                tuple(worker["command"]),
                _texts(worker["environment"]),
                worker["stop_seconds"],
            )
            for worker in given["workers"]
        ),
        python=given["python"],
        system_packages=given["system_packages"],
        lock=given["lock"],
        found=tuple(given["found"]),
        environment_file=given["environment_file"] or "",
        required_variables=tuple(given["required_variables"]),
        keep=given["keep"],
        requirements=tuple(given["requirements"]),
    )


def _texts(values: Values) -> dict[str, str]:
    return {str(name): str(value) for name, value in values.items()}
