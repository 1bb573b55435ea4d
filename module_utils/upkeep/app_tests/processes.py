# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a supervising process needs of the kernel: limits for what it starts, and a way to end it.

A suite may start processes that leave its process group. The supervisor is their "subreaper"
(prctl(2)): whatever loses its parent becomes the supervisor's child, so that none escapes.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from ..base.isolated import end_with
from ..base.processes import ResourceLimits, children, gain_no_rights

#: Seconds that killed processes may take to be gone.
GRACE: t.Final = 5.0
#: Files that a process of a suite may have open, and processes that its user may have when a suite
#: starts one more. The service itself is not held by the latter.
MOST_OPEN_FILES: t.Final = 4096
MOST_PROCESSES: t.Final = 2048
#: More files than this are as bad as too many bytes.
MOST_FILES: t.Final = 100_000


def become_supervisor(parent: int) -> None:
    """Gain no rights by exec, and end by SIGTERM together with the process ``parent``."""
    gain_no_rights()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # Not by SIGKILL, as other work: there is something to end and to remove.
    end_with(parent, signal.SIGTERM)


def limit(memory_mb: int, file_mb: int) -> None:
    """Limit memory, files and processes for this process and all that it starts.

    No core dumps; others get the processor first.
    """
    os.nice(10)
    ResourceLimits(
        address_space=memory_mb << 20,
        file_size=file_mb << 20,
        open_files=MOST_OPEN_FILES,
        processes=MOST_PROCESSES,
    ).apply()


def limit_memory(memory_mb: int) -> None:
    """Limit the memory of the program that this process is about to become to exactly this.

    What `limit` has set allows for our own size too, which goes with the exec.
    """
    most = memory_mb << 20
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or hard > most:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


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
