# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run as text: roll-up first, then what needs a person, within the width, coloured on demand."""

from __future__ import annotations

import io
import re

import pytest

from tests.unit.upkeep import run_log as log
from upkeep.report import text as plain
from upkeep.report.text import Style
from upkeep.run import record

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def troubled() -> record.rt.RunRecord:
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


TITLE = f"playbooks/weekly.yml  {log.RUN_ID}  2026-03-01 04:00:00  1 min 0 s\n"


def overview(events: list[log.Event], width: int = 100, **options: bool) -> str:
    return plain.overview(record.fold(events), Style(width=width), **options)


def test_a_quiet_run_is_three_lines_and_its_notes_are_counted():
    assert overview(log.weekly()) == (
        f"{TITLE}"
        "\n"
        "Fine everywhere (fairedge, hyperopt): health_check\n"
        "\n"
        "Not listed: 1 acknowledged; `python -m upkeep show --all` lists them.\n"
        "\n"
        "Outcome: ok. Passed, 1 acknowledged finding (3 checks, 1 task changed, 2 hosts).\n"
    )


def test_notes_are_listed_on_request():
    note = log.seen("network:traffic", "info", "No limit is set.")
    text = overview([*log.weekly()[:-2], note, *log.weekly()[-2:]], everything=True)

    assert "INFO  fairedge/fairedge  network:traffic\n    No limit is set.\n" in text
    assert (
        "WARNING  hyperopt/hyperopt-db  database:hyperopt.vacuum\n"
        "    observed 9 days, expected at most 7 days\n"
        "    Vacuum is late.\n"
        "    Acknowledged by on-call until 2026-12-31: bigger disk is ordered\n"
    ) in text
    assert "Not listed" not in text


@pytest.mark.requirement("R-racing-04")
def test_the_report_has_a_title_a_date_and_an_end_mark():
    assert plain.report(record.fold(log.weekly())) == (
        "Upkeep report of 2026-03-01 04:00 UTC\n"
        "\n"
        f"{TITLE}"
        "\n"
        "Fine everywhere (fairedge, hyperopt): health_check\n"
        "\n"
        "Not listed: 1 acknowledged; the page report.html has all.\n"
        "\n"
        "Outcome: ok. Passed, 1 acknowledged finding (3 checks, 1 task changed, 2 hosts).\n"
        "\n"
        f"End of the report on {log.RUN_ID}.\n"
    )

    text = plain.report(troubled())

    assert (
        text.index("CRITICAL  fairedge/fairedge  unit:x")
        < text.index("MISSING  hyperopt-api1")
        < text.index("End of")
    )
    assert plain.report(record.fold([])).startswith("Upkeep report of an unknown time\n")


def test_trouble_is_listed_worst_first_and_the_outcome_closes():
    text = plain.overview(troubled(), Style(width=120))
    parts = (
        "CRITICAL  fairedge/fairedge  unit:x",
        "FAILED  fairedge",
        "MISSING  hyperopt-api1",
        "Outcome: ",
    )

    assert sorted(parts, key=text.index) == list(parts)
    assert "Take the lock: held by somebody else" in text
    assert text.splitlines()[-1].startswith("Outcome: findings. 1 finding needs action")


@pytest.mark.parametrize("width", [1, 40, 60, 80, 200])
def test_no_line_is_wider_than_asked(width: int):
    text = plain.overview(troubled(), Style(width=width), everything=True)
    assert max(map(len, text.splitlines())) <= max(width, plain.NARROWEST)


def test_areas_are_rows_systems_are_columns_and_what_is_fine_everywhere_is_one_line():
    seen = [
        log.seen("unit:a", "critical"),
        log.seen("unit:b", "critical"),
        log.seen("unit:a", system="racing", host="racing-1"),
        log.seen("log:errors", "warning", area="log_review", system="racing", host="racing-1"),
        log.seen("lock:lock", area="lock"),
        log.seen("host:disks", "info", area="preflight"),
    ]
    text = overview([log.run_started(), *seen])

    assert text.split("\n\n")[1] == (
        "area          fairedge    racing\n"
        "health_check  critical 2  ok\n"
        "log_review    -           warning 1\n"
        "Fine everywhere: lock, preflight"
    )


def test_a_failed_task_is_seen_in_the_roll_up():
    failed = log.task("fairedge", "fairedge", "lock", "Take the lock", "failed")
    text = overview([log.run_started(), log.seen("unit:a"), failed])
    assert "tasks and hosts  critical 1" in text.splitlines()


@pytest.mark.parametrize("systems", [5, 30, 300])
def test_the_roll_up_keeps_to_its_size_however_many_systems_there_are(systems: int):
    seen = [
        log.seen("unit:x", "critical", system=f"system_{number}", area=f"area_{area}")
        for number in range(systems)
        for area in range(9)
    ]
    rollup = overview([log.run_started(), *seen]).split("\n\n")[1].splitlines()

    assert len(rollup) <= 30
    assert max(map(len, rollup)) <= 100
    assert "system_0" in rollup[0]


def test_colour_changes_nothing_but_colour():
    bare, coloured = (
        plain.overview(troubled(), Style(colour=colour, width=90)) for colour in (False, True)
    )

    assert ESCAPE.search(bare) is None
    assert ESCAPE.sub("", coloured) == bare
    assert len(ESCAPE.findall(coloured)) >= 6


def test_a_log_cannot_steer_the_terminal():
    hostile = log.seen("unit:x", "critical", "x")
    hostile["finding"].update(check="a\x1b[2J\nb", message="\x1b]0;title\x07\rgone", host="h\n\nh")
    text = overview([hostile], width=80)
    assert not set(text) & set("\x1b\x07\r")
    assert "fairedge/h h" in text


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_is_for_terminals_that_want_it(environment: dict[str, str], wanted: bool):
    assert plain.colour_wanted(Terminal(), environment) is wanted
    assert plain.colour_wanted(io.StringIO(), environment) is False


def test_check_mode_is_said_twice():
    text = overview([log.run_started(check=True), *log.weekly()[1:]])
    assert "CHECK MODE: nothing was changed" in text.splitlines()
    assert "1 task would change" in text
