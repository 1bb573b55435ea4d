# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a supervising process needs of the kernel: limits for what it starts, and a way to end it.

A suite may start processes that leave its process group. The supervisor is their "subreaper"
(prctl(2)): whatever loses its parent becomes the supervisor's child, so that none escapes.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from ..base import files
from ..base.isolated import end_with

#: Seconds that killed processes may take to be gone.
GRACE: t.Final = 5.0
#: More files than this are as bad as too many bytes.
MOST_FILES: t.Final = 100_000

_PR_SET_CHILD_SUBREAPER: t.Final = 36
_PR_SET_NO_NEW_PRIVS: t.Final = 38


def become_supervisor(parent: int) -> None:
    """Adopt orphans, gain no rights by exec, and end by SIGTERM together with ``parent``."""
    library = ctypes.CDLL(None, use_errno=True)
    for option in (_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS):
        if library.prctl(option, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Not by SIGKILL, as other work: there is something to end and to remove.
    end_with(parent, signal.SIGTERM)


def limit(memory_mb: int, file_mb: int) -> None:
    """Limit memory and size of files for this process and all that it starts.

    No core dumps; others get the processor first.
    """
    os.nice(10)
    wanted = {
        resource.RLIMIT_AS: memory_mb << 20,
        resource.RLIMIT_FSIZE: file_mb << 20,
        resource.RLIMIT_CORE: 0,
    }

    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (least, least))


def end(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """End a process that led its own group, and all that came of it.

    Returns how many others were still there, and how many cannot be ended.
    """
    # Nobody has waited for it yet, so its number still belongs to its group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)

    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)

    seen: set[int] = set()
    give_up = time.monotonic() + GRACE

    while (others := children() - {process.pid}) and time.monotonic() < give_up:
        seen |= others
        for pid in others:
            _kill(pid, give_up)

    return len(seen), len(others)


def children() -> set[int]:
    """Return the children of this process.

    Those that ended wait for their exit code to be read, and count.
    """
    own = str(os.getpid())
    return {
        int(entry.name)
        for entry in os.scandir("/proc")
        if entry.name.isdecimal() and _parent(entry.name) == own
    }


def _parent(pid: str) -> str:
    try:
        stat = files.read_kernel(f"/proc/{pid}/stat")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[1]


def _kill(pid: int, give_up: float) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return

    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        select.select([handle], [], [], max(give_up - time.monotonic(), 0))
        os.waitpid(pid, os.WNOHANG)
    except (ProcessLookupError, ChildProcessError):
        pass
    finally:
        os.close(handle)


def used(folder: Path, most: int) -> int:
    """Return the bytes used in a folder, or more than ``most`` when it holds too many files.

    Follows no link.
    """
    total = files = 0
    pending = [os.fspath(folder)]
    while pending and total <= most:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                files += 1
                if files > MOST_FILES:
                    return most + 1

                with contextlib.suppress(FileNotFoundError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512

                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)

    return total
