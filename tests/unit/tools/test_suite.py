# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The test runner: counting, time-outs, and that nothing run is never a pass."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tools import bench, demo, molecule, process, suite

JUNIT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep logs of commands that tests start away from those of the run that runs the tests."""
    monkeypatch.setattr(process, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(process, "GRACE", 1.0)
    monkeypatch.setattr(process, "_stopped", threading.Event())
    monkeypatch.setattr(suite, "LOGS", tmp_path / "logs")

    return tmp_path / "logs"


@pytest.mark.parametrize(
    ("numbers", "count"),
    [
        ((5, 1, 1, 1), suite.Count(2, 2, 1)),
        ((3, 0, 0, 0), suite.Count(3)),
        ((0, 0, 0, 0), suite.Count(failed=1)),
    ],
)
def test_counts_of_a_report(tmp_path: Path, numbers: tuple[int, ...], count: suite.Count) -> None:
    (tmp_path / "report.xml").write_text(JUNIT.format(*numbers))
    assert suite.read_junit(tmp_path / "report.xml") == count


def test_no_report_is_a_failure(tmp_path: Path) -> None:
    assert suite.read_junit(tmp_path / "none.xml").failed == 1


def test_summary_ends_with_the_closing_line() -> None:
    lines = suite.summary(
        {"lint": (suite.Count(5), 2.0), "unit": (suite.Count(7, 1, 2), 61.5)}
    ).splitlines()
    assert lines[-1] == "12 passed, 1 failed"
    assert lines[-2].split() == ["unit", "61.5", "s", "7", "passed", "1", "failed", "2", "skipped"]


def test_failed_tests_are_named_above_the_table(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite><testcase classname="tests.unit.test_x" name="test_a">'
        '<failure message="assert 1&#10; == 2">no</failure></testcase>'
        '<testcase classname="tests.unit.test_x" name="test_b"/>'
        "</testsuite></testsuites>"
    )

    failed = suite.failed_tests(report)
    lines = suite.summary({"unit": (suite.Count(1, 1), 1.0)}, failed).splitlines()

    assert failed == ["tests/unit/test_x::test_a\n  assert 1 == 2"]
    assert lines[1:3] == ["failed: tests/unit/test_x::test_a", "  assert 1 == 2"]


def test_a_scenario_that_failed_says_why_above_the_table(tmp_path: Path) -> None:
    log = tmp_path / "molecule-app.log"
    log.write_text(
        "CRITICAL  app/host  process:ended\nE       assert 1 == 2\nE        +  where\n\n"
        f"FAILED tests/test_app.py::test_it\n[ERROR]: Task failed: {'x' * 900}\n"
    )

    found = process.reasons(log)

    assert found[:2] == ["E       assert 1 == 2", "FAILED tests/test_app.py::test_it"]
    assert len(found[2]) == process.REASON_WIDTH


def test_a_long_list_of_failures_is_cut() -> None:
    lines = suite.summary({"unit": (suite.Count(1, 25), 1.0)}, [f"t{n}" for n in range(25)])
    assert "failed: 5 more" in lines


def test_a_failure_is_counted_told_and_sets_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {
        "bad": [sys.executable, "-c", "print('why it broke'); raise SystemExit(3)"],
        "good": ["/bin/true"],
    }
    monkeypatch.setattr(suite, "LINTERS", broken)
    monkeypatch.setattr(suite, "failures", [])
    monkeypatch.setattr(suite, "tool", lambda name: name)

    assert suite.main(["lint"]) == 1

    printed = capsys.readouterr().out

    assert "why it broke" in printed
    assert "failed: lint-bad" in printed.splitlines()
    assert printed.splitlines()[-1] == "1 passed, 1 failed"


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pipe = (
        tmp_path / "alive"
    )  # readers see its end when the last process that holds it open is gone
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    script = f"exec 9>{pipe}; trap '' TERM; sleep 600 & sleep 600"
    outcome = process.run_logged("hang", ["/bin/sh", "-c", script], timeout=2)

    assert outcome.code == 124

    os.set_blocking(reader, True)

    assert os.read(reader, 1) == b""


def test_scenarios_run_apart_and_each_outcome_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "molecule"
    tool.write_text('#!/bin/sh\n[ -z "$ANSIBLE_CONFIG" ] && [ "$3" = good ]\n')
    tool.chmod(0o755)
    monkeypatch.setattr(molecule, "tool", lambda _: str(tool))
    monkeypatch.setattr(molecule, "sys", type("Fake", (), {"executable": "/bin/true"}))
    outcomes = molecule.run_all(["good", "bad"])

    assert {name: outcome.code for name, outcome in outcomes.items()} == {"good": 0, "bad": 1}


def test_scenarios_run_with_the_programs_of_the_environment_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "molecule"
    tool.write_text(f'#!/bin/sh\n[ "$(command -v molecule)" = {tool} ]\n')
    tool.chmod(0o755)
    monkeypatch.setattr(molecule, "OLDEST", tmp_path)
    monkeypatch.setattr(molecule, "sys", type("Fake", (), {"executable": "/bin/true"}))

    assert {
        name: outcome.code
        for name, outcome in molecule.run_all(["gate"], 1, molecule.oldest()).items()
    } == {"gate": 0}

    tool.unlink()

    assert molecule.oldest() is None


@pytest.mark.parametrize(
    ("scenario", "down", "code"), [("good", 0, 0), ("bad", 0, 1), ("bad", 3, 1), ("good", 3, 3)]
)
def test_hosts_are_taken_away_however_their_scenario_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scenario: str, down: int, code: int
) -> None:
    calls = tmp_path / "calls"
    for name, exit_code in (
        ("molecule", '$([ "$3" = bad ]; echo $((1 - $?)))'),
        ("python", str(down)),
    ):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> {calls}\nexit {exit_code}\n')
        script.chmod(0o755)

    (tmp_path / ".demo" / f"mol-{scenario}").mkdir(parents=True)
    monkeypatch.setattr(molecule, "PROJECT", tmp_path)
    monkeypatch.setattr(molecule, "tool", lambda name: str(tmp_path / name))
    monkeypatch.setattr(molecule, "sys", type("Fake", (), {"executable": str(tmp_path / "python")}))

    assert molecule.run_one(scenario).code == code

    gone = f"python -m demo down --fleet mol-{scenario}"
    played = f"molecule test --scenario-name {scenario} --destroy never"

    assert calls.read_text().splitlines() == [gone, played, gone], (
        "what an interrupted run left goes first"
    )


def test_unknown_names_are_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert molecule.main(["no_such_scenario"]) == 2
    assert bench.main(["no_such_bench"]) == 2
    with pytest.raises(SystemExit):
        suite.main(["no_such_part"])
    assert capsys.readouterr().err.count("there are: ") == 3


def record(outcome: str, **failed: str) -> dict[str, Any]:
    """Return the parts of a run's record that the demo looks at."""
    tasks = [
        {"role": role, "task": "T", "host": "h", "message": why} for role, why in failed.items()
    ]
    return {
        "outcome": outcome,
        "failed_tasks": tasks,
        "hosts": {"a": {"changed": 0}, "b": {"changed": 2}},
    }


@pytest.mark.parametrize(
    ("code", "seen", "good"),
    [
        (0, record("ok"), True),
        (2, record("findings", verdict="critical findings"), True),
        (2, record("findings", log_rotation="no space"), False),
        (2, record("failed"), False),
        (4, record("unreachable"), False),
        (1, record("findings"), False),
    ],
)
def test_the_demo_accepts_findings_but_no_failure(
    code: int, seen: dict[str, Any], good: bool
) -> None:
    assert (demo.ended_well(code, seen) == "") is good


def test_the_demo_sees_every_changed_host() -> None:
    assert demo.changed_hosts(record("ok")) == {"b": 2}


def test_commands_see_the_virtual_environment_first() -> None:
    assert process.environment()["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_images_are_built_beside_the_first_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    building, built = threading.Event(), threading.Event()

    def build() -> None:
        building.set()
        built.wait(10)

    monkeypatch.setattr(molecule, "build_images", build)
    monkeypatch.setitem(suite.PARTS, "unit", lambda: suite.Count(passed=int(building.wait(10))))
    monkeypatch.setitem(suite.PARTS, "fleet", lambda: built.set() or suite.Count(passed=1))

    assert suite.main(["unit", "fleet"]) == 0

    building.clear()
    monkeypatch.setitem(suite.PARTS, "unit", lambda: suite.Count(passed=1))

    assert suite.main(["unit"]) == 0
    assert not building.is_set(), "no host, no image"


def test_every_linter_is_run_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        suite,
        "_one",
        lambda name, argv: suite.Count(failed=1) if "mypy" in name else suite.Count(1),
    )

    assert suite.lint() == suite.Count(4, 1)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["lint", "unit", "meta"], [["lint", "unit"], ["meta"]]),
        (["unit"], [["unit"]]),
        (["unit", "meta", "molecule"], [["unit"], ["meta"], ["molecule"]]),
        (
            ["lint", "unit", "contract", "meta", "molecule", "fleet"],
            [["lint", "unit"], ["contract", "meta"], ["molecule"], ["fleet"]],
        ),
    ],
)
def test_parts_run_beside_those_that_leave_a_core_idle(
    wanted: list[str], expected: list[list[str]]
) -> None:
    assert suite.batches(wanted) == expected


def test_after_an_interrupt_nothing_is_started_but_what_clears_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted() -> suite.Count:
        raise KeyboardInterrupt

    monkeypatch.setitem(suite.PARTS, "unit", interrupted)

    with pytest.raises(KeyboardInterrupt):
        suite.main(["unit", "meta"])

    with pytest.raises(process.StoppedError, match="next is not started"):
        process.run_logged("next", ["/bin/true"], timeout=5)

    assert process.run_logged("clearing", ["/bin/true"], timeout=5, clears_up=True).code == 0
