# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``listener``: does something listen on a TCP port, and is it the service that should?"""

from __future__ import annotations

import contextlib
import os
import pwd
import typing as t
from collections.abc import Iterator

from ...base.deadline import Deadline
from ...base.kernel import read_kernel
from ...base.options import option
from ...findings import Finding
from ..check import Check, CheckError
from ..clients import procfs
from ..clients.units import full_name, is_socket_activated, unit_option, validate_unit
from ..kind import NEVER, OTHERWISE, Kind, Row

#: Where systemd itself runs, which listens for units that it starts at the first connection.
_SYSTEMD: t.Final = "init.scope"
_LISTEN: t.Final = "0A"  # TCP_LISTEN
#: A host may have hundreds of thousands of connections, bytes.
_LARGEST: t.Final = 64 << 20


class Listener(t.NamedTuple):
    """A listening socket: its inode and the user it belongs to."""

    inode: int
    uid: int


def parse(text: str, port: int) -> list[Listener]:
    """Return the sockets of a /proc/net/tcp or tcp6 that listen on a port.

    Other lines are left out.
    """
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue

        _address, _, number = fields[1].rpartition(":")
        with contextlib.suppress(ValueError):
            if int(number, 16) == port:
                found.append(Listener(int(fields[9]), int(fields[7])))

    return found


def probe(check: Check, deadline: Deadline) -> Iterator[Finding]:
    """Yield who listens on the port."""
    port, expected = check.options["port"], _owner(check)
    listeners = _listening(port)
    if not listeners:
        message = f"nothing listens on port {port}: is the service running?"
        yield check.finding("critical", message, observed="nobody", expected=expected)
        return

    if check.options["unit"]:
        owners = {
            procfs.unit_of(pid) or f"process {pid}" for one in listeners for pid in _holders(one)
        }
    else:
        owners = {procfs.user_name(one.uid) for one in listeners}

    unit = check.options["unit"]
    if unit and unit not in owners and full_name(unit, deadline) in owners:
        owners.add(unit)  # an alias, or a name without its suffix
    elif unit and _SYSTEMD in owners and is_socket_activated(unit, deadline):
        owners.add(unit)

    yield _verdict(check, port, sorted(owners), expected)


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    owner = _owner(check)
    who = f"`{owner}`" if owner else "something"
    yield Row(check.id, f"{who} listens on port {check.options['port']}", NEVER, OTHERWISE)


def _owner(check: Check) -> str | None:
    owner: str | None = check.options["unit"] or check.options["user"]

    return owner


def _verdict(check: Check, port: int, owners: list[str], expected: str | None) -> Finding:
    named = ", ".join(owners)
    if not owners:
        message = f"who listens on port {port} is not visible: run this as root"
        return check.finding("unknown", message, expected=expected)

    # Others may listen on other addresses of the port.
    if expected is None or expected in owners:
        message = f"{named} listens on port {port}"
        return check.finding("ok", message, observed=named, expected=expected)

    advice = "see which socket unit it serves" if _SYSTEMD in owners else "end that"
    message = (
        f"port {port} belongs to {named} instead of {expected}: {advice}, then start {expected}"
    )

    return check.finding("critical", message, observed=named, expected=expected)


def _listening(port: int) -> list[Listener]:
    """Return the listeners of both address families; IPv6 may be switched off."""
    found = parse(read_kernel(procfs.PROC / "net" / "tcp", _LARGEST), port)
    with contextlib.suppress(FileNotFoundError):
        found += parse(read_kernel(procfs.PROC / "net" / "tcp6", _LARGEST), port)

    return found


def _holders(listener: Listener) -> list[int]:
    """Return the processes that hold a socket, as root sees them, else as its owner does."""
    found = _scan(listener.inode)
    if found or os.geteuid() != 0:
        return found

    own_group = os.getegid()

    with contextlib.suppress(KeyError):  # a user without an entry keeps its secret
        # The kernel compares both, and only of one who could do it.
        os.setegid(pwd.getpwuid(listener.uid).pw_gid)
        os.seteuid(listener.uid)
        found = _scan(listener.inode)

    os.seteuid(0)
    os.setegid(own_group)

    return found


def _scan(inode: int) -> list[int]:
    target = f"socket:[{inode}]"
    found = []
    for pid in procfs.pids():
        folder = procfs.PROC / str(pid) / "fd"
        with contextlib.suppress(OSError):  # the process ended, or is not visible
            if any(_target(entry) == target for entry in os.scandir(folder)):
                found.append(pid)

    return found


def _target(entry: os.DirEntry[str]) -> str:
    try:
        return os.readlink(entry.path)  # noqa: PTH115 - done for every open file of the host
    except OSError:
        return ""


def _validate(check: Check) -> None:
    if check.options["unit"] and check.options["user"]:
        raise CheckError("name either the unit or the user that the port belongs to")

    validate_unit(check.options["unit"])


KIND = Kind(
    description="whose is a listening port",
    gives="`listener:NAME`",
    options={
        "port": option("int", "The port.", required=True, minimum=1, maximum=65535),
        "unit": unit_option("The systemd unit that the port belongs to."),
        "user": option("str", "The system user that the port belongs to."),
    },
    probe=probe,
    describe=describe,
    holds_change=True,
    validate=_validate,
)
