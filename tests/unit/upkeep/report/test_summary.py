# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A record in words: durations, values, headlines."""

from __future__ import annotations

import pytest

from tests.unit.upkeep import run_log as log
from upkeep.report import summary
from upkeep.run import record


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3780, "1 h 3 min"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, text: str):
    assert summary.duration(seconds) == text


@pytest.mark.parametrize(
    ("observed", "unit", "text"),
    [
        (None, "%", ""),
        (True, "", "yes"),
        (False, "", "no"),
        (41.5, "%", "41.5 %"),
        (0, "", "0"),
        ("", "", ""),
    ],
)
def test_values_carry_their_unit(observed: record.rt.Scalar, unit: str, text: str):
    assert summary.with_unit(observed, unit) == text


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        ([], "This run was cut off before its end"),
        ([log.run_finished()], "This run ended without a verdict"),
        ([log.verdict(), log.run_finished()], "Everything is in order"),
        (
            [log.seen("a", "warning", "m"), log.verdict(), log.run_finished()],
            "Passed, 1 finding to look at",
        ),
        (
            [log.verdict("findings", failing=["a", "b"]), log.run_finished()],
            "2 findings need action",
        ),
        (
            [log.task("a", "s", "", "T", "failed"), log.verdict("failed"), log.run_finished()],
            "1 task failed",
        ),
        (
            [log.verdict("unreachable", missing_hosts=["a", "b"]), log.run_finished()],
            "2 hosts did not answer",
        ),
    ],
)
def test_the_headline_says_the_outcome_in_words(tail: list[log.Event], words: str):
    assert summary.headline(record.fold([log.run_started(), *tail])) == words
