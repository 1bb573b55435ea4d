# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits for a process and all that it starts, and an end for all of that."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import time
import typing as t
from collections.abc import Iterator

from .kernel import read_kernel

_LIBRARY: t.Final = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG: t.Final = 1
_PR_SET_CHILD_SUBREAPER: t.Final = 36
_PR_SET_NO_NEW_PRIVS: t.Final = 38
_PAUSE: t.Final = 0.02


class ResourceLimits(t.NamedTuple):
    """What one process may use, None for no limit: memory and files in bytes.

    ``address_space`` is counted from what the process has when it is bounded: a large program that
    forks hands its size on, and a thread that finds no memory at its start would hang its process.
    ``processes`` counts all of its user; a process that has more cannot start another one.
    """

    address_space: int | None = None
    file_size: int | None = None
    open_files: int | None = None
    processes: int | None = None

    def apply(self) -> None:
        """Bound this process and what it starts from now on; a limit is never raised."""
        most_memory = self.address_space and self.address_space + _address_space_now()
        wanted = {
            resource.RLIMIT_AS: most_memory,
            resource.RLIMIT_FSIZE: self.file_size,
            resource.RLIMIT_NOFILE: self.open_files,
            resource.RLIMIT_NPROC: self.processes,
            resource.RLIMIT_CORE: 0,  # memory may hold secrets
        }
        for kind, most in wanted.items():
            if most is not None:
                hard = resource.getrlimit(kind)[1]
                value = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(kind, (value, value))


def _address_space_now() -> int:
    """Return the bytes of address space that this process has."""
    pages = int(read_kernel("/proc/self/statm").split()[0])

    return pages * resource.getpagesize()


def end_with_parent(parent: int, number: signal.Signals) -> None:
    """Have this process sent a signal when its parent ends.

    Raises ProcessLookupError when it has ended already, OSError.
    """
    _control(_PR_SET_PDEATHSIG, int(number))
    if os.getppid() != parent:
        raise ProcessLookupError("the process that started this one has ended")


def gain_no_rights() -> None:
    """Let no program that is started from now on gain rights, as sudo does; raises OSError."""
    _control(_PR_SET_NO_NEW_PRIVS, 1)


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Become the parent of what loses its parent below us, so that nothing gets away."""
    _control(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _control(_PR_SET_CHILD_SUBREAPER, 0)


def children() -> set[int]:
    """Return the children of this process, those included that ended and were not waited for."""
    own = os.getpid()
    try:
        return set(map(int, read_kernel(f"/proc/{own}/task/{own}/children").split()))
    except OSError:  # a kernel without this file
        return {
            int(entry.name)
            for entry in os.scandir("/proc")
            if entry.name.isdecimal() and _parent(entry.name) == own
        }


def end_children(spared: set[int], grace: float) -> set[int]:
    """End all children but the spared ones, and what of theirs comes to us; return who is left.

    They have ``grace`` seconds to end by themselves after SIGTERM, and as long again after SIGKILL,
    since one that hangs in the kernel cannot be ended.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + grace
        signalled: set[int] = set()

        while others := children() - spared:
            for pid in others:
                with contextlib.suppress(ProcessLookupError):
                    if pid not in signalled:
                        os.kill(pid, number)  # it is our child, so its number is not used again
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            signalled |= others
            if time.monotonic() >= end:
                break
            time.sleep(_PAUSE)
        else:
            return set()

    return children() - spared


def _parent(pid: str) -> int:
    try:
        return int(read_kernel(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _control(option: int, value: int) -> None:
    if _LIBRARY.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
