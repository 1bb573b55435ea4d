# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The unit files of a switch: what they say, as text."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Mapping, Sequence

from .options import BLUE_GREEN
from .releases import Release
from .settings import Server

UNITS: t.Final = "/etc/systemd/system"
#: Units that only live as long as a switch.
TRANSIENT: t.Final = "/run/systemd/system"
DROP_IN: t.Final = "50-upkeep-release.conf"
#: Where sockets of our own are: root alone asks there.
SOCKETS: t.Final = "/run/upkeep"
PROXY: t.Final = "/lib/systemd/systemd-socket-proxyd"
#: Connections at a time through the proxy; what comes beyond it closes.
MOST_CONNECTIONS: t.Final = 2048
#: Seconds that the host's own way back lets requests end which another release has begun.
_UNDO_DRAIN: t.Final = 5.0
#: Seconds for what the way back does beside stopping and starting units.
_UNDO_STEPS: t.Final = 600.0
_CTL: t.Final = "/usr/bin/systemctl"
#: Of the unit that goes back: who would have confirmed does not outlive a boot.
AT_BOOT: t.Final = "[Install]\nWantedBy=multi-user.target\n"
_MADE: t.Final = "# Written by Upkeep; what is changed here is lost at the next deployment."
_PART: t.Final = re.compile(r"^# (/\S.*)$")


def front_link(server: Server) -> str:
    """Return the path that the proxy connects to: a link to the socket of one release."""
    return f"{SOCKETS}/{server.stem}.sock"


def own_socket(server: Server) -> str:
    """Return the path of the socket by which the proxy reaches the unit that serves."""
    return f"{SOCKETS}/{server.stem}-own.sock"


def next_socket(server: Server) -> str:
    """Return the path of the socket by which another release is asked before it serves."""
    return f"{SOCKETS}/{server.stem}-next.sock"


def drop_in_path(unit: str) -> str:
    """Return where the release of a unit is named."""
    return f"{UNITS}/{unit}.d/{DROP_IN}"


def undo_drop_in_path(unit: str) -> str:
    """Return where the release before is named while a switch lasts: systemd reads only *.conf."""
    return f"{UNITS}/{unit}.d/.undo-{DROP_IN.removesuffix('.conf')}"


def layout(server: Server, release: Release) -> list[str]:
    """Return the socket units that a release needs, the one that everybody asks first."""
    if not server.listen or not release.takes_socket:
        return []
    if release.strategy == BLUE_GREEN:
        return [server.front_socket_unit, server.own_socket_unit]

    return [server.socket_unit]


def all_units(server: Server) -> list[str]:
    """Return the units of all layouts beside the one that serves."""
    if not server.listen:
        return []

    return [
        server.socket_unit,
        server.front_socket_unit,
        server.front_unit,
        server.own_socket_unit,
    ]


def handed_sockets(server: Server) -> list[str]:
    """Return the socket units whose sockets the unit that serves is handed."""
    return [server.own_socket_unit if server.strategy == BLUE_GREEN else server.socket_unit]


def public_socket(server: Server, more: str = "") -> str:
    """Return the socket unit of what everybody asks; ``more`` are further lines."""
    lines = "".join(f"ListenStream={place}\n" for place in server.listen) + more

    return (
        f"{_MADE}\n[Unit]\nDescription=Listening sockets of {server.unit}\n\n"
        f"[Socket]\n{lines}Backlog=4096\n\n[Install]\nWantedBy=sockets.target\n"
    )


def public_files(server: Server) -> dict[str, str]:
    """Return the unit of what everybody asks for each strategy, name -> text."""
    if not server.listen:
        return {}

    return {
        server.socket_unit: public_socket(server),
        server.front_socket_unit: front_socket(server),
    }


def socket_files(server: Server, user: str) -> dict[str, str]:
    """Return the units that hold and hand over the sockets of a strategy, name -> text."""
    if not server.listen:
        return {}

    if server.strategy != BLUE_GREEN:
        return {server.socket_unit: public_socket(server)}

    return {
        server.front_socket_unit: front_socket(server),
        server.front_unit: front_service(server, user),
        server.own_socket_unit: own_socket_text(server, user),
    }


def private_socket(path: str, unit: str, user: str = "") -> str:
    """Return the socket unit of what only root may ask, and ``user``."""
    owner = f"SocketUser={user}\n" if user else ""

    return (
        f"{_MADE}\n[Unit]\nDescription=Socket by which Upkeep asks {unit}\n\n"
        f"[Socket]\nListenStream={path}\n{owner}SocketMode=0600\nDirectoryMode=0711\n"
        f"Backlog=4096\nRemoveOnStop=yes\nService={unit}\n"
    )


def front_socket(server: Server) -> str:
    """Return the socket unit of what everybody asks, handed to the proxy.

    The proxy passes on what it gets; without NoDelay a kept connection may wait 40 ms for the rest.
    """
    return public_socket(server, "NoDelay=yes\n")


def own_socket_text(server: Server, user: str) -> str:
    """Return the socket unit by which the proxy reaches the unit that serves, also at boot."""
    text = private_socket(own_socket(server), server.unit, user)

    return f"{text}Symlinks={front_link(server)}\n\n[Install]\nWantedBy=sockets.target\n"


def front_service(server: Server, user: str) -> str:
    """Return the unit of the proxy, which has no rights beyond those of ``user``.

    It never reports that it is ready, though its manual says ``Type=notify``: systemd would end it,
    and all its connections, each time the limit for a start is over. It has no filter of system
    calls: systemd 257 needs CAP_SYS_ADMIN for one, and would not start it in a container.
    """
    owner = f"User={user}\n" if user else ""

    return (
        f"{_MADE}\n[Unit]\nDescription=Hands connections to the release of {server.unit} that"
        f" serves\n\n[Service]\nType=exec\n{owner}"
        f"ExecStart={PROXY} --connections-max={MOST_CONNECTIONS} {front_link(server)}\n"
        f"LimitNOFILE={8 * MOST_CONNECTIONS}\nNoNewPrivileges=yes\nCapabilityBoundingSet=\n"
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


def next_unit(server: Server, text: str, release: str) -> str:
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

    return "\n".join(lines) + (
        f"\n[Unit]\nDescription=Another release of {server.unit}, asked before it serves\n"
        f"[Service]\nRestart=no\nRuntimeDirectoryPreserve=yes\n"
    )


def undo_seconds(server: Server, seconds: float) -> float:
    """Return how long the way back may take; ``seconds`` is what its units may take to restart."""
    return _UNDO_STEPS + 2 * (server.start_seconds + server.drain_seconds) + seconds


def undo_service(
    server: Server, root: str, previous: str, steps: Sequence[Sequence[str]], seconds: float
) -> str:
    """Return the unit that goes back to the release before, unless the switch was confirmed.

    A boot ends who would have confirmed, so then it goes back at once.
    """
    commands = "".join(f"ExecStart={_command(step)}\n" for step in steps)

    return (
        f"{_MADE}\n[Unit]\nDescription=Back to release {previous} of {server.unit}\n"
        f"ConditionPathExists={root}/switching\nAfter={server.unit}\n\n"
        f"[Service]\nType=oneshot\nTimeoutStartSec={seconds:.0f}\n{commands}\n{AT_BOOT}"
    )


def _command(step: Sequence[str]) -> str:
    """Return a command as systemd takes it; '-' before it means that it may fail."""
    return f"-{' '.join(step[1:])}" if step[0] == "-" else " ".join(step)


def undo_steps(
    server: Server, workers: Sequence[str], root: str, previous: Release, target: Release | None
) -> list[list[str]]:
    """Return the commands that go back from ``target``; one that begins with '-' may fail."""
    needed = layout(server, previous)
    bridged = target is not None and are_bridged(server, previous, target)
    changes = target is None or layout(server, target) != needed
    next_units = (server.next_unit, server.next_unit.replace(".service", ".socket"))
    restart = (
        _restart_unless(server.unit, previous.id) if bridged else [_CTL, "restart", server.unit]
    )
    front = _linked(own_socket(server).rpartition("/")[2], front_link(server)) if bridged else []
    drain = ["-", "/usr/bin/sleep", f"{min(server.drain_seconds, _UNDO_DRAIN):g}"]

    return [
        *_linked(f"releases/{previous.id}", f"{root}/current"),
        # Done once it is not there any more.
        *(
            ["-", "/usr/bin/mv", "-T", undo_drop_in_path(unit), drop_in_path(unit)]
            for unit in (server.unit, *workers)
        ),
        [_CTL, "daemon-reload"],
        ["-", _CTL, "reset-failed", server.unit, *needed, *workers],
        *(_other_sockets_off(server, needed) if changes else []),
        *(["-", _CTL, "start", one] for one in needed),
        restart,
        *front,
        *(["-", _CTL, "restart", worker] for worker in workers),
        *([drain] if bridged else []),
        ["-", _CTL, "stop", *next_units],
        ["/usr/bin/mv", "-T", f"{root}/switching", f"{root}/undone"],
    ]


def _other_sockets_off(server: Server, needed: Sequence[str]) -> list[list[str]]:
    """Return the commands that leave only the needed sockets, now and at the next boot.

    A socket of the other layout that came back at boot would hold the port.
    """
    other = [unit for unit in all_units(server) if unit not in needed]
    if server.front_socket_unit in needed:
        other.remove(server.front_unit)
    sockets = [unit for unit in other if unit.endswith(".socket")]

    return [
        *([["-", _CTL, "stop", *other, server.unit]] if other else []),
        *(["-", _CTL, "disable", one] for one in sockets),
        *(["-", _CTL, "enable", one] for one in needed),
    ]


def are_bridged(server: Server, previous: Release, target: Release) -> bool:
    """Return whether two releases can serve beside each other, behind one proxy."""
    needed = layout(server, target)

    return server.own_socket_unit in needed and layout(server, previous) == needed


def _linked(target: str, path: str) -> list[list[str]]:
    """Return the commands that let a path lead to ``target``, in one step for who reads it."""
    folder, _, name = path.rpartition("/")
    draft = f"{folder}/.undo-{name}.link"

    return [["/usr/bin/ln", "-sfn", target, draft], ["/usr/bin/mv", "-T", draft, path]]


def _restart_unless(unit: str, release: str) -> list[str]:
    """Return the command that restarts a unit unless it runs a release already."""
    script = (
        f'/usr/bin/grep -qz "^UPKEEP_RELEASE={release}$"'
        f" /proc/$({_CTL} show -P MainPID {unit})/environ || {_CTL} restart {unit}"
    )

    return shell_step(script)


def shell_step(script: str) -> list[str]:
    """Return the command of a unit that runs a shell script."""
    return ["/bin/sh", "-c", quoted(script)]


def undo_timer(server: Server, seconds: float) -> str:
    """Return the timer that goes back unless the switch is confirmed in time."""
    return (
        f"{_MADE}\n[Unit]\nDescription=Back to the release before of {server.unit}, unless"
        f" confirmed\n\n[Timer]\nOnActiveSec={seconds:.0f}\nAccuracySec=1\n\n"
        f"{timer_install(server.undo_unit)}"
    )


def timer_install(service: str) -> str:
    """Return how the timer of a way back is enabled: with what it starts, for a boot."""
    return f"[Install]\nWantedBy=timers.target\nAlso={service}\n"


def quoted(word: str) -> str:
    """Return a word as systemd reads it back, without specifiers and variables."""
    text = escaped(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")

    return f'"{text}"'


def escaped(text: str) -> str:
    """Return text without specifiers of systemd."""
    return text.replace("%", "%%").replace("\n", " ")
