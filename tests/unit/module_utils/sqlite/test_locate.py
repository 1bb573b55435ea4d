# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A path leads root only to files on which work harms nobody."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.sqlite import run as maintenance
from ansible.module_utils.upkeep.sqlite.locate import LocatedFile, RefusedFile, locate

from library import sqlite_maintenance
from tests.unit.library import sqlite_files
from tests.unit.library.module_calls import caller

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

SERVICE = 65534
OTHER = 65533


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder of a service user, below folders of root only."""
    folder = tmp_path / "home"
    folder.mkdir()
    os.chown(folder, SERVICE, SERVICE)

    return folder


def file(path: Path, uid: int) -> Path:
    path.write_text("x")
    os.chown(path, uid, uid)

    return path


def link(path: Path, target: Path | str, uid: int) -> Path:
    path.symlink_to(target)
    os.lchown(path, uid, uid)

    return path


def refused(path: Path) -> str:
    found = locate(path)

    assert isinstance(found, RefusedFile)
    assert found.status == "critical"

    return found.message


def test_a_file_of_the_service_is_worked_on_as_the_service(home: Path) -> None:
    path = file(home / "app.db", SERVICE)
    found = locate(path)

    assert isinstance(found, LocatedFile)
    assert found.owner.uid == SERVICE
    assert found.path == path


@pytest.mark.parametrize("target", ["releases/7", "./releases/../releases/7/"])
def test_links_of_the_owner_and_of_root_are_followed(home: Path, target: str) -> None:
    (home / "releases" / "7").mkdir(parents=True)
    path = file(home / "releases" / "7" / "app.db", SERVICE)
    link(home / "current", target, SERVICE)
    link(home / "stable", home / "current", 0)
    found = locate(home / "stable" / "app.db")

    assert isinstance(found, LocatedFile)
    assert found.path == path


def test_a_parent_folder_that_is_a_link_to_files_of_root_is_refused(
    home: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o755)
    file(secret / "app.db", 0)
    link(home / "data", secret, SERVICE)

    assert "through a link that somebody else made" in refused(home / "data" / "app.db")


def test_a_link_to_the_file_of_another_user_is_refused(home: Path, tmp_path: Path) -> None:
    link(home / "app.db", file(tmp_path / "other.db", OTHER), SERVICE)

    assert "through a link that somebody else made" in refused(home / "app.db")


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777])
def test_a_file_of_root_below_a_folder_that_others_change_is_refused(
    home: Path, tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    if mode == 0o755:
        os.chown(folder, SERVICE, SERVICE)

    assert "belongs to root, but other users may change" in refused(file(folder / "app.db", 0))


def test_a_link_through_the_folder_of_a_service_does_not_make_root_work(
    home: Path, tmp_path: Path
) -> None:
    """The link is root's own, but the service may put something else in its place."""
    secret = tmp_path / "secret"
    secret.mkdir(mode=0o755)
    file(secret / "app.db", 0)
    link(home / "data", secret, 0)

    assert "belongs to root, but other users may change" in refused(home / "data" / "app.db")


@pytest.mark.parametrize("target", ["loop", "..", "/"])
def test_a_link_that_leads_to_no_file_is_refused(home: Path, target: str) -> None:
    found = locate(link(home / "loop", target, SERVICE))

    assert isinstance(found, RefusedFile)


def test_a_fifo_is_refused(home: Path) -> None:
    os.mkfifo(home / "app.db")

    assert "is not a regular file" in refused(home / "app.db")


def test_a_file_that_was_swapped_after_it_was_located_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between the decision and the open another file takes its place."""
    path = sqlite_files.make(home / "app.db", delete=2500)
    os.chown(path, SERVICE, SERVICE)
    top = Path(tempfile.gettempdir())
    for parent in path.parents:
        if parent.is_relative_to(top) and parent != top:
            parent.chmod(0o755)

    def swap_afterwards(asked: Path) -> LocatedFile | RefusedFile:
        found = locate(asked)
        asked.rename(asked.with_name("old.db"))
        os.chown(sqlite_files.make(asked, delete=2500), SERVICE, SERVICE)

        return found

    monkeypatch.setattr(maintenance, "locate", swap_afterwards)
    answer = caller(sqlite_maintenance, capsys)(databases=[sqlite_files.entry(path)])

    assert sqlite_files.statuses(answer) == {"app": "unknown"}
    assert "was replaced while it was opened" in answer["findings"][0]["message"]
