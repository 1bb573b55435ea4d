# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the event log says about a task."""

from __future__ import annotations

import pytest

from upkeep.task_event import failure_message, remote_runs, short_diff


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
def test_remote_runs(action: str, delegate: str | None, outcome: dict[str, object], runs: int) -> None:
    assert remote_runs(action, delegate, outcome) == runs


def test_messages_prefer_the_modules_words_and_stay_short() -> None:
    assert failure_message({"msg": "why", "stderr": "noise"}) == "why"
    assert failure_message({"censored": "hidden"}) == "hidden"
    assert failure_message({}) == "no message"
    assert len(failure_message({"msg": "x" * 1_000_000})) == 4_000


def test_diffs_of_all_shapes() -> None:
    assert short_diff(None) == ""
    assert short_diff({"prepared": "+ a"}) == "+ a"
    text = short_diff([{"before": "a\n", "after": "b\n", "before_header": "old"}, {"prepared": "c"}])
    assert "--- old" in text
    assert "-a" in text
    assert text.endswith("c")
