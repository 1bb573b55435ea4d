# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bounded processes: for work that reads foreign bytes, may hang, or needs another user's rights.

A process, unlike a thread, can be ended whatever it hangs in (a resolver, a driver's C code, a dead
mount), can be bounded in memory, and can become another user for good. It leads a process group,
which is ended with it, holds none of our streams, so that one that the kernel cannot end does not
keep the connection to this host open, and ends together with the module.

``run`` waits for one piece of work, ``run_each`` for several of which none may hold up the others.
To listen to several at once, use ``start`` and the Child it returns. Only a process without threads
may start one.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pwd
import select
import signal
import time
import typing as t
from collections.abc import Sequence
from dataclasses import dataclass

from .deadline import Deadline
from .owner import Owner
from .processes import ResourceLimits, end_with_parent, gain_no_rights

#: Seconds beyond its time for work to report by itself what was too slow, and for a killed process
#: to be gone.
GRACE: t.Final = 2.0
#: More than this is not the answer of any work, bytes.
MAX_BYTES: t.Final = 64 << 20
#: For work that parses foreign bytes.
PARSING: t.Final = ResourceLimits(address_space=1 << 30, file_size=64 << 20)
_CHUNK: t.Final = 1 << 16
_DIED: t.Final = "its process ended with"
_KEPT_VARIABLES: t.Final = ("PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")

Work = t.Callable[[], t.Iterable[t.Any]]
#: Whose rights a process has: a user by name, the owner of a file, or our own.
RunAs = str | Owner | None


class IsolatedError(Exception):
    """The work could not be done or finished; the message says why."""


@dataclass
class Child:
    """An isolated process.

    ``problem`` is why its work stopped early, '' when it did not or has not yet.
    """

    pid: int
    pipe: int
    problem: str = ""
    _rest: bytes = b""
    _received: int = 0

    def take(self) -> list[t.Any] | None:
        """Return the values that came since the last call, None once there will be no more.

        Waits when there are none. A value that was being written when the process ended is dropped.
        """
        chunk = os.read(self.pipe, _CHUNK)
        if not chunk:
            return None

        self._received += len(chunk)
        if self._received > MAX_BYTES:
            self.problem = f"it returned more than {MAX_BYTES >> 20} MB"
            return None

        *lines, self._rest = (self._rest + chunk).split(b"\n")
        try:
            answers = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            self.problem = "it returned something that is not JSON"
            return None

        self.problem = next(
            (answer["problem"] for answer in answers if "problem" in answer), self.problem
        )

        return [answer["value"] for answer in answers if "value" in answer]

    def end(self, patience: float = 0.0, grace: float = GRACE) -> int:
        """Give it ``patience`` seconds to end, then kill it and its process group.

        Return its exit code, or minus the signal that ended it. A killed process is waited for only
        for ``grace`` seconds, since it may hang where even SIGKILL has to wait.
        """
        os.close(self.pipe)
        handle = os.pidfd_open(self.pid)

        try:
            ended = _readable(handle, patience)
            # As long as nobody has waited for it, its number belongs to its group.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            if not ended:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                if not _readable(handle, grace):
                    return -signal.SIGKILL
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        finally:
            os.close(handle)


def run(
    work: Work,
    seconds: float,
    run_as: RunAs = None,
    grace: float = GRACE,
    limits: ResourceLimits | None = None,
) -> tuple[list[t.Any], str]:
    """Return what the work yielded (JSON values) and why it stopped early ('' when it did not).

    Work that takes more than ``seconds`` and ``grace`` is killed; what it yielded until then is
    returned.
    """
    child = start(work, run_as, limits)
    values: list[t.Any] = []
    give_up = time.monotonic() + seconds + grace

    while (left := give_up - time.monotonic()) > 0:
        found = child.take() if _readable(child.pipe, left) else []
        if found is None:
            code = child.end(0.0 if child.problem else max(left, grace))
            return values, child.problem or (f"its process ended with {code}" if code else "")

        values += found

    child.end()

    return values, f"it took more than {seconds:g} s and was ended"


def run_each(
    works: Sequence[Work],
    seconds: float,
    deadline: Deadline,
    run_as: RunAs = None,
    limits: ResourceLimits | None = None,
) -> list[tuple[list[t.Any], str]]:
    """Return for each piece of work what ``run`` returns for it, none of them held up by another.

    One process does them in turn. Work that takes more than ``seconds``, or ends its process, only
    loses itself: the next process goes on after it. ``deadline`` bounds them all.
    """
    outcomes: list[tuple[list[t.Any], str]] = []
    while len(outcomes) < len(works):
        if deadline.is_over():
            outcomes.append(([], f"there was no time left of {deadline.seconds:g} s"))
        else:
            pending = works[len(outcomes) :]
            outcomes += _run_until_one_fails(pending, seconds, deadline, run_as, limits)

    return outcomes


def start(work: Work, run_as: RunAs = None, limits: ResourceLimits | None = None) -> Child:
    """Start work in a process of its own; whatever goes wrong in there shows in the Child.

    With the rights of another user it keeps neither our environment nor our open files.
    """
    parent = os.getpid()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read_end)
            _live(work, run_as, limits or ResourceLimits(), parent, write_end)
            code = 0
        finally:
            os._exit(code)  # nothing of the parent's clean-up belongs to the child

    os.close(write_end)
    with contextlib.suppress(OSError):  # both do it, so it is done whoever comes first
        os.setpgid(pid, pid)

    return Child(pid, read_end)


def end_with(parent: int, number: signal.Signals) -> None:
    """Have this process, a child of ``parent``, sent a signal as soon as that one ends.

    Raises IsolatedError.
    """
    try:
        end_with_parent(parent, number)
    except OSError as error:
        raise IsolatedError(str(error.strerror or error)) from error


def account_of(user: str) -> pwd.struct_passwd:
    """Return a user's entry; raises IsolatedError."""
    try:
        return pwd.getpwnam(user)
    except KeyError as error:
        raise IsolatedError(f"there is no user {user!r} on this host") from error


def program_rights(account: pwd.struct_passwd) -> dict[str, t.Any]:
    """Return the arguments of Popen that give a program a user's rights and groups.

    None when we are that user.
    """
    if os.geteuid() == account.pw_uid:
        return {}
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def _run_until_one_fails(
    works: Sequence[Work],
    seconds: float,
    deadline: Deadline,
    run_as: RunAs,
    limits: ResourceLimits | None,
) -> list[tuple[list[t.Any], str]]:
    """Return the outcomes up to the first work that did not end by itself, that one included."""

    def in_turn() -> t.Iterator[t.Any]:
        for number, work in enumerate(works):
            try:
                for value in work():
                    yield number, value, None
                yield number, None, ""
            except Exception as error:
                yield number, None, _problem(error)

    child = start(in_turn, run_as, limits)
    outcomes: list[tuple[list[t.Any], str]] = []
    values: list[list[t.Any]] = [[] for _ in works]
    problem = ""

    while len(outcomes) < len(works) and not problem:
        limit = min(seconds, deadline.left)
        problem = _take_until(child, Deadline(limit), values, outcomes, len(outcomes) + 1)

    code = child.end(0.0 if problem and problem != _DIED else GRACE)
    if problem:
        reason = child.problem or (f"{problem} {code}" if problem == _DIED else problem)
        outcomes.append((values[len(outcomes)], reason))

    return outcomes


def _take_until(
    child: Child,
    deadline: Deadline,
    values: list[list[t.Any]],
    outcomes: list[tuple[list[t.Any], str]],
    enough: int,
) -> str:
    """Sort what comes from ``run_each``'s process until so many works ended; return a problem."""
    while len(outcomes) < enough:
        if not _readable(child.pipe, deadline.left):
            return f"it took more than {deadline.seconds:g} s and was ended"
        found = child.take()
        if found is None:
            return _DIED

        for number, value, ended in found:
            if ended is None:
                values[number].append(value)
            else:
                outcomes.append((values[number], ended))

    return ""


def _live(work: Work, run_as: RunAs, limits: ResourceLimits, parent: int, pipe: int) -> None:
    gc.freeze()  # nothing of the parent's is garbage here; looking at it would copy its memory
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)

    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)

    with os.fdopen(pipe, "w", encoding="ascii") as out:
        try:
            end_with(parent, signal.SIGKILL)  # looking up a user may take its time already
            if run_as is not None:
                _become(run_as, pipe)
                end_with(parent, signal.SIGKILL)  # a change of rights takes it back
            limits.apply()

            for value in work():
                out.write(json.dumps({"value": value}) + "\n")
                out.flush()  # what is known must survive the end of this process
        except Exception as error:
            # The parent turns it into a finding: nothing that data can hold may end a whole review.
            out.write(json.dumps({"problem": _problem(error)}) + "\n")


def _problem(error: Exception) -> str:
    """Return an error on one line."""
    if isinstance(error, MemoryError):
        return "it needs more memory than it may use"

    text = str(error) if isinstance(error, IsolatedError) else f"{type(error).__name__}: {error}"

    return " ".join(text.split())[:500]


def _become(run_as: str | Owner, pipe: int) -> None:
    """Turn this process into somebody for good; raises IsolatedError."""
    entry = account_of(run_as) if isinstance(run_as, str) else _account_with(run_as.uid)
    uid, gid = (entry.pw_uid, entry.pw_gid) if entry else t.cast(Owner, run_as)
    try:
        if os.geteuid() != uid:
            # A number without an account has no groups either.
            os.setgroups(os.getgrouplist(entry.pw_name, gid) if entry else [])
            os.setgid(gid)
            os.setuid(uid)
            _keep_nothing(pipe)
    except PermissionError as error:
        name = entry.pw_name if entry else uid
        raise IsolatedError(f"cannot act as the user {name}: {error.strerror}") from error

    if entry:
        os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)


def _keep_nothing(pipe: int) -> None:
    """Give up our environment, our open files and any way to more rights."""
    gain_no_rights()
    for name in [name for name in os.environ if name not in _KEPT_VARIABLES]:
        del os.environ[name]
    os.closerange(3, pipe)
    os.closerange(pipe + 1, os.sysconf("SC_OPEN_MAX") if pipe < (1 << 16) else pipe + 1)


def _account_with(uid: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return None


def _readable(descriptor: int, seconds: float) -> bool:
    """Return whether there is something to read, or the other side ended, before time is up."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(max(seconds, 0) * 1000))
