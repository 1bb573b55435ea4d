# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the event log says about a task."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from upkeep.run.ssh_hints import advice
from upkeep.run.task_event import failure_message, recorded, remote_runs, short_diff


@pytest.mark.parametrize(
    ("action", "delegate", "outcome", "runs"),
    [
        ("command", None, {}, 1),
        ("set_fact", None, {}, 0),
        ("command", "localhost", {}, 0),
        ("copy", None, {"results": [{}, {}, {}], "msg": "All items completed"}, 3),
        ("command", None, {"results": [1, 2]}, 1),
    ],
)
def test_remote_runs(
    action: str, delegate: str | None, outcome: dict[str, object], runs: int
) -> None:
    assert remote_runs(action, delegate, outcome) == runs


def test_messages_prefer_the_modules_words_and_stay_short() -> None:
    assert failure_message({"msg": "why", "stderr": "noise"}) == "why"
    assert failure_message({"censored": "hidden"}) == "hidden"
    assert failure_message({}) == "no message"
    assert len(failure_message({"msg": "x" * 1_000_000})) == 4_000


def test_diffs_of_all_shapes() -> None:
    assert short_diff(None) == ""
    assert short_diff({"prepared": "+ a"}) == "+ a"

    text = short_diff(
        [{"before": "a\n", "after": "b\n", "before_header": "old"}, {"prepared": "c"}]
    )

    assert "--- old" in text
    assert "-a" in text
    assert text.endswith("c")


@pytest.mark.parametrize(
    ("said", "todo"),
    [
        (
            "The module interpreter '/usr/bin/python3' was not found. Consider overriding",
            "install python3 on the host",
        ),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused", "ansible_port"),
        ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", "firewall"),
        ("ssh: Could not resolve hostname nowhere: Name or service not known", "ansible_host"),
        ("upkeep@192.0.2.1: Permission denied (publickey).", "ansible_ssh_private_key_file"),
        (
            "@@@ REMOTE HOST IDENTIFICATION HAS CHANGED! @@@ Host key verification failed.",
            "known_hosts",
        ),
        ("Task failed: Missing sudo password", "--ask-become-pass"),
        ("sudo: a password is required", "--ask-become-pass"),
    ],
)
def test_a_failure_of_the_host_itself_says_what_to_do(said: str, todo: str) -> None:
    message = failure_message({"msg": said})
    assert message.startswith(f"{said} [To do: ")
    assert todo in message


def test_a_failure_of_a_module_needs_no_more_words() -> None:
    assert failure_message({"msg": "no such table: runs"}) == "no such table: runs"


def spent(call: Callable[[], object]) -> float:
    """Return the seconds of CPU that a call takes."""
    begun = time.process_time()
    call()

    return time.process_time() - begun


@pytest.mark.parametrize("unit", ["Timeout", "Permission denied (", "module interpreter '", "\x1b"])
def test_hostile_messages_cost_no_time(unit: str) -> None:
    """They are searched in the controller's main process, while all hosts wait."""
    text = unit * (8_000_000 // len(unit))

    assert spent(lambda: failure_message({"msg": text})) < 2
    assert spent(lambda: advice(text)) < 2


def test_hostile_diffs_cost_no_time() -> None:
    before = "".join(f"{number}\n" for number in range(500_000))
    after = "".join(f"{number}\n" for number in reversed(range(500_000)))
    huge = {"before": before, "after": after, "before_header": before}

    assert spent(lambda: short_diff([huge] * 50)) < 10
    assert len(short_diff([huge] * 50)) <= 8_000


def test_what_a_host_says_is_safe_to_print() -> None:
    assert "\x1b" not in failure_message({"msg": "\x1b]0;title\x07"})
    assert "\x1b" not in short_diff({"before": "", "after": "\x1b[2K\n"})


def test_only_our_own_actions_record() -> None:
    found = {"upkeep_recorded": [{"check": "unit:a"}]}

    def result(action: str) -> Any:
        return SimpleNamespace(task=SimpleNamespace(action=action), result=found)

    assert recorded(result("record_findings")) == found["upkeep_recorded"]
    assert recorded(result("ansible.legacy.preflight")) == found["upkeep_recorded"]
    assert recorded(result("ansible.builtin.command")) == []
    assert recorded(result("somebody.collection.record_findings")) == []
