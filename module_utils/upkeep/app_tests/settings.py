# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The suites of a profile and what they have in common, checked and typed."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..base import options
from ..base.text import duplicates
from .errors import TestsError
from .options import OPTIONS

#: Variables that the runner sets itself, so that no suite leads its files elsewhere.
RESERVED: t.Final = frozenset(
    ("HOME", "USER", "LOGNAME", "TMPDIR", "COVERAGE_FILE", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
)

_VARIABLE: t.Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MODULE: t.Final = re.compile(r"[A-Za-z_][\w.]*")

Values = Mapping[str, t.Any]


class Figure(t.NamedTuple):
    """A figure that a suite measures.

    ``worse`` is which way is worse, the percents are by how much worse than its baseline it may be.
    """

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


class NamedDatabase(t.NamedTuple):
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
    environment: Mapping[str, str] = field(repr=False)
    seconds: int
    coverage: Coverage | None
    figures: tuple[Figure, ...]
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Setup:
    """What all suites of a host have in common; '' is an option that was not given."""

    user: str
    folder: Path
    interpreter: str
    python_path: tuple[str, ...]
    chdir: str
    environment_file: str
    database: NamedDatabase | None
    production_units: tuple[str, ...]
    production_databases: tuple[str, ...]
    seconds: int
    memory_mb: int
    space_mb: int
    baseline_max_age_days: int


@dataclass(frozen=True)
class Settings:
    """What one run of the module does; ``approved_by`` is '' unless new records are made."""

    setup: Setup
    suites: tuple[Suite, ...]
    baseline: Values
    baseline_problem: str
    recording: bool
    approved_by: str

    @property
    def figures(self) -> list[Figure]:
        """The figures of all suites, with the requirements of their suite where they have none."""
        return [
            figure if figure.requirements else figure._replace(requirements=suite.requirements)
            for suite in self.suites
            for figure in suite.figures
        ]


def parse(values: Values) -> Settings:
    """Return the settings of the module; raises TestsError with a line for each problem."""
    try:
        given = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise TestsError(str(error)) from error

    suites = [_suite(entry) for entry in given["suites"]]
    setup = _setup(given["setup"], given["production_databases"])
    recording, approved_by = given["state"] == "recorded", given["approved_by"].strip()
    problems = [*_setup_problems(setup, suites), *_suite_problems(suites)]
    if recording and not approved_by:
        problems.append("approved_by: name who approved the new baseline")
    if problems:
        raise TestsError("\n".join(problems))

    return Settings(
        setup=setup,
        suites=tuple(suite for suite in suites if suite.figures or not recording),
        baseline=given["baseline"],
        baseline_problem=given["baseline_problem"],
        recording=recording,
        approved_by=approved_by,
    )


def _setup(given: Values, production: Sequence[str]) -> Setup:
    named = given["database"]

    return Setup(
        user=given["user"],
        folder=Path(given["folder"] or "/"),
        interpreter=given["interpreter"],
        python_path=tuple(given["python_path"]),
        chdir=given["chdir"] or "",
        environment_file=given["environment_file"] or "",
        database=NamedDatabase(named["name"], named["host"]) if named else None,
        production_units=tuple(given["production_units"]),
        production_databases=tuple(production),
        seconds=given["seconds"],
        memory_mb=given["memory_mb"],
        space_mb=given["space_mb"],
        baseline_max_age_days=given["baseline_max_age_days"],
    )


def _suite(given: Values) -> Suite:
    coverage = given["coverage"]

    return Suite(
        name=given["name"],
        paths=tuple(given["paths"]),
        marker=given["marker"],
        database=given["database"],
        environment={str(name): str(value) for name, value in given["environment"].items()},
        seconds=given["seconds"],
        coverage=_coverage(coverage) if coverage else None,
        figures=tuple(map(_figure, given["figures"])),
        requirements=tuple(given["requirements"]),
    )


def _coverage(given: Values) -> Coverage:
    return Coverage(tuple(given["source"]), given["minimum"], tuple(given["requirements"]))


def _figure(given: Values) -> Figure:
    return Figure(
        given["name"],
        given["worse"],
        given["warning_percent"],
        given["critical_percent"],
        tuple(given["requirements"]),
    )


def _setup_problems(setup: Setup, suites: Sequence[Suite]) -> Iterator[str]:
    if setup.database and setup.database.name in setup.production_databases:
        yield (
            f"setup.database: '{setup.database.name}' is a production database of the profile;"
            " give the tests one of their own"
        )

    complete = setup.database and setup.environment_file
    if any(suite.database for suite in suites) and not complete:
        yield (
            "setup: suites with `database: true` need `database` (the test database)"
            " and `environment_file`"
        )


def _suite_problems(suites: Sequence[Suite]) -> Iterator[str]:
    names = [suite.name for suite in suites]
    figures = [figure.name for suite in suites for figure in suite.figures]
    for kind, given in (("suite", names), ("figure", figures)):
        for name in duplicates(given):
            yield f"suites: duplicate name {name!r} of a {kind}"

    for suite in suites:
        for problem in _problems(suite):
            yield f"suites '{suite.name}': {problem}"


def _problems(suite: Suite) -> Iterator[str]:
    for path in suite.paths:
        if ".." in PurePosixPath(path).parts:
            yield f"path {path!r} must stay in the project's folder"

    for name, value in suite.environment.items():
        if not _VARIABLE.fullmatch(name) or name in RESERVED:
            yield f"environment must not set {name!r}"
        if "\0" in value:
            yield f"the value of {name} holds a NUL character"

    for source in suite.coverage.source if suite.coverage else ():
        if not _MODULE.fullmatch(source):
            yield f"coverage.source {source!r} is not the name of a Python package"

    for figure in suite.figures:
        if figure.critical_percent is not None and figure.critical_percent < figure.warning_percent:
            yield f"figure '{figure.name}' has critical_percent below warning_percent"
