# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages for the image are fetched once, by digest.

What cannot be had is said and nothing half done stays.
"""

from __future__ import annotations

import subprocess
import typing as t
from pathlib import Path

import pytest

from demo import images, wheels
from demo.errors import DemoError


def fake_pip(monkeypatch: pytest.MonkeyPatch, code: int = 0) -> list[list[str]]:
    """Stand in for pip: leave one wheel, or half of one and an error."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: t.Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        (Path(command[command.index("--dest") + 1]) / "a.whl").write_text("wheel")
        return subprocess.CompletedProcess(command, code, "", "no way\nto the index")

    monkeypatch.setattr(wheels.subprocess, "run", run)

    return calls


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "wheels.txt"
    path.write_text("a==1 --hash=sha256:0\n")
    return path


def test_they_are_fetched_once_and_by_digest(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_pip(monkeypatch)
    folder = wheels.ensure(requirements, tmp_path / "cache")

    assert wheels.ensure(requirements, tmp_path / "cache") == folder
    assert [path.name for path in folder.iterdir()] == ["a.whl"]

    [command] = calls

    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(command)


def test_other_requirements_have_a_folder_of_their_own(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pip(monkeypatch)
    first = wheels.ensure(requirements, tmp_path)
    requirements.write_text("a==2 --hash=sha256:0\n")
    assert wheels.ensure(requirements, tmp_path) != first


def test_what_cannot_be_had_is_said_and_tried_again(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_pip(monkeypatch, code=1)
    with pytest.raises(DemoError, match="no way to the index"):
        wheels.ensure(requirements, tmp_path)
    fake_pip(monkeypatch)
    assert wheels.ensure(requirements, tmp_path).is_dir()


def test_the_image_names_every_wheel_by_digest() -> None:
    text = (images.CONTEXT / "image" / "wheels.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert all("==" in line and "--hash=sha256:" in line for line in lines)
