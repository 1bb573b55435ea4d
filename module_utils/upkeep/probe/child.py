# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A child process for one attempt at one check.

A process, unlike a thread, can be ended whatever it hangs in (a resolver, a driver's C code, a dead mount), can
change to another user for good, and does not share the interpreter lock with an answer that is being timed. A child
holds none of our streams, so that even one that the kernel cannot end does not keep the connection to this host open.
"""

from __future__ import annotations

import json
import os
import pwd
import select
import signal
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..findings import Finding
from .attempt import observe
from .model import Check, Memory, ProbeError

#: How long a child may take beyond the check's own limit to report that limit itself, s.
GRACE: t.Final = 0.25


@dataclass
class Child:
    """An attempt under way; ``received`` is one JSON finding a line, the last one perhaps not complete."""

    check: Check
    pid: int
    pipe: int
    received: bytearray = field(default_factory=bytearray)

    def findings(self) -> list[Finding]:
        """Return the findings that arrived complete so far."""
        return [line for line in self._lines() if "check" in line]

    def memory(self) -> Memory | None:
        """Return what the attempt wants to remember."""
        return next((line["remember"] for line in self._lines() if "remember" in line), None)

    def _lines(self) -> list[dict[str, t.Any]]:
        return [json.loads(line) for line in self.received.split(b"\n")[:-1]]

    def reap(self) -> int:
        """Wait for a child that closed its end of the pipe; return its exit code, or minus the signal that ended it."""
        os.close(self.pipe)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        """End the child; wait for that only briefly, since it may hang where even SIGKILL has to wait."""
        os.close(self.pipe)
        handle = os.pidfd_open(self.pid)
        try:
            os.kill(self.pid, signal.SIGKILL)
            select.select([handle], [], [], GRACE)
            os.waitpid(self.pid, os.WNOHANG)
        finally:
            os.close(handle)


def start(check: Check) -> Child:
    """Start an attempt."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read_end)
            _live(check, write_end)
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's clean-up belongs to the child
    os.close(write_end)
    return Child(check, pid, read_end)


def become(user: str) -> None:
    """Turn this process into ``user`` for good; raises ProbeError. Only for a process that ends after the attempt."""
    try:
        entry = pwd.getpwnam(user)
        if os.geteuid() != entry.pw_uid:
            os.initgroups(entry.pw_name, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
    except (KeyError, PermissionError) as error:
        raise ProbeError("unknown", f"cannot act as the user {user}: {error}") from error
    os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)


def _live(check: Check, pipe: int) -> None:
    # Should the parent be killed, this ends the child nevertheless.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, check.timeout + 4 * GRACE)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with os.fdopen(pipe, "w", encoding="utf-8") as out:
        for found in _findings(check):
            out.write(json.dumps(found) + "\n")
            out.flush()  # what is known must survive the end of this process


def _findings(check: Check) -> Iterator[Finding]:
    user = check.options.get("as_user")
    try:
        if user:
            become(user)
    except ProbeError as error:
        yield check.finding(error.status, error.message)
        return
    yield from observe(check)
