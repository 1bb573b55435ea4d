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


def units_in(text: str) -> frozenset[str]:
    """Return every part of the paths in a /proc/PID/cgroup; for a unit, one is its name."""
    return frozenset(
        part for line in text.splitlines() for part in line.split(":", 2)[-1].split("/") if part
    )


def unit_of(pid: int) -> str:
    """Return the innermost systemd unit of a process; "" when it has none or is gone."""
    for line in _cgroup(pid).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        units = [part for part in path.split("/") if part.endswith((".service", ".scope"))]
        if units and (number == "0" or controllers == "name=systemd"):
            return units[-1]

    return ""


def in_unit(unit: str) -> list[int]:
    """Return the running processes of a systemd unit, of its inner cgroups too."""
    return sorted(pid for pid in pids() if unit in units_in(_cgroup(pid)) and process(pid))


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
