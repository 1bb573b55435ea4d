# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wheels for a control host: fetched for the Python of its Debian release, once."""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

from tools import control_wheels


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the calls of pip, none of which reaches an index."""
    seen: list[list[str]] = []

    def run(command: list[str], **_: t.Any) -> subprocess.CompletedProcess[str]:
        seen.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(control_wheels, "find_python", lambda version: f"/usr/bin/python{version}")

    return seen


def test_wheels_for_debian_13_are_those_of_its_python(
    calls: list[list[str]], tmp_path: Path
) -> None:
    folder = control_wheels.ensure("trixie", tmp_path)

    assert folder.is_dir()
    assert "--python-version=3.13" in calls[0]
    assert "--abi=cp313" in calls[0]
    assert "--only-binary=:all:" in calls[0]


def test_wheels_for_debian_12_are_fetched_by_its_python(
    calls: list[list[str]], tmp_path: Path
) -> None:
    control_wheels.ensure("bookworm", tmp_path)

    assert not [word for word in calls[0] if word.startswith("--python-version")]


def test_releases_do_not_share_a_folder_and_nothing_is_fetched_twice(
    calls: list[list[str]], tmp_path: Path
) -> None:
    first = control_wheels.ensure("trixie", tmp_path)
    second = control_wheels.ensure("bookworm", tmp_path)

    assert control_wheels.ensure("trixie", tmp_path) == first
    assert first != second
    assert len(calls) == 2


def test_a_refused_download_leaves_no_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(command: list[str], **_: t.Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "no matching distribution")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(control_wheels, "PROJECT", tmp_path)
    (tmp_path / "requirements.txt").write_text("nothing-like-it\n")
    monkeypatch.setattr(control_wheels, "find_python", lambda _: "/usr/bin/python3")

    with pytest.raises(control_wheels.WheelError, match="no matching distribution"):
        control_wheels.ensure("trixie", tmp_path)
    assert not list(tmp_path.glob("control-wheels-*"))
