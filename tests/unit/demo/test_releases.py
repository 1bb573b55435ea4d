# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The repositories to deploy from: the same commits each time, with all that the gates need."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from demo import fleet, releases
from demo.errors import DemoError
from tools import PROJECT, profiles


def commits(repository: Path) -> list[str]:
    """Return the commits of all tags."""
    tags = [*releases.GOOD, releases.BAD]
    done = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", *(f"{tag}^{{commit}}" for tag in tags)],
        capture_output=True,
        text=True,
        check=True,
    )

    return done.stdout.split()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the repositories."""
    return releases.make(tmp_path_factory.mktemp("made") / "releases", fleet.load())


def test_every_system_that_names_an_application_has_a_repository(made: list[Path]) -> None:
    named = [
        system
        for system in profiles.systems(PROJECT)
        if "system_application" in profiles.load(PROJECT, system)
    ]

    assert [place.name for place in made] == sorted(named)


def test_the_commits_are_the_same_each_time(
    made: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody else")
    again = releases.make(tmp_path / "again", fleet.load())

    assert list(map(commits, again)) == list(map(commits, made))
    assert len(set(commits(made[0]))) == 3


def test_what_the_gate_runs_is_in_the_repository(made: list[Path]) -> None:
    missing = []
    for place in made:
        profile = profiles.load(PROJECT, place.name)
        gate = profile.get("system_release_tests", {}).get("gate", [])
        missing += [
            f"{place.name}: {path}"
            for suite in profile.get("system_test_suites", [])
            if suite["name"] in gate
            for path in suite["paths"]
            if not (place / path).exists()
        ]

    assert missing == []


def test_the_wheel_is_the_one_that_is_locked(tmp_path: Path) -> None:
    first = releases.make_wheel(tmp_path / "first")
    second = releases.make_wheel(tmp_path / "second")

    assert first == second
    assert first.startswith("shopmark==1.0 --hash=sha256:")


def test_what_git_refuses_is_said(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"git add in .*not a git repository"):
        releases._commit(tmp_path, "v1")
