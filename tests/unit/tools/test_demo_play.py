# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demonstration from its first phase to its last line, with stand-ins for what it starts."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from demo import lease
from tests.unit.upkeep import run_log as log
from tools import demo
from tools.process import CommandOutcome
from upkeep.run import archive, clean

Changes = t.Sequence[int]


class Stage:
    """Keeps what was started.

    Weekly runs leave a record that says how many tasks changed something.
    """

    def __init__(self, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store, self.started = store, t.cast(list[list[str]], [])
        self.changes, self.code, self.outcome = [1, 0], 0, "ok"
        self.silent = ""
        monkeypatch.setattr(demo, "STORE", store)
        monkeypatch.setattr(lease, "folder", lambda: store.parent / "locks")
        monkeypatch.setattr(demo, "run_logged", self.run)

    def run(
        self, name: str, argv: list[str], *, timeout: float, env: t.Mapping[str, str]
    ) -> CommandOutcome:
        self.started.append([Path(argv[0]).name, *argv[1:]])
        output = self.store.parent / f"{name}.log"
        output.write_text(f"words of {name}\n")
        code = 3 if self.silent and self.silent in argv else 0
        if argv[-1] == demo.PLAYBOOK:
            assert env["UPKEEP_STORE"] == str(self.store)
            code = self.code
            self.leave_record()

        return CommandOutcome(code, 1.5, output)

    def leave_record(self) -> None:
        number = sum(argv[-1] == demo.PLAYBOOK for argv in self.started)
        changed = self.changes[number - 1]
        seen = [
            log.task("fairedge-1", "fairedge", "x", f"T{n}", "changed" if n < changed else "ok")
            for n in range(3)
        ]
        run_id = f"2026030{number}T040000Z-weekly-1f3a9c"
        began = {"time": clean.stamp(log.START.replace(day=number))}
        events = [
            log.run_started(run_id=run_id) | began,
            *seen,
            log.seen("http:api"),
            log.verdict(self.outcome),
        ]
        folder = log.write(self.store / "runs" / run_id, [*events, log.run_finished()])
        archive.close(folder, archive.StoreSettings(str(self.store)))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path / "store", monkeypatch)


@pytest.fixture
def _no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare a test the table at the end, which is a process of its own."""
    monkeypatch.setattr(demo, "show", lambda: None)


def test_it_builds_starts_runs_twice_and_shows_the_table(
    stage: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    assert demo.main([]) == 0

    said = capfd.readouterr().out.splitlines()
    phases = [line for line in said if re.search(r" \d+\.\d s  ok$", line)]

    assert [line[:20].rstrip() for line in phases] == [
        "image",
        "fleet",
        "first weekly run",
        "second weekly run",
    ]
    assert [argv[-1] for argv in stage.started] == ["image", "up", demo.PLAYBOOK, demo.PLAYBOOK]
    assert [line.strip() for line in said if "changed" in line][:2] == [
        "outcome ok, changed 1",
        "outcome ok, changed 0",
    ]

    table = "\n".join(said)

    assert "Fine everywhere (fairedge): health_check" in table

    page = Path(said[-1].removeprefix("report: "))

    assert page == stage.store / "runs" / "20260302T040000Z-weekly-1f3a9c" / "report.html"
    assert page.is_file()


@pytest.mark.usefixtures("_no_table")
@pytest.mark.parametrize(
    ("given", "planted"),
    [
        ("none", ["none"]),
        ("all", ["all"]),
        ("a,b", ["a", "b"]),
        (" a, b ,", ["a", "b"]),
        ("", []),
        (",", []),
    ],
)
def test_faults_are_planted_between_start_and_runs(
    stage: Stage, given: str, planted: list[str]
) -> None:
    assert demo.main(["--defects", given]) == 0

    third = stage.started[2]

    assert (
        third[-len(planted) - 1 :] == ["plant", *planted] if planted else third[-1] == demo.PLAYBOOK
    )
    assert len(stage.started) == 4 + bool(planted)


@pytest.mark.usefixtures("_no_table")
def test_findings_are_no_failure_of_the_demonstration(stage: Stage) -> None:
    stage.code, stage.outcome = 2, "findings"
    assert demo.main([]) == 0


@pytest.mark.usefixtures("_no_table")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            {"changes": [1, 2]},
            "the second weekly run must change nothing, but changed (host: tasks)"
            " {'fairedge-1': 2}",
        ),
        ({"code": 4}, "first weekly run: exit code 4 with outcome 'ok'"),
        ({"silent": "up"}, "fleet ended with exit code 3"),
    ],
)
def test_what_goes_wrong_ends_it_with_its_words(
    stage: Stage, capfd: pytest.CaptureFixture[str], spoil: dict[str, t.Any], words: str
) -> None:
    vars(stage).update(spoil)
    assert demo.main([]) == 1
    told = capfd.readouterr().err
    assert words in told
    assert "changes" in spoil or "| words of demo-" in told, "the end of the log of what went wrong"


@pytest.mark.usefixtures("_no_table")
def test_a_run_without_a_record_is_no_success(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Stage, "leave_record", lambda _: None)
    assert demo.main([]) == 1
    assert "first weekly run left no record" in capfd.readouterr().err
