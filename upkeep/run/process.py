# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs this run: the controller's name, the user and a process identity that outlives pid reuse."""

from __future__ import annotations

import getpass
import os
import socket
import typing as t
from pathlib import Path

#: Set by the callback: pid of the controller's main process, since action plugins run in forked
#: workers.
ENV_PID: t.Final = "UPKEEP_PID"


def identity() -> dict[str, str]:
    """Return ``owner``, ``controller`` and ``process`` (``pid:start time``) of this run."""
    pid = int(os.environ.get(ENV_PID) or os.getpid())
    return {
        "owner": _user(),
        "controller": socket.gethostname(),
        "process": f"{pid}:{start_time(pid) or ''}",
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run with a uid that has no name
        return str(os.getuid())


def start_time(pid: int) -> str | None:
    """Return when a process of this machine started, in clock ticks since boot.

    None when it does not exist.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None

    fields = stat.rpartition(")")[2].split()

    return None if fields[0] in ("Z", "X") else fields[19]


def is_dead(holder: t.Mapping[str, t.Any]) -> bool:
    """Return whether a lease's process surely ended: it ran on this controller and is not there any more."""
    if holder.get("controller") != socket.gethostname():
        return False
    pid, _, started = str(holder.get("process", "")).partition(":")
    return pid.isdigit() and bool(started) and start_time(int(pid)) != started
