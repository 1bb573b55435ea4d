# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Attempts that share a process: one that hangs, or ends it, spoils no verdict of another."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import isolated
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import workers
from ansible.module_utils.upkeep.health_check.check import Check
from ansible.module_utils.upkeep.health_check.kind import always
from ansible.module_utils.upkeep.health_check.kinds import KINDS, load
from ansible.module_utils.upkeep.health_check.settings import parse_checks

from tests.unit.module_utils.health_check.checks import judged, parse
from tests.unit.module_utils.health_check.servers import answering, hung

Listen = Callable[..., int]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[isolated.Child]:
    """Return the list of processes that are started from now on."""
    children: list[isolated.Child] = []
    start = isolated.start

    def starting(*arguments: t.Any) -> isolated.Child:
        children.append(start(*arguments))
        return children[-1]

    monkeypatch.setattr(isolated, "start", starting)

    return children


def pages(port: int, count: int, **options: t.Any) -> list[dict[str, t.Any]]:
    return [
        {"name": f"n{i}", "kind": "http", "url": f"http://127.0.0.1:{port}/{i}", **options}
        for i in range(count)
    ]


def test_what_only_waits_shares_one_process(listen: Listen, started: list[isolated.Child]) -> None:
    port = listen(answering(b"{}"))
    raw = [
        *pages(port, 20),
        {"name": "t", "kind": "tcp", "port": port},
        {"name": "d", "kind": "dns", "host": "localhost"},
    ]

    assert {found["status"] for found in judged(raw, workers=5).values()} == {"ok"}
    assert len(started) == 1


@pytest.mark.parametrize(
    "options",
    [{"body_regex": "."}, {"json": [{"path": "a", "matches": "b"}]}, {"max_body": 2**21}],
    ids=["pattern", "condition", "large"],
)
def test_what_may_keep_the_interpreter_busy_does_not(options: dict[str, t.Any]) -> None:
    raw = {"name": "x", "kind": "http", "url": "http://127.0.0.1/"}
    assert KINDS["http"].only_waits(parse(raw))
    assert not KINDS["http"].only_waits(parse({**raw, **options}))


def test_a_pattern_that_never_ends_keeps_nobody_from_an_answer(listen: Listen) -> None:
    """A hostile answer to a careless pattern: 2**40 steps without another thread running."""
    slow = {"name": "slow", "kind": "http", "body_regex": "(a+)+$", "timeout": 2.0}
    raw = [{**slow, "url": f"http://127.0.0.1:{listen(answering(b'a' * 40 + b'!'))}/"}]
    raw += pages(listen(answering(b"")), 5, timeout=20)
    began = time.monotonic()
    found = judged(raw)

    assert time.monotonic() - began < 60
    assert [finding["status"] for finding in found.values()] == ["critical"] + ["ok"] * 5


def test_a_resolver_that_hangs_costs_its_own_check_only(
    listen: Listen, monkeypatch: pytest.MonkeyPatch, started: list[isolated.Child]
) -> None:
    """No time-out of a socket reaches a resolver: its thread is left, and ends with the process."""
    resolve = socket.getaddrinfo

    def stuck(host: str, *rest: t.Any, **options: t.Any) -> t.Any:
        if host == "stuck.example.org":
            threading.Event().wait()
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    name = "stuck.example.org"
    raw = [
        {
            "name": "page",
            "kind": "http",
            "url": f"http://{name}/",
            "timeout": 0.3,
            "attempts": 2,
            "interval": 0,
        },
        {"name": "port", "kind": "tcp", "host": name, "port": 80, "timeout": 0.3},
        {"name": "name", "kind": "dns", "host": name, "timeout": 0.3},
        *pages(listen(answering(b"")), 3, depends_on=[]),
    ]
    began = time.monotonic()
    found = judged(raw, workers=2)

    assert time.monotonic() - began < 60
    assert [finding["status"] for finding in found.values()] == ["critical"] * 3 + ["ok"] * 3
    assert "no complete answer within 0.3 s" in found["http:page"]["message"]
    assert len(started) == 1
    assert is_gone(started[0].pid)


def is_gone(pid: int) -> bool:
    """Return whether a killed process is gone; a busy machine takes a while to end one."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        try:
            ended, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return True
        if ended:
            return True
        time.sleep(0.05)

    return False


Behave = Callable[[Callable[[], object]], None]


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> Behave:
    """Return a function that makes the kind ``load`` share the process and do something there."""

    def set_work(work: Callable[[], object]) -> None:
        def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
            work()
            yield check.finding("ok", "there")

        monkeypatch.setattr(load, "KIND", load.KIND._replace(probe=probe, only_waits=always))

    return set_work


def test_when_the_process_ends_nobody_knows(behave: Behave, listen: Listen) -> None:
    behave(lambda: os.kill(os.getpid(), signal.SIGKILL))
    port = listen(hung)
    raw = [
        *pages(port, 2),
        {"name": "x", "kind": "load"},
        {"name": "m", "kind": "memory", "warning": 100},
    ]
    found = judged(raw)

    assert {finding["status"] for name, finding in found.items() if name != "memory:m"} == {
        "unknown"
    }
    assert {finding["message"] for name, finding in found.items() if name != "memory:m"} == {
        "the probe ended with signal 9"
    }
    assert found["memory:m"]["status"] == "ok"


def test_the_next_attempt_gets_another_process(
    behave: Behave, tmp_path: Path, started: list[isolated.Child]
) -> None:
    def once() -> None:
        try:
            (tmp_path / "tried").touch(exist_ok=False)
        except FileExistsError:
            return
        os._exit(4)

    behave(once)
    found = judged([{"name": "x", "kind": "load", "attempts": 2, "interval": 0}])["load:x"]

    assert (found["status"], found["message"]) == ("ok", "there (attempt 2 of 2)")
    assert len(started) == 2


def test_an_order_to_a_process_that_has_ended_is_told(
    behave: Behave, started: list[isolated.Child]
) -> None:
    behave(lambda: None)
    (check,) = parse_checks([{"name": "x", "kind": "load"}])
    pool = workers.WorkerPool([check])
    first = pool.start(check)
    os.kill(started[0].pid, signal.SIGKILL)
    os.waitid(os.P_PID, started[0].pid, os.WEXITED | os.WNOWAIT)
    second = pool.start(check)
    events = list(pool.listen(10))
    while events[-1].output is not None:
        events += pool.listen(10)

    assert {
        event.ticket for event in events if event.problem == "the probe ended with signal 9"
    } >= {second}
    assert {event.ticket for event in events if event.output is None} == {first, second}

    pool.close()


def test_without_threads_nobody_knows(behave: Behave, monkeypatch: pytest.MonkeyPatch) -> None:
    behave(lambda: None)
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if "_attempt" in thread.name:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    found = judged([{"name": "x", "kind": "load"}])["load:x"]

    assert (found["status"], found["message"]) == (
        "unknown",
        "the probe was not started: can't start new thread",
    )


@pytest.mark.parametrize("shared", [False, True])
def test_an_attempt_does_not_obey_the_environment(
    monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """Drivers would go to the broker, server or resolver that it names."""
    names = ("CELERY_BROKER_URL", "PGHOST", "HOSTALIASES", "SSL_CERT_FILE")
    for name in names:
        monkeypatch.setenv(name, "/elsewhere")

    def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
        left = [name for name in names if name in os.environ]
        yield check.finding("ok", "seen", observed=", ".join(left) + os.environ["PATH"][:1])

    kind = load.KIND._replace(probe=probe, only_waits=lambda _check: shared)
    monkeypatch.setattr(load, "KIND", kind)

    found = judged([{"name": "x", "kind": "load"}])["load:x"]

    assert found["observed"] == "/"
    assert os.environ["PGHOST"] == "/elsewhere", "only the attempt has lost it"
