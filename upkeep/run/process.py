# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which process this run is, so that another controller can see whether it still lives.

Two controllers can have one name, one machine id (cloned machines) or one process id (containers).
So a process is known by its machine, the boot of that machine, its process namespace, its id there
and when it started. Where any of that is unknown, nobody may take it for dead.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
import typing as t
from pathlib import Path

#: Set by the callback: pid of the controller's main process, since action plugins run in forked
#: workers.
ENV_PID: t.Final = "UPKEEP_PID"
MACHINE_ID: t.Final = Path("/etc/machine-id")
BOOT_ID: t.Final = Path("/proc/sys/kernel/random/boot_id")
STAT: t.Final = Path("/proc/stat")
NAMESPACE: t.Final = Path("/proc/self/ns/pid")


def identity() -> dict[str, str]:
    """Return ``owner``, ``controller``, ``machine`` and ``process`` (``pid:start time``)."""
    pid = int(os.environ.get(ENV_PID) or os.getpid())
    return {
        "owner": _user(),
        "controller": socket.gethostname(),
        "machine": machine(),
        "process": f"{pid}:{start_time(pid) or ''}",
    }


def machine() -> str:
    """Return 32 hex digits for this machine, its boot and this process namespace.

    Empty when one of them is not known. The machine id is not readable from it, as
    machine-id(5) asks for.
    """
    try:
        ids = [path.read_text(encoding="ascii").strip() for path in (MACHINE_ID, BOOT_ID)]
        namespace = str(NAMESPACE.stat().st_ino)
    except (OSError, ValueError):
        return ""

    if not all(ids) or "uninitialized" in ids:
        return ""

    return hashlib.sha256("\0".join(("upkeep", *ids, namespace)).encode()).hexdigest()[:32]


def start_time(pid: int) -> str | None:
    """Return when a process of this machine started, in clock ticks since boot.

    None when it does not exist, or may not be seen.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None

    fields = stat.rpartition(")")[2].split()

    return None if fields[0] in ("Z", "X") else fields[19]


def boot_time() -> float | None:
    """Return when this machine booted, as a time of its clock; None where that is not known."""
    try:
        lines = STAT.read_text(encoding="ascii").splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("btime ")))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def is_dead(holder: t.Mapping[str, t.Any]) -> bool:
    """Return whether the process that holds a lease has surely ended.

    That can only be known of a process of this machine, this boot and this process namespace.
    """
    here = machine()
    if not here or holder.get("machine") != here:
        return False

    pid, _, started = str(holder.get("process", "")).partition(":")
    if not (pid.isascii() and pid.isdigit() and started) or not 0 < int(pid) < 1 << 31:
        return False
    if not _exists(int(pid)):
        return True

    now = start_time(int(pid))

    # A process that /proc hides from us may be the one.
    return now is not None and now != started


def _exists(pid: int) -> bool:
    """Return whether there is a process with this id that has not ended, whoever may see it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True

    # Ours, so it is not hidden: one without a start time has ended and waits for its parent.
    return start_time(pid) is not None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run with a uid that has no name
        return str(os.getuid())
