# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the values of a profile to checks whose options and limits fit their kind."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..base import options
from ..base.login import Login
from ..base.text import duplicates
from .check import DataCheck, DataError, Kind
from .kinds import KINDS
from .options import OPTIONS, SOURCES

Values = Mapping[str, t.Any]


@dataclass(frozen=True)
class Settings:
    """What one run of the module does."""

    checks: tuple[DataCheck, ...]
    login: Login
    run_as: str
    max_seconds: float


def parse(values: Values) -> Settings:
    """Return the settings of the module; raises DataError."""
    try:
        given = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise DataError(str(error)) from error

    return Settings(
        checks=tuple(parse_checks(given["checks"], given["cadence"])),
        login=Login.of(given),
        run_as=given["run_as"],
        max_seconds=given["max_seconds"],
    )


def parse_checks(entries: Sequence[Values], cadence: str = "") -> list[DataCheck]:
    """Return the checks of a cadence ("": of all); raises DataError with all problems.

    Those of other cadences are validated too: a mistake must not wait for the day they are due.
    """
    problems: list[str] = []
    checks: list[DataCheck] = []

    for position, entry in enumerate(entries):
        try:
            checks.append(_parse_check(entry, position))
        except options.OptionError as error:
            problems.append(str(error))

    for name in duplicates(check.id for check in checks):
        problems.append(f"checks: duplicate name {name!r}; names are unique in a kind")
    if problems:
        raise DataError("\n".join(problems))

    return [
        check
        for check in checks
        if not cadence or check.cadences is None or cadence in check.cadences
    ]


def _parse_check(entry: Values, position: int) -> DataCheck:
    place = options.entry_place("checks", entry, position)
    given = {key: value for key, value in entry.items() if value is not None}
    kind = _kind(given, place)
    values = options.parse(kind.all_options, given, place)
    source = _source(kind, given, place)
    check = DataCheck(
        name=values["name"],
        kind=kind,
        source=source,
        place=values[source] if source else "",
        timeout=values["timeout"],
        cadences=None if values["cadences"] is None else tuple(values["cadences"]),
        requirements=tuple(values["requirements"]),
        options={name: values[name] for name in kind.options},
        aspects={name: limits for name, limits in (values["aspects"] or {}).items() if limits},
    )

    if found := [*_name_problems(check), *kind.validate(check)]:
        raise DataError("\n".join(f"{place}: {sentence}" for sentence in found))

    return check


def _kind(given: Values, place: str) -> Kind:
    name = given.get("kind")
    if name is None:
        raise DataError(f"{place}: 'kind' is missing")
    if not isinstance(name, str) or name not in KINDS:
        raise DataError(f"{place}.kind is {name!r}; {options.nearest(str(name), KINDS)}")

    return KINDS[name]


def _source(kind: Kind, given: Values, place: str) -> str:
    named = [source for source in SOURCES if source in given]
    if not named and kind.may_lack_source:
        return ""
    if len(named) != 1:
        raise DataError(f"{place}: give exactly one of {', '.join(kind.sources)}")

    return named[0]


def _name_problems(check: DataCheck) -> Iterator[str]:
    try:
        check.finding("ok", "name and requirement ids fit")
    except ValueError as error:
        yield str(error)
