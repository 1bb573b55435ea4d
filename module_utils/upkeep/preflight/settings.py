# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what preflight takes."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base import options
from ..base.systemd import is_unit_name
from ..findings import Limits
from .options import LEGACY_OPTIONS, OPTIONS

Treatment = t.Literal["adopted", "removed"]


class PreflightError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class PythonModule:
    """A module that must be importable, and the package that brings it."""

    module: str
    package: str


@dataclass(frozen=True)
class RequiredPath:
    """A path that must exist; what is None does not matter."""

    path: str
    type: str | None
    owner: str | None
    group: str | None
    mode: str | None


@dataclass(frozen=True)
class DiskMinimum:
    """The free share of a file system, in per cent, below which a finding is not ok."""

    path: str
    limits: Limits


@dataclass(frozen=True)
class PreflightSettings:
    """What to look at on a host of these components."""

    host: str
    python_modules: tuple[PythonModule, ...]
    required_paths: tuple[RequiredPath, ...]
    units: tuple[str, ...]
    disks: tuple[DiskMinimum, ...]
    legacy_patterns: tuple[re.Pattern[str], ...]
    require_acceptance: bool
    accept_by: str
    run_id: str
    mark: Path
    clock: Limits
    max_seconds: int


@dataclass(frozen=True)
class LegacySettings:
    """Which old jobs to take out of service, and how."""

    patterns: tuple[re.Pattern[str], ...]
    treatment: Treatment
    archive: Path
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> PreflightSettings:
    """Return the settings of preflight; raises PreflightError."""
    given = _checked(OPTIONS, values)
    if wrong := [*_unit_problems(given["units"]), *pattern_problems(given["legacy_patterns"])]:
        raise PreflightError("\n".join(wrong))

    own = {
        name: [
            {key: value for key, value in entry.items() if key != "component"}
            for entry in given[name]
            if entry["component"] is None or entry["component"] in given["components"]
        ]
        for name in ("python_modules", "required_paths", "units", "disk")
    }

    return PreflightSettings(
        host=given["host"],
        python_modules=tuple(PythonModule(**entry) for entry in own["python_modules"]),
        required_paths=tuple(RequiredPath(**entry) for entry in own["required_paths"]),
        units=tuple(entry["name"] for entry in own["units"]),
        disks=tuple(_disk(entry["path"], entry["min_free_percent"]) for entry in own["disk"]),
        legacy_patterns=_compiled(given["legacy_patterns"]),
        require_acceptance=given["require_acceptance"],
        accept_by=given["accept_by"] or "",
        run_id=given["run_id"],
        mark=Path(given["marker"]),
        clock=Limits(given["clock_warning"], given["clock_critical"]),
        max_seconds=given["max_seconds"],
    )


def parse_legacy(values: Mapping[str, t.Any]) -> LegacySettings:
    """Return the settings of preflight_legacy_jobs; raises PreflightError."""
    given = _checked(LEGACY_OPTIONS, values)
    if wrong := list(pattern_problems(given["patterns"], "patterns")):
        raise PreflightError("\n".join(wrong))

    return LegacySettings(
        patterns=_compiled(given["patterns"]),
        treatment=given["state"],
        archive=Path(given["archive"]),
        max_seconds=given["max_seconds"],
    )


def pattern_problems(patterns: Sequence[str], place: str = "legacy_patterns") -> Iterator[str]:
    """Yield a sentence for each pattern that is not an expression, or matches everything."""
    for position, pattern in enumerate(patterns):
        where = f"{place}[{position}] is {pattern!r}"
        try:
            if re.compile(pattern).search("") is not None:
                yield f"{where}; it matches everything: name a script or a path"
        except re.error as error:
            yield f"{where}; it must be a regular expression: {error}"


def _checked(known: options.Options, values: Mapping[str, t.Any]) -> dict[str, t.Any]:
    try:
        return options.parse(known, values)
    except options.OptionError as error:
        raise PreflightError(str(error)) from None


def _unit_problems(entries: Sequence[Mapping[str, t.Any]]) -> Iterator[str]:
    for entry in entries:
        if not is_unit_name(entry["name"]):
            yield f"units {entry['name']!r}.name is a pattern or empty; name one unit"


def _disk(path: str, least: float) -> DiskMinimum:
    return DiskMinimum(path, Limits(least, least / 2, "below"))


def _compiled(patterns: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)
