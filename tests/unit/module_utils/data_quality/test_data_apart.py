# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work in a process of its own: what it yielded is kept, what hangs is ended, and rights are given up for good."""

from __future__ import annotations

import os
import signal
import threading
import time
import typing as t
from collections.abc import Iterator

import pytest
from ansible.module_utils.upkeep.data_quality import apart
from ansible.module_utils.upkeep.data_quality.apart import ApartError, run_apart, uid_of

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def work(*values: t.Any, then: t.Callable[[], t.Any] = lambda: None) -> t.Callable[[], Iterator[t.Any]]:
    def yielding() -> Iterator[t.Any]:
        yield from values
        then()

    return yielding


def test_what_was_yielded_comes_back() -> None:
    values = [1, {"a": "line\nbreak \u2028"}, "x" * 200_000]
    assert run_apart(work(*values), None, 10) == (values, "")


def test_what_hangs_is_ended_and_what_it_said_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "GRACE", 0.2)
    began = time.monotonic()
    values, problem = run_apart(work("known", then=threading.Event().wait), None, 0.2)
    assert (values, problem) == (["known"], "it took more than 0.2 s and was ended")
    assert time.monotonic() - began < 5


def test_an_error_is_said_on_one_line() -> None:
    def fail() -> None:
        raise ApartError("not\nthere")

    def crash() -> None:
        raise ValueError("surprise")

    assert run_apart(work(1, then=fail), None, 10) == ([1], "not there")
    assert run_apart(work(1, then=crash), None, 10) == ([1], "ValueError: surprise")


def test_a_process_that_dies_is_no_answer() -> None:
    values, problem = run_apart(work(1, then=lambda: os.kill(os.getpid(), signal.SIGKILL)), None, 10)
    assert (values, problem) == ([1], f"its process ended with {-signal.SIGKILL}")


def test_its_output_reaches_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    run_apart(work(then=lambda: os.write(1, b"noise")), None, 10)
    assert capfd.readouterr().out == ""


@as_root
def test_rights_are_given_up_for_good() -> None:
    def rights() -> Iterator[t.Any]:
        yield [os.getuid(), os.geteuid(), os.getgid(), sorted(os.getgroups())]
        try:
            os.setuid(0)
        except PermissionError:
            yield "no way back"

    nobody = uid_of("nobody")
    (ids, answer), problem = run_apart(rights, nobody, 10)
    assert (ids[:2], 0 in ids[3], answer, problem) == ([nobody, nobody], False, "no way back", "")
    (ids, answer), problem = run_apart(rights, 61234, 10)
    assert (ids, answer) == ([61234, 61234, 61234, []], "no way back"), (
        "a number without an account keeps no group of ours"
    )


def test_a_user_that_is_not_there_is_named() -> None:
    with pytest.raises(ApartError, match="no user 'nobody-at-all'"):
        uid_of("nobody-at-all")
