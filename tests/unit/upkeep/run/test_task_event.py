# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the event log says about a task."""

from __future__ import annotations

import pytest

from upkeep.run.task_event import failure_message, remote_runs, short_diff


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
