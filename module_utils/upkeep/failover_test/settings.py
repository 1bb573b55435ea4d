# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what a failover test takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..base import options
from ..base.systemd import is_unit_name
from ..base.text import duplicates
from ..findings import Subject
from .options import OPTIONS


class FailoverError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class FailoverService:
    """A service of this host, and the addresses of those that must take over."""

    name: str
    unit: str
    address: str
    others: tuple[str, ...]
    path: str
    status: int
    take_over_seconds: float
    start_seconds: float
    timeout: float
    interval: float
    promised_days: float
    requirements: tuple[str, ...]

    @property
    def subject(self) -> Subject:
        """What findings on the test are about."""
        return Subject(f"failover:{self.name}", self.requirements)

    @property
    def guard(self) -> str:
        """The unit that starts the service again whatever becomes of the test."""
        return f"{self.unit.removesuffix('.service')}-failover-end.service"


@dataclass(frozen=True)
class FailoverSettings:
    """All that one call of the module is given."""

    state: str
    services: tuple[FailoverService, ...]
    state_file: str
    silenced_until: str
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> FailoverSettings:
    """Return the settings for the values of the options; raises FailoverError."""
    try:
        given = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise FailoverError(str(error)) from None

    problems = list(_problems(given["services"]))
    if problems:
        raise FailoverError("\n".join(problems))

    return FailoverSettings(
        given["state"],
        tuple(map(_service, given["services"])),
        given["state_file"],
        given["silenced_until"],
        given["max_seconds"],
    )


def _problems(services: list[dict[str, t.Any]]) -> Iterator[str]:
    for name in duplicates(service["name"] for service in services):
        yield f"services: duplicate name {name!r}; give each service a name of its own"

    for service in services:
        place = f"services {service['name']!r}"
        if not is_unit_name(service["unit"]) or not service["unit"].endswith(".service"):
            yield f"{place}.unit is {service['unit']!r}; it must be the name of one service"
        if service["address"] in service["others"]:
            yield f"{place}.others has {service['address']}, the address of what is stopped"


def _service(given: Mapping[str, t.Any]) -> FailoverService:
    return FailoverService(
        name=given["name"],
        unit=given["unit"],
        address=given["address"],
        others=tuple(given["others"]),
        path=given["path"],
        status=given["status"],
        take_over_seconds=given["take_over_seconds"],
        start_seconds=given["start_seconds"],
        timeout=given["timeout"],
        interval=given["interval"],
        promised_days=given["promised_days"],
        requirements=tuple(given["requirements"]),
    )
