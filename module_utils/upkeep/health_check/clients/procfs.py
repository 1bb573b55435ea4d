# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes of this host, read from /proc.

No command line is ever matched, since that of whoever searches would match, too.
"""

from __future__ import annotations

import os
import pwd
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ...base.kernel import read_kernel

PROC = Path("/proc")
#: States of a process that runs no more, though its parent has not yet noticed.
_ENDED: t.Final = ("Z", "X", "x")
_UNITS: t.Final = (".service", ".scope")
_PAGE: t.Final = os.sysconf("SC_PAGE_SIZE")


class Process(t.NamedTuple):
    """One line of /proc/PID/stat, as far as it matters here.

    ``ticks``: processor time used, ``rss``: bytes.
    """

    pid: int
    name: str
    session: int
    ticks: int
    rss: int


def parse_stat(text: str) -> Process:
    """Return the process of a stat line; the name may hold blanks and brackets.

    Raises ProcessLookupError for one that has ended, ValueError, IndexError.
    """
    before, _, after = text.rpartition(")")
    pid, _, name = before.partition("(")
    fields = after.split()
    if fields[0] in _ENDED:
        raise ProcessLookupError(f"process {pid} has ended")

    # Counted from the state, which is field 3 of proc_pid_stat(5): session 6, utime 14, stime 15,
    # rss 24.
    return Process(
        pid=int(pid),
        name=name,
        session=int(fields[3]),
        ticks=int(fields[11]) + int(fields[12]),
        rss=int(fields[21]) * _PAGE,
    )


def pids() -> Iterator[int]:
    """Yield the ids of all processes."""
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            yield int(entry.name)


def processes() -> Iterator[Process]:
    """Yield all processes; one that ends meanwhile is left out."""
    for pid in pids():
        found = process(pid)
        if found:
            yield found


def process(pid: int) -> Process | None:
    """Return one process, None when there is none."""
    try:
        return parse_stat(read_kernel(PROC / str(pid) / "stat"))
    except (OSError, ValueError, IndexError):
        return None


def executable(pid: int) -> str | None:
    """Return the file that a process runs.

    "" when it is not visible, None when there is no such process.
    """
    try:
        return str((PROC / str(pid) / "exe").readlink()).removesuffix(" (deleted)")
    except PermissionError:
        return ""
    except OSError:  # also threads of the kernel
        return None


def units_in(text: str, root: str = "") -> tuple[str, ...]:
    """Return the slices and the unit of a /proc/PID/cgroup, the unit last.

    The first unit below ``root`` is that of the system's own systemd. What lies below belongs to
    the unit: a user may call a unit of a manager of their own as they like.
    """
    parts = [part for part in _path(text).removeprefix(root).split("/") if part]
    units = [place for place, part in enumerate(parts) if part.endswith(_UNITS)]

    return tuple(parts[: units[0] + 1]) if units else ()


def _path(text: str) -> str:
    """Return the path that systemd has given to a process, '' without one."""
    paths = ""
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "name=systemd":
            return path
        if number == "0":
            paths = path

    return paths


def _root() -> str:
    """Return where systemd begins: below that of a machine, when this is its container."""
    first = _path(_cgroup(1))

    return first.removesuffix("/init.scope") if first.endswith("/init.scope") else ""


def unit_of(pid: int) -> str:
    """Return the systemd unit of a process; "" when it has none or is gone."""
    return "".join(units_in(_cgroup(pid), _root())[-1:])


def in_unit(unit: str) -> list[int]:
    """Return the running processes of a systemd unit, of its inner cgroups too."""
    root = _root()

    return sorted(pid for pid in pids() if unit in units_in(_cgroup(pid), root) and process(pid))


def _cgroup(pid: int) -> str:
    try:
        return read_kernel(PROC / str(pid) / "cgroup")
    except OSError:
        return ""


def user_name(uid: int) -> str:
    """Return the name of a user, its number when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
