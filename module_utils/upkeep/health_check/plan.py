# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the plain mappings of a profile to checks that can be run, or an error that names check and key."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .. import cadence as cadences
from .check import Check, CheckError
from .clients.http import secret_headers
from .kinds import KINDS, SECRETS

COMMON: t.Final[Mapping[str, Mapping[str, t.Any]]] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True, "choices": sorted(KINDS)},
    "timeout": {"type": "float", "default": 10.0},
    "attempts": {"type": "int", "default": 1},
    "interval": {"type": "float", "default": 1.0},
    "depends_on": {"type": "list", "elements": "str", "default": []},
    "component": {"type": "str"},
    "requirements": {"type": "list", "elements": "str", "default": []},
    "cadences": {"type": "list", "elements": "str", "choices": list(cadences.CADENCES)},
    "severity": {"type": "str", "choices": ["warning", "critical"], "default": "critical"},
    "fall": {"type": "int", "default": 1},
    "rise": {"type": "int", "default": 1},
}
#: Options that ask for nothing, so that none of them is no mistake.
_MAY_BE_EMPTY: t.Final = frozenset({"headers"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]*")


def plan(
    raw_checks: Sequence[Mapping[str, t.Any]],
    components: Iterable[str] | None = None,
    longest: float = 86400,
    cadence: str = "",
) -> list[Check]:
    """Return the checks of a cadence ("": of all) that concern a host with these components (None: all of them).

    No check may have a time-out above ``longest`` seconds: it would be cut short and never be
    judged. Every check is validated, also those left out: a mistake must not hide until a host of
    that kind is reached. Raises CheckError.
    """
    checks = [parse(raw, position, longest) for position, raw in enumerate(raw_checks, start=1)]
    _refuse_twins(checks)
    checks = [replace(check, depends_on=_resolve(check, checks)) for check in checks]
    _refuse_cycles(checks)
    checks = _share_out_paths(checks)
    chosen = [check for check in checks if _is_due(check, cadence)]
    if components is not None:
        present = set(components)
        chosen = [
            check for check in chosen if check.component is None or check.component in present
        ]

    here = {check.id for check in chosen}

    # What a check depends on may live on another host of the system, where it is judged, or belong
    # to another cadence.
    return [
        replace(check, depends_on=tuple(d for d in check.depends_on if d in here))
        for check in chosen
    ]


def parse(raw: Mapping[str, t.Any], position: int = 1, longest: float = 86400) -> Check:
    """Return one check; raises CheckError for a key or value that does not fit its kind."""
    kind = KINDS.get(raw.get("kind", ""))
    label = f"check {raw['name']!r}" if raw.get("name") else f"check number {position}"
    if kind is None:
        raise CheckError(
            f"{label}: kind {raw.get('kind')!r} is not known; choose one of {', '.join(sorted(KINDS))}"
        )

    label = f"{label} ({raw['kind']})"
    unknown = sorted(set(raw) - set(COMMON) - set(kind.options))
    if unknown:
        known = ", ".join(sorted((*COMMON, *kind.options)))
        raise CheckError(f"{label}: unknown key(s) {', '.join(map(repr, unknown))}; known: {known}")

    empty = sorted(key for key in kind.options if raw.get(key) == {} and key not in _MAY_BE_EMPTY)
    if empty:
        raise CheckError(f"{label}: {empty[0]} is empty; say what is wanted, or leave it out")

    result = ArgumentSpecValidator({**COMMON, **kind.options}).validate(dict(raw))
    if result.error_messages:
        raise CheckError(f"{label}: {'; '.join(result.error_messages)}")

    values = dict(result.validated_parameters)
    _refuse_odd_values(label, values, longest)
    check = Check(
        name=values["name"],
        kind=values["kind"],
        timeout=values["timeout"],
        attempts=values["attempts"],
        interval=values["interval"],
        depends_on=tuple(values["depends_on"]),
        component=values["component"],
        requirements=tuple(values["requirements"]),
        cadences=None if values["cadences"] is None else tuple(values["cadences"]),
        severity=values["severity"],
        fall=values["fall"],
        rise=values["rise"],
        options={key: values[key] for key in kind.options},
    )

    try:
        kind.validate(check)
        check.finding("ok", "the name and the requirement ids fit the schema")
    except ValueError as error:
        raise CheckError(f"{label}: {error}") from error

    return check


def secrets_of(raw_checks: t.Any) -> set[str]:
    """Return every secret text in checks that are not validated yet, so that even their error can be cleaned."""
    mappings = (
        [raw for raw in raw_checks if isinstance(raw, Mapping)]
        if isinstance(raw_checks, list)
        else []
    )
    plain = {str(raw[name]) for raw in mappings for name in SECRETS if raw.get(name)}

    return plain | {text for raw in mappings for text in secret_headers(raw.get("headers"))}


def _refuse_odd_values(label: str, values: Mapping[str, t.Any], longest: float) -> None:
    if not _NAME.fullmatch(values["name"]):
        raise CheckError(
            f"{label}: a name is letters, digits and . _ @ - and starts with a letter or digit"
        )
    if values["cadences"] == []:
        raise CheckError(
            f"{label}: cadences is empty, so it would never be looked at; leave it out for every cadence"
        )

    ranges = {"timeout": (0.001, longest), "attempts": (1, 100), "interval": (0, longest)}
    ranges |= {"fall": (1, 100), "rise": (1, 100)}

    for key, (lowest, highest) in ranges.items():
        if not lowest <= values[key] <= highest:
            raise CheckError(
                f"{label}: {key} must be between {lowest:g} and {highest:g}, not {values[key]:g}"
            )


def _is_due(check: Check, cadence: str) -> bool:
    entry = (
        {"name": check.name}
        if check.cadences is None
        else {"name": check.name, "cadences": check.cadences}
    )
    return bool(cadences.wanted([entry], cadence))


def _refuse_twins(checks: Sequence[Check]) -> None:
    seen: set[str] = set()
    for check in checks:
        if check.id in seen:
            raise CheckError(
                f"check {check.name!r} ({check.kind}): there are two of that name and kind"
            )
        seen.add(check.id)


def _resolve(check: Check, checks: Sequence[Check]) -> tuple[str, ...]:
    """Return the ids of the checks that ``check`` depends on, each given as ``name`` or ``kind:name``."""
    ids = []
    for wanted in check.depends_on:
        matches = [other.id for other in checks if wanted in (other.id, other.name)]
        if not matches:
            raise CheckError(
                f"check {check.name!r} ({check.kind}): depends_on names {wanted!r}, which is no check"
            )

        if len(matches) > 1:
            meant = " or ".join(matches)
            raise CheckError(
                f"check {check.name!r} ({check.kind}): depends_on {wanted!r} may mean {meant}; write which"
            )

        ids.append(matches[0])

    return tuple(ids)


def _refuse_cycles(checks: Sequence[Check]) -> None:
    settled: set[str] = set()
    waiting = {check.id: set(check.depends_on) for check in checks}
    while waiting:
        free = {name for name, needs in waiting.items() if needs <= settled}
        if not free:
            raise CheckError(f"depends_on goes in a circle among {', '.join(sorted(waiting))}")

        settled |= free
        waiting = {name: needs for name, needs in waiting.items() if name not in free}


def _share_out_paths(checks: Sequence[Check]) -> list[Check]:
    """Return the checks with each path judged once: findings of file systems carry the path, not the check's name.

    ``paths: all`` leaves out what another check names, so that one mount can have limits of its
    own.
    """
    owner: dict[str, str] = {}

    for check in checks:
        for path in check.options["paths"] if check.kind == "filesystem" else ():
            if path in owner:
                raise CheckError(
                    f"check {check.name!r} ({check.kind}): path {path!r} belongs to {owner[path]!r} already"
                )
            owner[path] = check.name

    named = [path for path in owner if path != "all"]

    return [
        replace(check, options={**check.options, "exclude": [*check.options["exclude"], *named]})
        if check.kind == "filesystem" and check.options["paths"] == ["all"]
        else check
        for check in checks
    ]
