# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running checks: at the same time, in time, each attempt in a process that can be ended."""

from __future__ import annotations

import os
import pwd
import signal
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.base.options import option
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.check import Check, ProbeError
from ansible.module_utils.upkeep.health_check.kinds import load

from tests.unit.module_utils.health_check.checks import judged
from tests.unit.module_utils.health_check.servers import answering, hung, trickling

Listen = Callable[..., int]
Behave = Callable[..., None]


@pytest.fixture
def behave(monkeypatch: pytest.MonkeyPatch) -> Behave:
    """Return a function that makes the kind ``load`` do something else; the child inherits it."""

    def set_probe(probe: Callable[[Check, Deadline], Iterator[Finding]], **changes: t.Any) -> None:
        monkeypatch.setattr(load, "KIND", load.KIND._replace(probe=probe, **changes))

    return set_probe


def no_children_left() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def test_hung_services_cost_one_time_out_in_all(listen: Listen) -> None:
    slow_head, port = listen(trickling(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")), listen(hung)
    raw = [
        {"name": f"n{i}", "kind": "http", "url": f"http://127.0.0.1:{port}/", "timeout": 2}
        for i in range(10)
    ]
    raw += [
        {"name": f"s{i}", "kind": "http", "url": f"http://127.0.0.1:{slow_head}/", "timeout": 2}
        for i in range(5)
    ]
    raw += [{"name": "good", "kind": "http", "url": f"http://127.0.0.1:{listen(answering(b''))}/"}]
    started = time.monotonic()
    found = judged(raw)

    assert time.monotonic() - started < 15, "one after the other they would take 30 s"
    assert [finding["status"] for finding in found.values()] == ["critical"] * 15 + ["ok"]
    assert list(found) == [f"http:{check['name']}" for check in raw], (
        "findings come in the order of the checks"
    )
    assert no_children_left()


def test_a_child_stuck_in_c_code_is_ended(behave: Behave) -> None:
    def stuck(_check: Check, _deadline: Deadline) -> Iterator[Finding]:
        signal.pthread_sigmask(
            signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}
        )
        time.sleep(60)
        yield {}

    behave(stuck)
    started = time.monotonic()
    found = judged([{"name": "x", "kind": "load", "timeout": 0.2}])["load:x"]

    assert time.monotonic() - started < 20
    assert (found["status"], found["message"]) == ("unknown", "could not be observed within 0.2 s")


@pytest.mark.parametrize(
    ("crash", "words"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal 9"),
        (lambda: os._exit(3), "exit code 3"),
        (lambda: {}["gone"], "KeyError"),
    ],
)
def test_a_probe_that_breaks_is_unknown_and_harms_no_other(
    behave: Behave, crash: Callable[[], object], words: str
) -> None:
    def broken(check: Check, _deadline: Deadline) -> Iterator[Finding]:
        yield check.finding("ok", "half", aspect="half")
        crash()

    behave(broken)
    found = judged([{"name": "x", "kind": "load"}, {"name": "m", "kind": "memory", "warning": 100}])

    assert (found["load:x"]["status"], found["memory:m"]["status"]) == ("unknown", "ok")
    assert words in found["load:x"]["message"]
    assert found["load:x.half"]["status"] == "ok", "what was seen before is kept"


def test_the_limit_for_all_makes_the_rest_unknown(listen: Listen) -> None:
    port = listen(hung)
    raw = [
        {"name": f"n{i}", "kind": "http", "url": f"http://127.0.0.1:{port}/", "timeout": 3}
        for i in range(3)
    ]
    raw[2]["latency"] = {"warning_ms": 5}
    started = time.monotonic()
    found = judged(raw, timeout=4, workers=1)

    assert time.monotonic() - started < 8.5, "without the limit they would take 9 s"
    assert found["http:n0"]["status"] == "critical"

    for name in ("http:n1", "http:n2", "http:n2.latency"):
        assert found[name]["status"] == "unknown", (
            "it never had its full time: its service is not to blame"
        )

    assert "limit of 4 s" in found["http:n1"]["message"]
    assert no_children_left()


def test_time_out_as_long_as_the_limit_for_all_is_still_a_verdict(listen: Listen) -> None:
    raw = [
        {"name": "x", "kind": "tcp", "port": listen(hung)},
        {"name": "h", "kind": "redis", "port": listen(hung), "timeout": 0.6},
    ]
    found = judged(raw, timeout=0.6)

    assert found["redis:h"]["status"] == "critical"


def test_what_depends_on_a_failed_check_is_not_judged(closed_port: int) -> None:
    page = {
        "name": "page",
        "kind": "http",
        "url": f"http://127.0.0.1:{closed_port}/",
        "depends_on": ["api"],
    }
    raw = [
        {**page, "latency": {"warning_ms": 5}},
        {"name": "api", "kind": "tcp", "port": closed_port, "depends_on": ["memory:m"]},
        {"name": "deep", "kind": "load", "depends_on": ["page"]},
        {"name": "m", "kind": "memory", "warning": 100},
    ]
    found = judged(raw)

    assert {name: finding["status"] for name, finding in found.items()} == {
        "http:page": "unknown",
        "http:page.latency": "unknown",
        "tcp:api": "critical",
        "load:deep": "unknown",
        "memory:m": "ok",
    }

    for row in ("http:page", "http:page.latency"):
        # Without a row the answer that was quick before the service went down would be the run's
        # last word on it.
        assert found[row]["message"] == "not judged: tcp:api failed"

    assert found["load:deep"]["message"] == "not judged: http:page failed"


def test_a_slow_answer_does_not_stop_what_depends_on_it(listen: Listen) -> None:
    url = f"http://127.0.0.1:{listen(answering(b''))}/"
    raw = [{"name": "a", "kind": "http", "url": url, "latency": {"critical_ms": 0.0001}}]
    raw += [{"name": "b", "kind": "http", "url": url, "depends_on": ["a"]}]
    found = judged(raw)
    assert [finding["status"] for finding in found.values()] == ["ok", "critical", "ok"]


def test_attempts_go_on_until_one_succeeds(behave: Behave, tmp_path: Path) -> None:
    def third_time_lucky(check: Check, _deadline: Deadline) -> Iterator[Finding]:
        with (tmp_path / "tries").open("a") as tries:
            tries.write("x")
        if (tmp_path / "tries").stat().st_size < 3:
            raise ProbeError("critical", "not yet")
        yield check.finding("ok", "there")

    behave(third_time_lucky)
    raw = [
        {"name": "x", "kind": "load", "attempts": 5, "interval": 0.05},
        {"name": "m", "kind": "memory", "depends_on": ["x"], "warning": 100},
    ]
    found = judged(raw)

    assert (found["load:x"]["status"], found["load:x"]["message"]) == (
        "ok",
        "there (attempt 3 of 5)",
    )
    assert found["memory:m"]["status"] == "ok", "waits for the last attempt of what it depends on"
    assert (tmp_path / "tries").read_text() == "xxx"


def test_the_last_attempt_that_had_its_time_counts_when_all_time_is_over(closed_port: int) -> None:
    raw = [
        {
            "name": "x",
            "kind": "tcp",
            "port": closed_port,
            "attempts": 3,
            "interval": 30,
            "timeout": 3,
        }
    ]

    assert judged(raw, timeout=4)["tcp:x"]["status"] == "critical"


def test_a_warning_is_not_tried_again(behave: Behave, tmp_path: Path) -> None:
    def warns(check: Check, _deadline: Deadline) -> Iterator[Finding]:
        (tmp_path / "tries").open("a").write("x")
        yield check.finding("warning", "full")

    behave(warns)
    judged([{"name": "x", "kind": "load", "attempts": 3}])

    assert (tmp_path / "tries").read_text() == "x"


def test_a_child_can_become_another_user_for_good(
    behave: Behave, monkeypatch: pytest.MonkeyPatch
) -> None:
    def who(check: Check, _deadline: Deadline) -> Iterator[Finding]:
        yield check.finding(
            "ok", f"{os.getresuid()} {os.getresgid()} {os.environ['HOME']}", observed=os.geteuid()
        )

    behave(
        who,
        options={**load.KIND.options, "run_as": option("str", "The account.")},
        run_as=lambda check: check.options["run_as"],
    )
    found = judged([{"name": "x", "kind": "load", "run_as": "nobody"}])["load:x"]
    nobody = pwd.getpwnam("nobody")
    if os.geteuid() == 0:
        uid, gid = nobody.pw_uid, nobody.pw_gid
        assert found["message"] == f"{(uid,) * 3} {(gid,) * 3} {nobody.pw_dir}"
    else:
        assert (found["status"], "cannot act as the user nobody" in found["message"]) == (
            "unknown",
            True,
        )

    found = judged([{"name": "x", "kind": "load", "run_as": "no-such-user"}])["load:x"]

    assert (found["status"], found["message"]) == (
        "unknown",
        "there is no user 'no-such-user' on this host",
    )


def test_what_cannot_be_started_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    found = judged(
        [{"name": "m", "kind": "memory", "warning": 100}, {"name": "t", "kind": "tcp", "port": 1}]
    )
    why = "the probe could not be started: Resource temporarily unavailable"

    assert {(finding["status"], finding["message"]) for finding in found.values()} == {
        ("unknown", why)
    }
