# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work in a process of its own: with the rights of whom the data belong to, and ended when its time is up.

A process, unlike a thread, can be ended whatever it hangs in (a resolver, a driver's C code, a dead
mount), and can turn into another user for good. It holds none of our streams, so that even one that
the kernel cannot end does not keep the connection to this host open, and it ends together with the
module.

``run`` waits for one piece of work. Who listens to several at once takes ``start`` and the Child it
returns. Only a process without threads may start one. What a piece of work starts in turn is its
own to end: here only the one process is (app_tests/supervising.py stands on this, and does the
rest).
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import pwd
import select
import signal
import time
import typing as t
from dataclasses import dataclass

#: Seconds that work may take beyond its time to say itself what was too slow, and a killed process
#: to be gone.
GRACE: t.Final = 2.0
_CHUNK: t.Final = 1 << 16
_PR_SET_PDEATHSIG: t.Final = 1
_LIBRARY: t.Final = ctypes.CDLL(None, use_errno=True)

Work = t.Callable[[], t.Iterable[t.Any]]


class ApartError(Exception):
    """The work could not be done or finished; the message says why."""


class Owner(t.NamedTuple):
    """Whom a file belongs to; the numbers need no account."""

    uid: int
    gid: int


#: Whom a process turns into: a user by name, the owner of a file, or nobody else.
Whom = str | Owner | None


@dataclass
class Child:
    """A process that works apart.

    ``problem`` is why its work stopped early, '' when it did not or has not yet.
    """

    pid: int
    pipe: int
    problem: str = ""
    _rest: bytes = b""

    def take(self) -> list[t.Any] | None:
        """Return the values that came since the last time, None once there will be no more.

        Waits when there are none.

        A value that was being written when the process ended is none.
        """
        chunk = os.read(self.pipe, _CHUNK)
        if not chunk:
            return None

        *lines, self._rest = (self._rest + chunk).split(b"\n")
        answers = [json.loads(line) for line in lines]
        self.problem = next(
            (answer["problem"] for answer in answers if "problem" in answer), self.problem
        )

        return [answer["value"] for answer in answers if "value" in answer]

    def end(self, patience: float = 0.0, grace: float = GRACE) -> int:
        """Give it ``patience`` seconds to end, then kill it.

        Return its exit code, or minus the signal that ended it.

        A killed process is waited for only for ``grace`` seconds, since it may hang where even
        SIGKILL has to wait.
        """
        os.close(self.pipe)
        handle = os.pidfd_open(self.pid)

        try:
            if not _readable(handle, patience):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                if not _readable(handle, grace):
                    return -signal.SIGKILL
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        finally:
            os.close(handle)


def run(
    work: Work, seconds: float, whom: Whom = None, grace: float = GRACE
) -> tuple[list[t.Any], str]:
    """Return what the work yielded (JSON values) and why it stopped early ('' when it did not).

    What takes more than ``seconds`` and ``grace`` is killed, and what it yielded until then is
    returned.
    """
    child = start(work, whom)
    values: list[t.Any] = []
    give_up = time.monotonic() + seconds + grace

    while (left := give_up - time.monotonic()) > 0:
        said = child.take() if _readable(child.pipe, left) else []
        if said is None:
            code = child.end(max(left, grace))
            return values, child.problem or (f"its process ended with {code}" if code else "")

        values += said

    child.end()

    return values, f"it took more than {seconds:g} s and was ended"


def start(work: Work, whom: Whom = None) -> Child:
    """Start to work as somebody; whatever goes wrong in there shows in the Child."""
    parent = os.getpid()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read_end)
            _live(work, whom, parent, write_end)
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's clean-up belongs to the child

    os.close(write_end)

    return Child(pid, read_end)


def end_with(parent: int, number: signal.Signals) -> None:
    """Have this process, a child of ``parent``, sent a signal as soon as that one ends.

    Raises ApartError.
    """
    if _LIBRARY.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0):
        raise ApartError(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        raise ApartError("the process that asked for it has ended")


def account_of(user: str) -> pwd.struct_passwd:
    """Return a user's entry; raises ApartError."""
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise ApartError(f"there is no user {user!r} on this host") from error


def program_rights(account: pwd.struct_passwd) -> dict[str, t.Any]:
    """Return the arguments of Popen that give a program a user's rights and groups.

    None when we are that user.
    """
    if os.geteuid() == account.pw_uid:
        return {}
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def _live(work: Work, whom: Whom, parent: int, pipe: int) -> None:
    gc.freeze()  # nothing of the parent's is ever garbage here, and looking at it would copy its memory
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)

    with os.fdopen(pipe, "w", encoding="ascii") as out:
        try:
            end_with(parent, signal.SIGKILL)  # looking up a user may take its time already
            if whom is not None:
                _become(whom)
                end_with(parent, signal.SIGKILL)  # a change of rights takes it back

            for value in work():
                out.write(json.dumps({"value": value}) + "\n")
                out.flush()  # what is known must survive the end of this process
        except Exception as error:
            # The parent turns it into a finding: nothing that data can hold may end a whole review.
            problem = (
                str(error) if isinstance(error, ApartError) else f"{type(error).__name__}: {error}"
            )
            out.write(json.dumps({"problem": " ".join(problem.split())[:500]}) + "\n")


def _become(whom: str | Owner) -> None:
    """Turn this process into somebody for good; raises ApartError."""
    entry = account_of(whom) if isinstance(whom, str) else _account_with(whom.uid)
    uid, gid = (entry.pw_uid, entry.pw_gid) if entry else t.cast(Owner, whom)
    try:
        if os.geteuid() != uid:
            # A number without an account has no groups either.
            os.setgroups(os.getgrouplist(entry.pw_name, gid) if entry else [])
            os.setgid(gid)
            os.setuid(uid)
    except PermissionError as error:
        name = entry.pw_name if entry else uid
        raise ApartError(f"cannot act as the user {name}: {error.strerror}") from error

    if entry:
        os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)


def _account_with(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _readable(descriptor: int, seconds: float) -> bool:
    """Return whether there is something to read, or the other side has ended, before the time is up."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(max(seconds, 0) * 1000))
