# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: what each command prints and how it ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.upkeep import run_log as log
from upkeep import PROJECT
from upkeep.__main__ import main
from upkeep.store import DirectoryStore

#: Without the folder of installed packages.
WITHOUT_ANSIBLE = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from upkeep.__main__ import main
sys.exit(main(["doctor"]))
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store with one finished and one killed run."""
    root = tmp_path / "store"
    DirectoryStore(root).save(log.write(root / "runs" / log.RUN_ID, log.weekly()))
    log.write(
        root / "runs/killed",
        [log.run_started(run_id="killed", check=True) | {"time": "2026-02-01T00:00:00.000Z"}],
    )

    return root


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as people do."""
    command = [sys.executable, "-m", "upkeep", *map(str, arguments)]
    return subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, **environment},
        text=True,
        capture_output=True,
        check=False,
    )


def test_list_shows_each_run_on_a_line(store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["list", "--store", str(store)]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        [log.RUN_ID, "2026-03-01", "04:00:00", "1", "min", "0", "s", "ok", "playbooks/weekly.yml"],
        [
            "killed",
            "2026-02-01",
            "00:00:00",
            "0.0",
            "s",
            "interrupted",
            "playbooks/weekly.yml",
            "(check",
            "mode)",
        ],
    ]
    assert main(["list", "--store", str(store), "--limit", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("which", [[], ["latest"], [log.RUN_ID]])
def test_show_prints_the_table_and_succeeds(
    store: Path, capsys: pytest.CaptureFixture[str], which: list[str]
):
    assert main(["show", *which, "--store", str(store)]) == 0
    assert "Outcome: ok." in capsys.readouterr().out


def test_show_of_a_bad_run_succeeds_too(store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["show", "killed", "--store", str(store)]) == 0
    assert "Outcome: interrupted." in capsys.readouterr().out


def test_report_renders_again_and_prints_the_path(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["report", "killed", "--store", str(store)]) == 0
    assert "interrupted" in Path(capsys.readouterr().out.strip()).read_text()
    assert main(["report", "--store", str(store), "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "out/report.html")


def test_prune_is_explicit_and_says_what_it_removed(
    store: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(["prune", "--store", str(store)])

    limits = ["prune", "--store", str(store), "--keep-days", "1", "--keep-min", "1"]
    for arguments, left in (([*limits, "--dry-run"], True), (limits, False)):
        capsys.readouterr()

        assert main(arguments) == 0
        assert capsys.readouterr().out == "killed\n"
        assert (store / "runs/killed").exists() is left


@pytest.mark.parametrize(
    "arguments", [["show", "nothing"], ["show", "../x"], ["report", "nothing"]]
)
def test_what_cannot_be_done_is_one_line_and_code_2(
    store: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
):
    assert main([*arguments, "--store", str(store)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("upkeep: ")
    assert captured.err.count("\n") == 1


def test_the_store_is_taken_from_the_environment(store: Path):
    done = run("show", UPKEEP_STORE=str(store))
    assert (done.returncode, "Outcome: ok." in done.stdout) == (0, True)


def test_a_pipe_is_never_coloured_and_any_locale_will_do(store: Path):
    events = [log.run_started(), log.seen("unit:x", "warning", "na\u00efve \u2713")]
    log.write(
        store / "runs/newest", [event | {"time": "2026-04-01T00:00:00.000Z"} for event in events]
    )
    done = run("show", "--store", store, PYTHONIOENCODING="ascii", TERM="xterm")

    assert done.returncode == 0, done.stderr
    assert "na?ve ?" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_reader_that_has_seen_enough_is_no_error(store: Path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "upkeep", "show", "--store", str(store)]
    try:
        done = subprocess.run(
            command, cwd=PROJECT, stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(write)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [["list", "--limit", "-1"], ["list", "--limit", "x"], ["prune", "--keep-days", "0"]],
)
def test_an_odd_number_is_refused(
    store: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
):
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--store", str(store)])
    assert end.value.code == 2
    assert "is not a whole number of at least 1" in capsys.readouterr().err


def test_no_command_prints_how_to_use_it(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert "usage: upkeep" in capsys.readouterr().err


def test_a_copy_without_its_checkout_says_what_is_missing(tmp_path: Path):
    shutil.copytree(PROJECT / "upkeep", tmp_path / "upkeep")
    done = subprocess.run(
        [sys.executable, "-m", "upkeep", "doctor"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 2
    [sentence] = done.stderr.splitlines()
    assert "is not a checkout of Upkeep: ansible.cfg, module_utils/upkeep, playbooks" in sentence
    assert "`make setup`" in sentence


def test_without_ansible_it_says_what_is_missing():
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", WITHOUT_ANSIBLE, str(PROJECT)],
        text=True,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 2
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("upkeep: ansible-core is missing for ")


def test_the_command_works_from_any_folder(store: Path, tmp_path: Path):
    """As the script does that pip writes for `upkeep`."""
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from upkeep.__main__ import main"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{script}; sys.exit(main())",
            str(PROJECT),
            "list",
            "--store",
            store,
        ],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert log.RUN_ID in done.stdout
