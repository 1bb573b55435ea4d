# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The verb `run`: what ansible-playbook gets, and how it ends."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from upkeep import PROJECT
from upkeep.__main__ import main
from upkeep.commands import run


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    run.add(parser.add_subparsers(), argparse.ArgumentParser(add_help=False))

    return parser.parse_args(["run", *arguments])


def test_arguments_are_handed_on_as_they_are():
    given = options(
        "weekly", "--limit", "fairedge:&app", "--check", "-D", "-e", "a=it's; $(b)", "-t", "x"
    )
    handed = run.arguments(given)

    assert handed == [
        "--extra-vars=a=it's; $(b)",
        "--limit=fairedge:&app",
        "--tags=x",
        "--check",
        "--diff",
    ]
    assert shlex.split(shlex.join(handed)) == handed


def test_nothing_is_added_of_our_own():
    assert run.arguments(options("weekly")) == []


@pytest.mark.parametrize("name", ["weekly", "weekly.yml", "playbooks/weekly.yml"])
def test_a_playbook_is_known_by_its_name(name: str):
    assert run.playbook(name) == PROJECT / "playbooks/weekly.yml"


@pytest.mark.parametrize("name", ["wekly", "../weekly", "/etc/passwd", "stages/open", ""])
def test_anything_else_is_refused_in_one_line(name: str, capsys: pytest.CaptureFixture[str]):
    assert main(["run", name]) == 2
    assert f"{name!r} is not a playbook; " in capsys.readouterr().err


def test_the_inventory_is_that_of_the_configuration(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("ANSIBLE_INVENTORY", raising=False)

    assert run.inventory(None) == str(PROJECT / "inventory/demo.yml")
    assert run.inventory("a,b") == "a,b"


def test_a_given_inventory_and_store_mean_the_folder_of_the_caller(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANSIBLE_INVENTORY", "mine.yml")

    assert run.inventory(None) == str(tmp_path / "mine.yml")
    assert run.inventory("hosts.yml") == str(tmp_path / "hosts.yml")
    assert run.environment("runs")["UPKEEP_STORE"] == str(tmp_path / "runs")
    assert run.environment("postgresql://x")["UPKEEP_STORE"] == "postgresql://x"


def test_the_ansible_of_this_environment_is_started(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    path = run.environment(None)["PATH"].split(os.pathsep)

    assert path == [str(Path(sys.executable).parent), "/usr/bin"]


@pytest.mark.parametrize(
    ("asked", "code", "output"),
    [
        (["--list-tasks"], 0, "health_check : Check services and host"),
        (["--list-tasks", "--extra-vars", "@/nothing.yml"], 1, "nothing.yml"),
    ],
)
def test_the_exit_code_is_that_of_ansible_playbook(
    tmp_path: Path, asked: list[str], code: int, output: str
):
    done = subprocess.run(
        [sys.executable, "-m", "upkeep", "run", "hourly", "--store", str(tmp_path), *asked],
        cwd=PROJECT,
        env={**os.environ, "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1"},
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == code, done.stdout + done.stderr
    assert output in done.stdout
