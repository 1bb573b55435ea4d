# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what self_heal takes."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..base import options
from ..base.systemd import is_unit_name
from ..base.text import duplicates
from ..health_check.check import Check, CheckError
from ..health_check.settings import due, parse_checks
from .options import OPTIONS


class HealError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class HealedUnit:
    """One unit that may be restarted.

    ``checks``: ids of checks without which it is down even when systemd calls it active. ``needs``:
    ids of checks of what it depends on. At most ``at_most`` restarts in ``window`` seconds.
    ``settle``: seconds that it may take to come up, ``stable``: seconds that it has to stay up.
    """

    name: str
    unit: str
    at_most: int
    window: float
    checks: tuple[str, ...]
    needs: tuple[str, ...]
    settle: float
    stable: float
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class FailedElsewhere:
    """A check that this run found ``critical`` or ``unknown`` on another host of the system."""

    status: str
    host: str


@dataclass(frozen=True)
class HealSettings:
    """What may be restarted on this host, by which checks, and where restarts are counted."""

    units: tuple[HealedUnit, ...]
    checks: Mapping[str, Check] = field(repr=False)  # those of this host, by id
    failed_elsewhere: Mapping[str, FailedElsewhere]
    forbidden: str
    require_acceptance: bool
    accepted_file: Path
    state_file: Path
    health_state_file: Path
    run: str
    timeout: float
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> HealSettings:
    """Return the settings; raises HealError."""
    try:
        given = options.parse(OPTIONS, values)
        checks = parse_checks(given["checks"], longest=given["timeout"])
    except (options.OptionError, CheckError) as error:
        raise HealError(str(error)) from None

    if wrong := list(_problems(given["units"], {check.id for check in checks})):
        raise HealError("\n".join(wrong))

    components = given["components"]
    here = due(checks, components, "")

    return HealSettings(
        units=tuple(
            _unit(entry)
            for entry in given["units"]
            if components is None or entry["component"] in (None, *components)
        ),
        checks={check.id: check for check in here},
        failed_elsewhere=_failed_elsewhere(given["failed_elsewhere"]),
        forbidden=given["forbidden"],
        require_acceptance=given["require_acceptance"],
        accepted_file=Path(given["accepted_file"]),
        state_file=Path(given["state_file"]),
        health_state_file=Path(given["health_state_file"]),
        run=given["run"],
        timeout=given["timeout"],
        max_seconds=given["max_seconds"],
    )


def _problems(entries: Sequence[Mapping[str, t.Any]], known: set[str]) -> Iterator[str]:
    """Yield what is wrong with units beyond types and bounds."""
    for name in duplicates(entry["name"] for entry in entries):
        yield f"units '{name}' is there more than once; give each unit a name of its own"

    for entry in entries:
        place = f"units '{entry['name']}'"
        if not is_unit_name(entry["unit"]):
            yield f"{place}.unit is {entry['unit']!r}; it must be the name of one unit"
        if entry["stable_seconds"] >= entry["settle_seconds"]:
            yield (
                f"{place}.stable_seconds is {entry['stable_seconds']:g}; below settle_seconds "
                f"({entry['settle_seconds']:g}), or it could never count as up"
            )
        for key in ("checks", "needs"):
            for check in entry[key]:
                if check not in known:
                    advice = options.nearest(check, known) if known else "the profile has none"
                    yield f"{place}.{key}: {check!r} is not a check of the profile; {advice}"


def _unit(entry: Mapping[str, t.Any]) -> HealedUnit:
    return HealedUnit(
        name=entry["name"],
        unit=entry["unit"],
        at_most=entry["at_most"],
        window=entry["window_minutes"] * 60.0,
        checks=tuple(entry["checks"]),
        needs=tuple(entry["needs"]),
        settle=entry["settle_seconds"],
        stable=entry["stable_seconds"],
        requirements=tuple(entry["requirements"]),
    )


def _failed_elsewhere(given: Mapping[str, t.Any]) -> dict[str, FailedElsewhere]:
    found: dict[str, FailedElsewhere] = {}
    for check, entry in given.items():
        if not isinstance(entry, Mapping) or {"status", "host"} - entry.keys():
            raise HealError(f"failed_elsewhere.{check} is {entry!r}; it must have status and host")
        found[str(check)] = FailedElsewhere(str(entry["status"]), str(entry["host"]))

    return found
