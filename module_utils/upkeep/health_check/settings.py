# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From plain values to checks that can be carried out, or one error that names all problems.

The same code holds a profile on the controller and the module's input on the host.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .. import cadence as cadences
from ..base import options as base
from ..base.options import Options
from ..base.text import duplicates
from .attempt import masked
from .check import Check, CheckError
from .kind import Kind
from .kinds import KINDS
from .latency import scale_limits
from .options import CHECK, OPTIONS

#: A time-out is never longer than this where nothing else limits it, s.
_DAY: t.Final = 86400.0
CONTROLLER: t.Final = "controller"


class Settings(t.NamedTuple):
    """What one call of the module is to do."""

    checks: list[Check]  # those of this host and cadence
    state_file: Path
    run: str
    timeout: float  # s, for all checks together
    workers: int


def parse(values: Mapping[str, t.Any]) -> Settings:
    """Return the settings of a call; raises CheckError."""
    given = {name: value for name, value in values.items() if name in OPTIONS}
    try:
        options = base.parse(OPTIONS, given)
    except base.OptionError as error:
        raise CheckError(str(error)) from error

    checks = parse_checks(options["checks"], longest=options["timeout"])
    mine = [check for check in checks if check.asked_from == options["place"]]
    here = due(mine, options["components"], options["cadence"])

    return Settings(
        checks=scale_limits(here, options["latency_factor"]),
        state_file=Path(options["state_file"]),
        run=options["run"],
        timeout=options["timeout"],
        workers=options["workers"],
    )


def parse_checks(raw: t.Any, place: str = "checks", longest: float = _DAY) -> list[Check]:
    """Return the checks of a profile; ``place`` is what an entry is called in messages.

    No check may have a time-out above ``longest`` seconds: it would be cut short and never be
    judged. Raises CheckError with one line for each problem.
    """
    if not isinstance(raw, list):
        raise CheckError(f"{place} is {type(raw).__name__}; it must be a list")

    checks: list[Check] = []
    found: list[str] = []

    for position, entry in enumerate(raw, start=1):
        try:
            checks.append(_parse_check(entry, _entry_place(place, entry, position), longest))
        except CheckError as error:
            found.append(str(error))

    if found:
        raise CheckError("\n".join(found))

    _refuse_duplicates(checks, place)
    checks = [replace(check, depends_on=_resolve(check, checks, place)) for check in checks]
    _refuse_cycles(checks)

    return _validate_together(checks, place)


def due(checks: Sequence[Check], components: Iterable[str] | None, cadence: str) -> list[Check]:
    """Return the checks of a host with these components (None: of all) in a cadence ('': all).

    What a check depends on may live on another host of the system, where it is judged, or belong
    to another cadence: such a dependency is left out.
    """
    present = None if components is None else set(components)
    chosen = [
        check
        for check in checks
        if (present is None or check.component is None or check.component in present)
        and _is_due(check, cadence)
    ]
    here = {check.id for check in chosen}

    return [
        replace(check, depends_on=tuple(one for one in check.depends_on if one in here))
        for check in chosen
    ]


def secrets_of(raw: t.Any) -> set[str]:
    """Return every secret text in checks that are not validated yet.

    Even the error about them must not show one. Under an unknown kind every kind's are looked for.
    """
    entries = (
        [entry for entry in raw if isinstance(entry, Mapping)] if isinstance(raw, list) else []
    )

    return {text for entry in entries for kind in _kinds_of(entry) for text in kind.secrets(entry)}


def _kinds_of(entry: Mapping[str, t.Any]) -> list[Kind]:
    known = entry.get("kind")
    names = [known] if isinstance(known, str) and known in KINDS else list(KINDS)

    return [KINDS[name] for name in names]


def _entry_place(place: str, entry: t.Any, position: int) -> str:
    named = base.entry_place(place, entry, position)
    kind = entry.get("kind") if isinstance(entry, Mapping) else None

    return f"{named} ({kind})" if isinstance(kind, str) and kind in KINDS else named


def _check_place(check: Check, place: str) -> str:
    return f"{place} '{check.name}' ({check.kind})"


def _parse_check(raw: t.Any, place: str, longest: float) -> Check:
    """Return one check; raises CheckError with one line for each problem."""
    kind_name = raw.get("kind") if isinstance(raw, Mapping) else None
    if not isinstance(kind_name, str) or kind_name not in KINDS:
        raise CheckError("\n".join(_without_kind(raw, place)))

    kind = KINDS[kind_name]
    options = {**CHECK, **kind.options}
    found = [*base.problems(options, raw, place), *_empty(options, raw, place)]
    if found:
        raise CheckError(masked("\n".join(found), kind.secrets(raw)))

    values = base.fill(options, raw)
    if values["timeout"] > longest:
        limit = f"at most {longest:g}, the limit of all checks together"
        raise CheckError(f"{place}.timeout is {values['timeout']:g}; {limit}")

    check = _check(values, kind.options)
    if check.asked_from == CONTROLLER:
        _validate_outside(check, place)

    try:
        kind.validate(check)
        check.finding("ok", "the requirement ids fit the schema")
    except ValueError as error:
        raise CheckError(f"{place}: {error}") from error

    return check


def _validate_outside(check: Check, place: str) -> None:
    """Raise CheckError for a check of the controller that needs the host or a previous run."""
    if not KINDS[check.kind].outside or KINDS[check.kind].run_as(check):
        fitting = ", ".join(sorted(name for name, kind in KINDS.items() if kind.outside))
        raise CheckError(
            f"{place}.asked_from is {CONTROLLER!r}; that is for {fitting}, without a file of the"
            " host"
        )
    if check.fall > 1 or check.rise > 1:
        raise CheckError(f"{place}.fall and rise count over runs on the host; use attempts")


def _without_kind(raw: t.Any, place: str) -> Iterator[str]:
    """Yield what is wrong with an entry whose kind is not known: its other keys are not judged."""
    if not isinstance(raw, Mapping):
        yield from base.problems(CHECK, raw, place)
    else:
        known = {name: value for name, value in raw.items() if name == "kind"}
        yield from base.problems({"kind": CHECK["kind"]}, known, place)


def _empty(options: Options, raw: Mapping[str, t.Any], place: str) -> Iterator[str]:
    """Yield the mappings that ask for something, but not for what."""
    for name, spec in options.items():
        if "options" in spec and raw.get(name) == {}:
            yield f"{place}.{name} is empty; name what it should do, or leave it out"


def _check(values: Mapping[str, t.Any], options: Options) -> Check:
    return Check(
        name=values["name"],
        kind=values["kind"],
        timeout=values["timeout"],
        attempts=values["attempts"],
        interval=values["interval"],
        depends_on=tuple(values["depends_on"]),
        component=values["component"],
        cadences=None if values["cadences"] is None else tuple(values["cadences"]),
        asked_from=values["asked_from"],
        severity=values["severity"],
        fall=values["fall"],
        rise=values["rise"],
        advice=values["advice"],
        requirements=tuple(values["requirements"]),
        options={key: values[key] for key in options},
        previous=None,
    )


def _is_due(check: Check, cadence: str) -> bool:
    entry: dict[str, t.Any] = {"name": check.name}
    if check.cadences is not None:
        entry["cadences"] = check.cadences

    return bool(cadences.due_in([entry], cadence))


def _refuse_duplicates(checks: Sequence[Check], place: str) -> None:
    ids = duplicates(check.id for check in checks)
    if ids:
        raise CheckError(f"{place}: duplicate name and kind {', '.join(ids)}")


def _resolve(check: Check, checks: Sequence[Check], place: str) -> tuple[str, ...]:
    """Return the ids of the checks that one depends on, each given as ``name`` or ``kind:name``."""
    ids = []

    for name in check.depends_on:
        matches = [other.id for other in checks if name in (other.id, other.name)]
        where = f"{_check_place(check, place)}.depends_on"
        if not matches:
            known = {text for other in checks for text in (other.id, other.name)}
            raise CheckError(f"{where}: {name!r} is not a check; {base.nearest(name, known)}")
        if len(matches) > 1:
            raise CheckError(f"{where}: {name!r} is ambiguous; write {' or '.join(matches)}")

        ids.append(matches[0])

    return tuple(ids)


def _refuse_cycles(checks: Sequence[Check]) -> None:
    done: set[str] = set()
    waiting = {check.id: set(check.depends_on) for check in checks}

    while waiting:
        free = {name for name, needs in waiting.items() if needs <= done}
        if not free:
            raise CheckError(f"depends_on forms a cycle among {', '.join(sorted(waiting))}")

        done |= free
        waiting = {name: needs for name, needs in waiting.items() if name not in free}


def _validate_together(checks: Sequence[Check], place: str) -> list[Check]:
    """Return the checks in their order after each kind has compared its own with each other."""
    together: dict[str, Check] = {}

    for name in dict.fromkeys(check.kind for check in checks):
        try:
            changed = KINDS[name].validate_all([check for check in checks if check.kind == name])
        except ValueError as error:
            raise CheckError(f"{place}: {error}") from error

        together |= {check.id: check for check in changed}

    return [together[check.id] for check in checks]
