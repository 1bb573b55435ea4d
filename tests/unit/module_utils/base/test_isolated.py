# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Isolated work: what it yielded is kept, what hangs is ended, and rights are given up for good."""

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
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.files import Owner
from ansible.module_utils.upkeep.base.isolated import Child, IsolatedError
from ansible.module_utils.upkeep.base.processes import ResourceLimits

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
    values, problem = isolated.run(endless, 1, grace=0.5)

    assert problem == "it took more than 1 s and was ended"
    assert len(values) >= least
    assert time.monotonic() - began < 5
    assert nothing_is_left()


def test_a_process_that_says_no_more_and_does_not_end_is_ended() -> None:
    def closing() -> Iterator[t.Any]:
        yield 1
        os.closerange(3, 100)
        threading.Event().wait()

    # More time than it takes to start a process on a busy machine; all of it goes by.
    assert isolated.run(closing, 5, grace=1) == (
        [1],
        f"its process ended with {-signal.SIGKILL}",
    )
    assert nothing_is_left()


def test_an_error_is_said_on_one_line() -> None:
    def fail() -> None:
        raise IsolatedError("not\nthere")

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
@pytest.mark.parametrize("run_as", ["nobody", Owner(61234, 61235)])
def test_rights_are_given_up_for_good(run_as: isolated.RunAs) -> None:
    def rights() -> Iterator[t.Any]:
        yield [os.getresuid(), os.getresgid(), os.getgroups()]
        try:
            os.setuid(0)
        except PermissionError:
            yield "no way back"

    uid, gid = (
        isolated.account_of(run_as)[2:4] if isinstance(run_as, str) else t.cast(Owner, run_as)
    )
    (ids, answer), problem = isolated.run(rights, 10, run_as)

    assert (ids[:2], answer, problem) == ([[uid] * 3, [gid] * 3], "no way back", "")
    assert ids[2] == (os.getgrouplist(run_as, gid) if isinstance(run_as, str) else []), (
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


def starting_a_grandchild(marker: Path) -> Iterator[t.Any]:
    process = subprocess.Popen(["sleep", "300"])
    marker.write_text(str(process.pid))
    yield process.pid
    threading.Event().wait()


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    (pid,), problem = isolated.run(lambda: starting_a_grandchild(tmp_path / "pid"), 0.5, grace=0.1)

    assert "was ended" in problem
    assert_ended(pid)


def test_what_it_left_behind_ends_with_it() -> None:
    def leaving() -> Iterator[t.Any]:
        yield subprocess.Popen(["sleep", "300"]).pid

    (pid,), problem = isolated.run(leaving, 10)

    assert problem == ""
    assert_ended(pid)


def assert_ended(pid: int) -> None:
    give_up = time.monotonic() + 10
    while runs(Path(f"/proc/{pid}/exe")):
        assert time.monotonic() < give_up, f"process {pid} was left behind"
        time.sleep(0.02)


def test_memory_and_files_are_bounded(tmp_path: Path) -> None:
    limits = ResourceLimits(address_space=1 << 30, file_size=1000)

    def greedy() -> Iterator[t.Any]:
        yield "before"
        yield len(bytes(2 << 30))

    def writing() -> Iterator[t.Any]:
        yield (tmp_path / "file").write_bytes(bytes(2000))

    too_much = isolated.run(greedy, 10, limits=limits)
    too_long = isolated.run(writing, 10, limits=limits)

    assert too_much == (["before"], "it needs more memory than it may use")
    assert too_long == ([], "OSError: [Errno 27] File too large")


def test_an_endless_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MAX_BYTES", 3 << 20)

    _, problem = isolated.run(lambda: iter(lambda: "x" * 100_000, None), 10)

    assert problem == "it returned more than 3 MB"
    assert nothing_is_left()


@pytest.mark.parametrize("answer", [b"[[[\n", b"\xff\n", b"[" * 50_000 + b"\n"])
def test_what_is_not_json_is_a_problem(answer: bytes) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, answer)
    child = Child(0, read_end)

    assert child.take() is None
    assert child.problem == "it returned something that is not JSON"
    os.close(read_end)
    os.close(write_end)


@as_root
def test_another_user_gets_neither_our_files_nor_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    secret = (tmp_path / "secret").open("w")

    def inherited() -> Iterator[t.Any]:
        yield sorted(os.environ)
        paths = [Path(f"/proc/self/fd/{number}") for number in range(100)]
        yield [str(path.readlink()) for path in paths if path.is_symlink()]
        status = Path("/proc/self/status").read_text()
        yield "NoNewPrivs:\t1" in status

    with secret:
        (names, files, no_new_rights), problem = isolated.run(inherited, 10, "nobody")

    assert problem == ""
    assert "DB_PASSWORD" not in names
    assert "HOME" in names
    assert not [name for name in files if "secret" in name]
    assert no_new_rights


class TestRunEach:
    def test_each_has_its_own_outcome(self) -> None:
        def fail() -> None:
            raise IsolatedError("not there")

        works = [work(1, 2), work(3, then=fail), work(), work({"a": None})]

        assert isolated.run_each(works, 10, Deadline(20)) == [
            ([1, 2], ""),
            ([3], "not there"),
            ([], ""),
            ([{"a": None}], ""),
        ]

    def test_one_that_hangs_only_loses_itself(self) -> None:
        works = [work(1), work(2, then=threading.Event().wait), work(3)]

        assert isolated.run_each(works, 3, Deadline(60)) == [
            ([1], ""),
            ([2], "it took more than 3 s and was ended"),
            ([3], ""),
        ]
        assert nothing_is_left()

    def test_one_that_kills_its_process_only_loses_itself(self) -> None:
        works = [work(1), work(2, then=lambda: os._exit(3)), work(3)]

        assert isolated.run_each(works, 10, Deadline(20)) == [
            ([1], ""),
            ([2], "its process ended with 3"),
            ([3], ""),
        ]

    def test_the_deadline_bounds_them_all(self) -> None:
        works = [work(then=threading.Event().wait)] * 50
        began = time.monotonic()

        outcomes = isolated.run_each(works, 10, Deadline(0.5))

        assert len(outcomes) == 50
        assert all(problem for _, problem in outcomes)
        assert outcomes[-1] == ([], "there was no time left of 0.5 s")
        assert time.monotonic() - began < 8
