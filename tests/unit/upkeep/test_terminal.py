# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The terminal table: what matters, in words, within the width, coloured only when wanted."""

from __future__ import annotations

import io
import re

import pytest

from tests.unit.upkeep import run_log as log
from upkeep.report import summary as terminal
from upkeep.run import record

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def troubled() -> record.rt.Record:
    """Return a run with everything that can go wrong in it."""
    events = log.weekly()
    worst = log.seen(
        "unit:x", "critical", "Down: see the journal.", observed="failed", expected="active"
    )
    failed = log.task(
        "fairedge", "fairedge", "lock", "Take the lock", "failed", message="held by\nsomebody else"
    )
    said = log.verdict(
        "findings", failing=[worst["finding"]["fingerprint"]], missing_hosts=["hyperopt-api1"]
    )

    return record.fold([*events[:-2], worst, failed, said, log.run_finished()])


def test_the_whole_table_of_a_quiet_run():
    assert terminal.table(record.fold(log.weekly()), colour=False, width=100) == (
        f"playbooks/weekly.yml  {log.RUN_ID}  2026-03-01T04:00:00.000Z  1 min 0 s\n"
        "\n"
        "system    health_check\n"
        "fairedge  ok\n"
        "hyperopt  info (1 acknowledged)\n"
        "\n"
        "WARNING  hyperopt/hyperopt-db  database:hyperopt.vacuum\n"
        "    observed 9 days, expected at most 7 days\n"
        "    Vacuum is late.\n"
        "    Acknowledged by on-call until 2026-12-31: bigger disk is ordered\n"
        "\n"
        "Outcome: ok. Passed, 1 acknowledged finding (3 checks, 1 task changed, 2 hosts).\n"
    )


@pytest.mark.requirement("R-racing-04")
def test_the_report_has_a_title_a_date_and_an_end_mark():
    assert terminal.report(record.fold(log.weekly())) == (
        "Upkeep report of 2026-03-01 04:00 UTC\n"
        "\n"
        f"playbooks/weekly.yml  {log.RUN_ID}  2026-03-01T04:00:00.000Z  1 min 0 s\n"
        "\n"
        "system    health_check\n"
        "fairedge  ok\n"
        "hyperopt  info (1 acknowledged)\n"
        "\n"
        "Not listed here: 3 checks, fine, informing or acknowledged. The page report.html has all.\n"
        "\n"
        "Outcome: ok. Passed, 1 acknowledged finding (3 checks, 1 task changed, 2 hosts).\n"
        "\n"
        f"End of the report on {log.RUN_ID}.\n"
    )

    text = terminal.report(troubled())

    assert (
        text.index("CRITICAL  fairedge/fairedge  unit:x")
        < text.index("MISSING  hyperopt-api1")
        < text.index("End of")
    )
    assert terminal.report(record.fold([])).startswith("Upkeep report of an unknown time\n")


def test_trouble_is_listed_worst_first_and_the_outcome_closes():
    text = terminal.table(troubled(), colour=False, width=120)
    parts = (
        "CRITICAL  fairedge/fairedge  unit:x",
        "WARNING  ",
        "FAILED  fairedge",
        "MISSING  hyperopt-api1",
        "Outcome: ",
    )

    assert sorted(parts, key=text.index) == list(parts)
    assert "Take the lock: held by somebody else" in text
    assert text.splitlines()[-1].startswith("Outcome: findings. 1 finding needs action")


@pytest.mark.parametrize("width", [1, 40, 60, 80, 200])
def test_no_line_is_wider_than_asked(width: int):
    text = terminal.table(troubled(), colour=False, width=width)
    assert max(map(len, text.splitlines())) <= max(width, terminal.NARROWEST)


def test_many_areas_become_one_line_each_when_the_table_would_be_too_wide():
    looks = [log.seen("unit:x", area=f"area_number_{number}") for number in range(9)]
    text = terminal.table(record.fold(looks), colour=False, width=80)
    assert "fairedge  area_number_3  ok" in text.splitlines()


def test_colour_changes_nothing_but_colour():
    plain, coloured = (
        terminal.table(troubled(), colour=colour, width=90) for colour in (False, True)
    )

    assert ESCAPE.search(plain) is None
    assert ESCAPE.sub("", coloured) == plain
    assert len(ESCAPE.findall(coloured)) > 6


def test_a_log_cannot_steer_the_terminal():
    hostile = log.seen("unit:x", "critical", "x")
    hostile["finding"].update(check="a\x1b[2J\nb", message="\x1b]0;title\x07\rgone", host="h\n\nh")
    text = terminal.table(record.fold([hostile]), colour=False, width=80)
    assert not set(text) & set("\x1b\x07\r")
    assert "fairedge/h h" in text


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(environment: dict[str, str], wanted: bool):
    assert terminal.colour_wanted(Terminal(), environment) is wanted
    assert terminal.colour_wanted(io.StringIO(), environment) is False


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
    assert terminal.duration(seconds) == text


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
    assert terminal.value(observed, unit) == text


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
    assert terminal.headline(record.fold([log.run_started(), *tail])) == words


def test_check_mode_is_said_twice():
    text = terminal.table(
        record.fold([log.run_started(check=True), *log.weekly()[1:]]), colour=False, width=120
    )
    assert "CHECK MODE: nothing was changed" in text.splitlines()
    assert "1 task would change" in text
