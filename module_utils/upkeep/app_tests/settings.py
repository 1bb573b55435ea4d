# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the profile asks for, checked and typed."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..base.text import duplicates
from .errors import TestsError

#: Variables that the runner sets itself, so that no suite leads its files elsewhere.
RESERVED: t.Final = frozenset(
    ("HOME", "USER", "LOGNAME", "TMPDIR", "COVERAGE_FILE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
)

_NAME: t.Final = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
_FIGURE: t.Final = re.compile(r"^[a-z][a-z0-9_.-]{0,59}$")
_VARIABLE: t.Final = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_MODULE: t.Final = re.compile(r"^[A-Za-z_][\w.]*$")


class Figure(t.NamedTuple):
    """A figure that a suite measures: which way is worse, and by how many percent of its baseline it may be."""

    name: str
    worse: t.Literal["above", "below"]
    warning_percent: float
    critical_percent: float | None
    requirements: tuple[str, ...]


class Coverage(t.NamedTuple):
    """What share (%) of which Python packages the tests must run through."""

    source: tuple[str, ...]
    minimum: float
    requirements: tuple[str, ...]


class Database(t.NamedTuple):
    """The test database that the profile names; an empty host is this one."""

    name: str
    host: str


@dataclass(frozen=True)
class Suite:
    """One suite.

    ``paths`` are relative to the project's folder, ``seconds`` the most that it may take.
    """

    name: str
    paths: tuple[str, ...]
    marker: str
    database: bool
    environment: t.Mapping[str, str]
    seconds: int
    coverage: Coverage | None
    figures: tuple[Figure, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Setup:
    """What all suites of a host have in common."""

    user: str
    folder: Path
    interpreter: str
    python_path: tuple[str, ...]
    chdir: str
    environment_file: str
    database: Database | None
    production_units: tuple[str, ...]
    production_databases: tuple[str, ...]
    seconds: int
    memory_mb: int
    space_mb: int


def setup_of(params: t.Mapping[str, t.Any]) -> Setup:
    """Return what the suites have in common; raises TestsError."""
    for name in ("folder", "interpreter"):
        if not params[name].startswith("/"):
            raise TestsError(f"{name} must be an absolute path, not {params[name]!r}")

    for name in ("seconds", "memory_mb", "space_mb"):
        if params[name] < 1:
            raise TestsError(f"{name} must be at least 1, not {params[name]}")

    named = params["database"]
    database = Database(named["name"], named["host"] or "") if named else None
    if database and database.name in params["production_databases"]:
        raise TestsError(
            f"the test database '{database.name}' is a production database of the profile; give tests one of their own"
        )

    return Setup(
        user=params["user"],
        folder=Path(params["folder"]),
        interpreter=params["interpreter"],
        python_path=tuple(params["python_path"]),
        chdir=params["chdir"] or "",
        environment_file=params["environment_file"] or "",
        database=database,
        production_units=tuple(params["production_units"]),
        production_databases=tuple(params["production_databases"]),
        seconds=params["seconds"],
        memory_mb=params["memory_mb"],
        space_mb=params["space_mb"],
    )


def suites_of(params: t.Mapping[str, t.Any]) -> list[Suite]:
    """Return the suites; raises TestsError that names the one which does not fit."""
    suites = [_suite(entry) for entry in params["suites"]]
    names = [suite.name for suite in suites]
    figures = [figure.name for suite in suites for figure in suite.figures]
    for kind, given in (("suite", names), ("figure", figures)):
        if again := duplicates(given):
            raise TestsError(f"two {kind}s are named {again[0]!r}")

    if any(suite.database for suite in suites) and not (
        params["database"] and params["environment_file"]
    ):
        raise TestsError(
            "suites with `database: true` need `database` (the test database) and `environment_file`"
        )

    return suites


def _suite(entry: t.Mapping[str, t.Any]) -> Suite:
    name = entry["name"]
    if not _NAME.match(name):
        raise TestsError(
            f"suite {name!r}: a name is lower case letters, digits, hyphens and underscores"
        )
    if not entry["paths"]:
        raise TestsError(f"suite '{name}': paths must name a file or folder")

    for path in entry["paths"]:
        if not path or path.startswith(("/", "-")) or ".." in PurePosixPath(path).parts:
            raise TestsError(
                f"suite '{name}': path {path!r} must be relative to the project's folder and stay in it"
            )

    if entry["seconds"] < 1:
        raise TestsError(f"suite '{name}': seconds must be at least 1, not {entry['seconds']}")

    return Suite(
        name=name,
        paths=tuple(entry["paths"]),
        marker=entry["marker"],
        database=entry["database"],
        environment=_environment(name, entry["environment"]),
        seconds=entry["seconds"],
        coverage=_coverage(name, entry["coverage"]) if entry["coverage"] else None,
        figures=tuple(_figure(name, figure) for figure in entry["figures"]),
        requirements=tuple(entry["requirements"]),
    )


def _environment(suite: str, given: t.Mapping[str, t.Any]) -> dict[str, str]:
    for name in given:
        if not _VARIABLE.match(name) or name in RESERVED:
            raise TestsError(f"suite '{suite}': environment may not set {name!r}")
        if "\0" in str(given[name]):
            raise TestsError(f"suite '{suite}': the value of {name} has a NUL byte")

    return {name: str(value) for name, value in given.items()}


def _coverage(suite: str, given: t.Mapping[str, t.Any]) -> Coverage:
    if not 0 < given["minimum"] <= 100:
        raise TestsError(
            f"suite '{suite}': coverage.minimum must be above 0 and at most 100 %, not {given['minimum']}"
        )

    strange = [name for name in given["source"] if not _MODULE.match(name)]
    if strange or not given["source"]:
        raise TestsError(
            f"suite '{suite}': coverage.source must name Python packages, not {strange}"
        )

    return Coverage(tuple(given["source"]), given["minimum"], tuple(given["requirements"]))


def _figure(suite: str, given: t.Mapping[str, t.Any]) -> Figure:
    name, warning, critical = given["name"], given["warning_percent"], given["critical_percent"]
    if not _FIGURE.match(name):
        raise TestsError(
            f"suite '{suite}': figure {name!r} is not lower case letters, digits, dots and underscores"
        )
    if warning <= 0 or (critical is not None and critical < warning):
        raise TestsError(
            f"suite '{suite}': figure '{name}' needs 0 < warning_percent <= critical_percent"
        )

    return Figure(name, given["worse"], warning, critical, tuple(given["requirements"]))
