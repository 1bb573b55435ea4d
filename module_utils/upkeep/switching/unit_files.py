# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The unit files of a switch: what they say, as text."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping, Sequence

from .settings import Server

UNITS: t.Final = "/etc/systemd/system"
#: Units that only live as long as a switch.
TRANSIENT: t.Final = "/run/systemd/system"
DROP_IN: t.Final = "50-upkeep-release.conf"
#: Where sockets of our own are: root alone asks there.
SOCKETS: t.Final = "/run/upkeep"
_MADE: t.Final = "# Written by Upkeep; what is changed here is lost at the next deployment."
_PART: t.Final = re.compile(r"^# (/\S.*)$")


def own_socket(server: Server) -> str:
    """Return the path of the socket by which the unit that serves is asked."""
    return f"{SOCKETS}/{server.stem}.sock"


def next_socket(server: Server) -> str:
    """Return the path of the socket by which another release is asked before it serves."""
    return f"{SOCKETS}/{server.stem}-next.sock"


def drop_in_path(unit: str) -> str:
    """Return where the release of a unit is named."""
    return f"{UNITS}/{unit}.d/{DROP_IN}"


def public_socket(server: Server) -> str:
    """Return the socket unit of what everybody asks."""
    lines = "".join(f"ListenStream={place}\n" for place in server.listen)

    return (
        f"{_MADE}\n[Unit]\nDescription=Listening sockets of {server.unit}\n\n"
        f"[Socket]\n{lines}Backlog=4096\n\n[Install]\nWantedBy=sockets.target\n"
    )


def private_socket(server: Server, path: str, unit: str) -> str:
    """Return the socket unit of what only root may ask."""
    return (
        f"{_MADE}\n[Unit]\nDescription=Socket by which Upkeep asks {unit}\n\n"
        f"[Socket]\nListenStream={path}\nSocketMode=0600\nDirectoryMode=0711\nRemoveOnStop=yes\n"
        f"Service={unit}\n"
    )


def drop_in(
    folder: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    sockets: Sequence[str] = (),
    stop_seconds: float | None = None,
) -> str:
    """Return what a release says about a unit.

    Nothing for the release that was found, which has no command.
    """
    if not command:
        return f"{_MADE}\n# The unit as it was before the first deployment.\n"

    lines = [_MADE, "[Service]", *([f"Sockets={' '.join(sockets)}"] if sockets else [])]
    lines += ["WorkingDirectory=", f"WorkingDirectory={escaped(folder)}"]
    lines += [f"Environment={quoted(f'{key}={value}')}" for key, value in environment.items()]
    lines += ["ExecStart=", f"ExecStart={' '.join(quoted(word) for word in command)}"]
    if stop_seconds:
        lines.append(f"TimeoutStopSec={stop_seconds:g}")

    return "\n".join(lines) + "\n"


def next_unit(server: Server, text: str, release: str, sockets: Sequence[str]) -> str:
    """Return the unit that runs another release beside the one that serves.

    ``text`` is the unit as systemd has it, ``release`` the drop-in of the other release. Sockets
    cannot be taken back by a later line, so they are left out of both.
    """
    kept, skipping = [], False
    for line in text.splitlines():
        if part := _PART.match(line):
            skipping = part[1].endswith(f"/{DROP_IN}")
        if not skipping:
            kept.append(line)

    lines = [line for line in [*kept, *release.splitlines()] if not line.startswith("Sockets=")]
    more = "\n".join(f"Sockets={one}" for one in sockets)

    return "\n".join(lines) + (
        f"\n[Unit]\nDescription=Another release of {server.unit}, asked before it serves\n"
        f"[Service]\nRestart=no\nRuntimeDirectoryPreserve=yes\n{more}\n"
    )


def undo_service(server: Server, root: str, previous: str, steps: Sequence[Sequence[str]]) -> str:
    """Return the unit that goes back to the release before, unless the switch was confirmed."""
    commands = "".join(f"ExecStart={_command(step)}\n" for step in steps)

    return (
        f"{_MADE}\n[Unit]\nDescription=Back to release {previous} of {server.unit}\n"
        f"ConditionPathExists={root}/switching\n\n"
        f"[Service]\nType=oneshot\nTimeoutStartSec=600\n{commands}"
    )


def _command(step: Sequence[str]) -> str:
    """Return a command as systemd takes it; '-' before it means that it may fail."""
    return f"-{' '.join(step[1:])}" if step[0] == "-" else " ".join(step)


def undo_steps(
    server: Server,
    workers: Sequence[str],
    root: str,
    previous: str,
    takes_socket: bool,
    sockets: Sequence[str],
) -> list[list[str]]:
    """Return the commands that go back; one that begins with '-' may fail."""
    systemctl = "/usr/bin/systemctl"
    steps = [
        ["/usr/bin/ln", "-sfn", f"releases/{previous}", f"{root}/.undo.link"],
        ["/usr/bin/mv", "-T", f"{root}/.undo.link", f"{root}/current"],
        [systemctl, "daemon-reload"],
        ["-", systemctl, "reset-failed", server.unit, *sockets],
    ]
    if takes_socket:
        steps += [["-", systemctl, "start", one] for one in sockets]
    elif sockets:
        steps += [["-", systemctl, "stop", *sockets, server.unit]]

    next_units = (server.next_unit, server.next_unit.replace(".service", ".socket"))

    return [
        *steps,
        [systemctl, "restart", server.unit],
        ["-", systemctl, "stop", *next_units],
        *(["-", systemctl, "restart", worker] for worker in workers),
        ["/usr/bin/mv", "-T", f"{root}/switching", f"{root}/undone"],
    ]


def undo_timer(server: Server, seconds: float) -> str:
    """Return the timer that goes back by itself when nobody comes to confirm."""
    return (
        f"{_MADE}\n[Unit]\nDescription=Back to the release before of {server.unit}, unless"
        f" confirmed\n\n[Timer]\nOnActiveSec={seconds:.0f}\nAccuracySec=1\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )


def quoted(word: str) -> str:
    """Return a word as systemd reads it back, without specifiers and variables."""
    text = escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")

    return f'"{text}"'


def escaped(text: str) -> str:
    """Return text without specifiers of systemd."""
    return text.replace("%", "%%").replace("\n", " ")
