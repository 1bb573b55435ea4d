# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of a unit that serves, its probes and how a switch is confirmed."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..base.systemd import is_unit_name
from ..base.text import duplicates

Values = Mapping[str, t.Any]


@dataclass(frozen=True)
class Probe:
    """One request of our own, and what must come back."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)
    body_file: str
    status: int
    equals: Mapping[str, t.Any]
    same_as_before: tuple[str, ...]
    tolerance: float
    timeout: float


@dataclass(frozen=True)
class Window:
    """How long a switch is watched, s, and what it may show meanwhile."""

    seconds: float
    interval: float
    needed: int
    latency_factor: float
    latency_floor_ms: float
    log: str
    error_pattern: re.Pattern[str]
    most_errors: int
    traffic_pattern: re.Pattern[str] | None
    least_traffic: int


@dataclass(frozen=True)
class Server:
    """A unit that serves, and the socket unit that its listening sockets belong to."""

    unit: str
    listen: tuple[str, ...]
    strategy: str
    start_seconds: float
    drain_seconds: float
    probes: tuple[Probe, ...]
    window: Window
    requirements: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The unit's name without its suffix."""
        return self.unit.removesuffix(".service")

    @property
    def socket_unit(self) -> str:
        """The unit of its listening sockets; '' when it listens by itself."""
        return f"{self.stem}.socket" if self.listen else ""

    @property
    def front_socket_unit(self) -> str:
        """The unit of the listening sockets that a proxy has, for two releases at a time."""
        return f"{self.stem}-front.socket"

    @property
    def front_unit(self) -> str:
        """The proxy in front of two releases."""
        return f"{self.stem}-front.service"

    @property
    def own_socket_unit(self) -> str:
        """The unit of the socket by which the proxy reaches the unit that serves."""
        return f"{self.stem}-own.socket"

    @property
    def next_unit(self) -> str:
        """The unit by which another release is asked before it serves."""
        return f"{self.stem}-next.service"

    @property
    def undo_unit(self) -> str:
        """The unit that goes back to the release before."""
        return f"{self.stem}-undo.service"


def server(given: Values) -> Server:
    """Return a server from filled values that have no problems."""
    return Server(
        unit=given["unit"],
        listen=tuple(given["listen"]),
        strategy=given["strategy"],
        start_seconds=given["start_seconds"],
        drain_seconds=given["drain_seconds"],
        probes=tuple(map(_probe, given["probes"])),
        window=_window(given["confirmation"]),
        requirements=tuple(given["requirements"]),
    )


def problems(given: Values, place: str) -> Iterator[str]:
    """Yield what is wrong with a server beyond types and bounds."""
    if not is_unit_name(given["unit"]) or not given["unit"].endswith(".service"):
        yield f"{place}.unit is {given['unit']!r}; it must be the name of one service"

    for name in duplicates(probe["name"] for probe in given["probes"]):
        yield f"{place}.probes: duplicate name {name!r}; give each probe a name of its own"

    for probe in given["probes"]:
        if probe["body"] and probe["body_file"]:
            yield f"{place}.probes '{probe['name']}' has body and body_file; leave one out"

    window = given["confirmation"]
    for key in ("error_pattern", "traffic_pattern"):
        try:
            re.compile(window[key])
        except re.error as error:
            yield f"{place}.confirmation.{key} is not a regular expression: {error}"

    if window["interval"] * (window["needed"] - 1) > window["seconds"]:
        yield (
            f"{place}.confirmation: {window['needed']} rounds every {window['interval']:g} s do not"
            f" fit into {window['seconds']:g} s"
        )


def _probe(given: Values) -> Probe:
    return Probe(
        name=given["name"],
        method=given["method"],
        path=given["path"],
        headers={str(name): str(value) for name, value in given["headers"].items()},
        body=given["body"],
        body_file=given["body_file"] or "",
        status=given["status"],
        equals=given["equals"],
        same_as_before=tuple(given["same_as_before"]),
        tolerance=given["tolerance"],
        timeout=given["timeout"],
    )


def _window(given: Values) -> Window:
    return Window(
        seconds=given["seconds"],
        interval=given["interval"],
        needed=given["needed"],
        latency_factor=given["latency_factor"],
        latency_floor_ms=given["latency_floor_ms"],
        log=given["log"] or "",
        error_pattern=re.compile(given["error_pattern"]),
        most_errors=given["most_errors"],
        traffic_pattern=re.compile(given["traffic_pattern"]) if given["traffic_pattern"] else None,
        least_traffic=given["least_traffic"],
    )


def names(items: Sequence[t.Any]) -> str:
    """Return the names of items for a message."""
    return ", ".join(item.name for item in items)
