# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work in a process of its own: with the rights of whom the data belong to, and ended when its time is up."""

from __future__ import annotations

import json
import os
import pwd
import selectors
import signal
import time
import typing as t

#: Seconds that a process may take beyond its time to say itself what was too slow.
GRACE: t.Final = 2.0
_CHUNK: t.Final = 65536


class ApartError(Exception):
    """The work could not be done or finished; the message says why."""


def run_apart(work: t.Callable[[], t.Iterator[t.Any]], uid: int | None, seconds: float) -> tuple[list[t.Any], str]:
    """Return what the work yielded (JSON values) and why it stopped early ('' when it did not).

    The child turns into ``uid`` for good; None keeps the own user. What hangs, whatever it hangs in, is killed after
    ``seconds`` and GRACE, and what it yielded until then is returned.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read_end)
            _live(work, uid, seconds, write_end)
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's clean-up belongs to the child
    os.close(write_end)
    received, late = _listen(read_end, time.monotonic() + seconds + GRACE)
    if late:
        os.kill(pid, signal.SIGKILL)
    code = _reap(pid, late)
    # A line that was being written when the process ended is no answer.
    answers = [json.loads(line) for line in received.split(b"\n")[:-1]]
    problems = [answer["problem"] for answer in answers if "problem" in answer]
    values = [answer["value"] for answer in answers if "value" in answer]
    if late:
        return values, f"it took more than {seconds:g} s and was ended"
    return values, problems[0] if problems else f"its process ended with {code}" if code else ""


def _listen(pipe: int, end: float) -> tuple[bytes, bool]:
    """Return what arrived through the pipe, and whether the time was up before it was closed."""
    received = bytearray()
    with selectors.DefaultSelector() as selector, os.fdopen(pipe, "rb", buffering=0) as stream:
        selector.register(stream, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0:
            if not selector.select(left):
                continue
            chunk = stream.read(_CHUNK)
            if not chunk:
                return bytes(received), False
            received += chunk
    return bytes(received), True


def _reap(pid: int, killed: bool) -> int:
    """Return the exit code; a killed child is waited for only briefly, since it may hang where SIGKILL has to wait."""
    if not killed:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    handle = os.pidfd_open(pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(handle, selectors.EVENT_READ)
            selector.select(GRACE)
        os.waitpid(pid, os.WNOHANG)
    finally:
        os.close(handle)
    return -signal.SIGKILL


def _live(work: t.Callable[[], t.Iterator[t.Any]], uid: int | None, seconds: float, pipe: int) -> None:
    # Should the parent be killed, this ends the child nevertheless.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + 2 * GRACE)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with os.fdopen(pipe, "w", encoding="utf-8") as out:
        try:
            become(uid)
            for value in work():
                out.write(json.dumps({"value": value}) + "\n")
                out.flush()  # what is known must survive the end of this process
        except Exception as error:
            # The parent turns it into a finding: nothing that data can hold may end a whole review.
            problem = str(error) if isinstance(error, ApartError) else f"{type(error).__name__}: {error}"
            out.write(json.dumps({"problem": " ".join(problem.split())[:500]}) + "\n")


def become(uid: int | None) -> None:
    """Turn this process into a user for good; only root can, anybody else works with his own rights."""
    if uid is None or os.geteuid() == uid or os.geteuid() != 0:
        return
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        # A number without an account has no groups either.
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
        return
    os.initgroups(entry.pw_name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(uid)
    os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)


def uid_of(user: str) -> int:
    """Return a user's number; raises ApartError."""
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError as error:
        raise ApartError(f"there is no user {user!r} on this host") from error
