# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work in a process of its own: what it yielded is kept, what hangs is ended, and rights are given up for good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import isolated
from ansible.module_utils.upkeep.base.isolated import ApartError, Child, Owner

PROJECT: t.Final = Path(__file__).resolve().parents[4]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def work(
    *values: t.Any, then: t.Callable[[], t.Any] = lambda: None
) -> t.Callable[[], Iterator[t.Any]]:
    def yielding() -> Iterator[t.Any]:
        yield from values
        then()

    return yielding


def test_what_was_yielded_comes_back() -> None:
    values = [1, {"a": "line\nbreak \u2028"}, "x" * 200_000]
    assert isolated.run(work(*values), 10) == (values, "")


def forever() -> Iterator[t.Any]:
    while True:
        yield "again"


@pytest.mark.parametrize(
    ("endless", "least"),
    [(work("known", then=threading.Event().wait), 1), (forever, 2)],
    ids=["hangs", "talks"],
)
def test_what_does_not_end_is_ended_and_what_it_said_is_kept(
    endless: isolated.Work, least: int
) -> None:
    began = time.monotonic()
    values, problem = isolated.run(endless, 0.2, grace=0.1)

    assert problem == "it took more than 0.2 s and was ended"
    assert len(values) >= least
    assert time.monotonic() - began < 5
    assert nothing_is_left()


def test_a_process_that_says_no_more_and_does_not_end_is_ended() -> None:
    def closing() -> Iterator[t.Any]:
        yield 1
        os.closerange(3, 100)
        threading.Event().wait()

    assert isolated.run(closing, 0.1, grace=0.1) == (
        [1],
        f"its process ended with {-signal.SIGKILL}",
    )
    assert nothing_is_left()


def test_an_error_is_said_on_one_line() -> None:
    def fail() -> None:
        raise ApartError("not\nthere")

    def crash() -> None:
        raise ValueError("surprise")

    assert isolated.run(work(1, then=fail), 10) == ([1], "not there")
    assert isolated.run(work(1, then=crash), 10) == ([1], "ValueError: surprise")
    assert isolated.run(work({1}), 10) == (
        [],
        "TypeError: Object of type set is not JSON serializable",
    )


def test_a_process_that_dies_is_no_answer() -> None:
    values, problem = isolated.run(work(1, then=lambda: os.kill(os.getpid(), signal.SIGKILL)), 10)
    assert (values, problem) == ([1], f"its process ended with {-signal.SIGKILL}")
    assert isolated.run(work(then=lambda: os._exit(3)), 10) == ([], "its process ended with 3")
    assert nothing_is_left()


def test_it_holds_no_stream_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    (places,), _ = isolated.run(
        lambda: [[str(Path(f"/proc/self/fd/{i}").readlink()) for i in range(3)]], 10
    )

    assert places == [os.devnull] * 3

    isolated.run(work(then=lambda: os.write(1, b"noise")), 10)

    assert capfd.readouterr().out == ""


PARENT: t.Final = """
import sys, upkeep, os, signal, threading
from ansible.module_utils.upkeep.base import isolated
def hang():
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
    yield "hangs"
    threading.Event().wait()
child = isolated.start(hang, sys.argv[1] or None)
assert child.take() == ["hangs"]
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("user", ["", pytest.param("nobody", marks=as_root)])
def test_it_ends_with_the_process_that_started_it(user: str) -> None:
    """As when the connection breaks.

    Also after a change of rights, with which the kernel forgets about it.
    """
    done = subprocess.run(
        [sys.executable, "-c", PARENT, user],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == -signal.SIGKILL, done.stderr

    exe, give_up = Path(f"/proc/{done.stdout.strip()}/exe"), time.monotonic() + 10
    while runs(exe):
        assert time.monotonic() < give_up, "it outlives the module"
        time.sleep(0.02)


def runs(exe: Path) -> bool:
    """Return whether a process still runs.

    One that ended but was not waited for has no program any more.
    """
    try:
        exe.readlink()
    except OSError:
        return False

    return True


def nothing_is_left() -> bool:
    """Return whether this process has no child."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True

    return False


def test_one_child_does_not_keep_another_from_being_heard() -> None:
    hung, quick = isolated.start(threading_wait), isolated.start(work("quick"))
    assert quick.take() == ["quick"]
    assert ending(quick) == 0
    assert hung.end() == -signal.SIGKILL


def threading_wait() -> Iterator[t.Any]:
    yield threading.Event().wait()


def ending(child: Child) -> int:
    """Return the exit code of a child that has said all."""
    assert child.take() is None
    return child.end(10)


@as_root
@pytest.mark.parametrize("whom", ["nobody", Owner(61234, 61235)])
def test_rights_are_given_up_for_good(whom: isolated.Whom) -> None:
    def rights() -> Iterator[t.Any]:
        yield [os.getresuid(), os.getresgid(), os.getgroups()]
        try:
            os.setuid(0)
        except PermissionError:
            yield "no way back"

    uid, gid = isolated.account_of(whom)[2:4] if isinstance(whom, str) else t.cast(Owner, whom)
    (ids, answer), problem = isolated.run(rights, 10, whom)

    assert (ids[:2], answer, problem) == ([[uid] * 3, [gid] * 3], "no way back", "")
    assert ids[2] == (os.getgrouplist(whom, gid) if isinstance(whom, str) else []), (
        "no group of ours is kept"
    )


def test_a_user_that_is_not_there_or_that_we_cannot_be_is_named() -> None:
    assert isolated.run(work(1), 10, "nobody-at-all") == (
        [],
        "there is no user 'nobody-at-all' on this host",
    )

    if os.geteuid() != 0:
        assert isolated.run(work(1), 10, "root") == (
            [],
            "cannot act as the user root: Operation not permitted",
        )
