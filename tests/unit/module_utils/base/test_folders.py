# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A private folder is only ours, and nothing that is done in it leads out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.files import UnsafeFileError
from ansible.module_utils.upkeep.base.folders import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.private(tmp_path / "a" / "b", make=True)


def test_a_missing_folder_is_made_for_us_alone(folder: Folder, tmp_path: Path) -> None:
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_missing_folder_is_an_error_otherwise(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Folder.private(tmp_path / "a")


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o720])
def test_a_folder_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(mode)

    with pytest.raises(UnsafeFileError, match="has the mode"):
        Folder.private(tmp_path / "a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("swapped", ["a", "b"])
def test_a_folder_behind_a_link_of_another_user_is_refused(tmp_path: Path, swapped: str) -> None:
    (tmp_path / "real" / "b").mkdir(parents=True, mode=0o700)
    (tmp_path / "app").mkdir()
    if swapped == "a":
        (tmp_path / "app" / "a").symlink_to(tmp_path / "real")
    else:
        (tmp_path / "app" / "a").mkdir()
        (tmp_path / "app" / "a" / "b").symlink_to(tmp_path / "real" / "b")
    for path in (tmp_path / "app", tmp_path / "app" / "a"):
        os.chown(path, 65534, 65534, follow_symlinks=False)

    with pytest.raises(OSError, match="link"):
        Folder.private(tmp_path / "app" / "a" / "b")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\0b"])
def test_a_name_is_one_component(folder: Folder, name: str) -> None:
    with pytest.raises(UnsafeFileError, match="is not a name in a folder"):
        folder.create(name)


def test_a_file_is_new_and_ours(folder: Folder, tmp_path: Path) -> None:
    with folder.create("new") as stream:
        stream.write(b"content")

    assert (tmp_path / "a" / "b" / "new").stat().st_mode & 0o777 == 0o600

    with pytest.raises(FileExistsError):
        folder.create("new")


def test_links_and_pipes_are_not_read(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "a" / "b" / "pipe")

    with pytest.raises(OSError, match="symbolic links"):
        folder.read("link")
    with pytest.raises(UnsafeFileError, match="is not a regular file"):
        folder.read("pipe")


def test_removing_follows_no_link(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    with folder.make("inner") as inner:
        inner.create("file").close()
        os.symlink(outside, "link", dir_fd=inner.descriptor)
    os.symlink(outside, "top", dir_fd=folder.descriptor)

    folder.remove("inner")
    folder.remove("top")
    folder.remove("nothing")

    assert folder.names() == []
    assert (outside / "kept").exists()


def test_files_are_listed_with_their_paths(folder: Folder) -> None:
    with folder.make("inner") as inner:
        inner.create("file").close()
    folder.create("top").close()

    assert [path for path, _ in folder.files()] == ["inner/file", "top"]


def test_a_link_is_replaced_in_one_step(tmp_path: Path) -> None:
    with Folder.owned(tmp_path) as folder:
        folder.link("current", "releases/1")
        folder.link("current", "releases/2")

        assert folder.target("current") == "releases/2"
        assert folder.target("missing") == ""
        assert folder.names() == ["current"]


def test_a_folder_that_others_may_write_is_not_owned(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)

    with pytest.raises(OSError, match="others may write it"):
        Folder.owned(tmp_path)


def test_a_folder_moves_to_another_one(tmp_path: Path) -> None:
    with Folder.owned(tmp_path) as folder, folder.make("a") as first, folder.make("b") as second:
        first.make("bad").close()
        first.move("bad", second, "kept")

        assert first.names() == []
        assert second.names() == ["kept"]
