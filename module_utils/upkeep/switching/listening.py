# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the sockets of a server are open, which is not what a profile says that was changed since.

A switch never moves them: what stands in front asks where they are, and both must change together.
"""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Sequence
from itertools import chain

from ..base import systemd
from ..base.deadline import Deadline
from ..base.files import read_text
from . import unit_files
from .asking import address_of
from .settings import Server

_LARGEST: t.Final = 1 << 20
_PLACE: t.Final = "ListenStream="


def open_places(server: Server) -> dict[str, Sequence[str]]:
    """Return where each public socket unit that is up listens; raises SystemdError, TimeoutError.

    Both are up only while a switch from one strategy to the other is cut off.
    """
    written = {unit: _places(unit) for unit in (server.socket_unit, server.front_socket_unit)}
    known = [unit for unit, places in written.items() if places]
    states = systemd.show(known, ["ActiveState"], Deadline(60))

    return {unit: written[unit] for unit in known if states[unit]["ActiveState"] == "active"}


def address(server: Server) -> str:
    """Return where everybody asks now: a profile that was changed since moved no socket."""
    places = [*chain(*open_places(server).values()), *server.listen]

    return address_of(places[0])


def problem(server: Server) -> str:
    """Return that sockets are open elsewhere and how to move them, '' where they are right."""
    for unit, places in open_places(server).items():
        if tuple(places) != server.listen:
            return (
                f"listen is {', '.join(server.listen)}, and {unit} listens at {', '.join(places)};"
                " a deployment does not move it, since what stands in front asks there. To move"
                f" it, run on the host: {'; '.join(steps(server, unit))}; then change what stands"
                " in front"
            )

    return ""


def steps(server: Server, unit: str) -> list[str]:
    """Return the commands that move a public socket unit to where the profile says."""
    lines = "\\n".join(f"{_PLACE}{place}" for place in server.listen)
    handed = server.front_unit if unit == server.front_socket_unit else server.unit

    return [
        f"sed -i -e '/^{_PLACE}/d' -e '/^\\[Socket\\]/a {lines}' {unit_files.UNITS}/{unit}",
        "systemctl daemon-reload",
        f"systemctl stop {unit} {handed}",
        f"systemctl start {unit} {handed}",
    ]


def _places(unit: str) -> Sequence[str]:
    with contextlib.suppress(OSError):
        lines = read_text(f"{unit_files.UNITS}/{unit}", _LARGEST).splitlines()
        return [line.removeprefix(_PLACE) for line in lines if line.startswith(_PLACE)]

    return []
