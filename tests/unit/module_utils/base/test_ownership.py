# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""With whose rights a path is read: links, folders of others, files of root, all as root."""

from __future__ import annotations

import os
import pwd
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.files import UnsafeFileError
from ansible.module_utils.upkeep.base.ownership import owned_path

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")

NOBODY: t.Final = pwd.getpwnam("nobody")
OTHER: t.Final = pwd.getpwnam("daemon")


@pytest.fixture
def root() -> t.Iterator[Path]:
    """Return a folder of root that others may enter."""
    with tempfile.TemporaryDirectory(dir="/var/lib") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def folder(path: Path, owner: pwd.struct_passwd | None = None, mode: int = 0o755) -> Path:
    path.mkdir(parents=True)
    path.chmod(mode)
    return give(path, owner)


def file(path: Path, owner: pwd.struct_passwd | None = None) -> Path:
    path.write_text("x")
    return give(path, owner)


def give(path: Path, owner: pwd.struct_passwd | None) -> Path:
    if owner:
        os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
    return path


def test_what_root_alone_can_replace_is_read_by_its_owner(root: Path) -> None:
    mine = file(folder(root / "a") / "mine")
    theirs = file(root / "a" / "theirs", NOBODY)

    assert owned_path(mine).owner.uid == 0
    assert owned_path(theirs).owner == (NOBODY.pw_uid, NOBODY.pw_gid)


def test_a_file_of_root_in_a_user_s_folder_is_read_as_that_user(root: Path) -> None:
    deep = folder(folder(root / "home", NOBODY) / "data")

    assert owned_path(file(deep / "app.db")).owner.uid == NOBODY.pw_uid


def test_a_parent_that_is_a_user_s_link_is_refused(root: Path) -> None:
    file(folder(root / "secrets") / "app.db")
    home = folder(root / "home", NOBODY)
    (home / "data").symlink_to(root / "secrets")
    give(home / "data", NOBODY)

    with pytest.raises(UnsafeFileError, match="link on its way"):
        owned_path(home / "data" / "app.db")


def test_a_link_of_root_is_followed_and_leads_to_its_owner(root: Path) -> None:
    file(folder(root / "releases" / "7", NOBODY) / "app.db", NOBODY)
    (root / "current").symlink_to("releases/7")
    found = owned_path(root / "current" / "app.db")

    assert found.path == str(root / "releases/7/app.db")
    assert found.owner.uid == NOBODY.pw_uid


def test_a_link_of_root_through_a_link_of_a_user_is_refused(root: Path) -> None:
    home = folder(root / "home", NOBODY)
    file(folder(root / "secrets") / "app.db")
    (home / "way").symlink_to(root / "secrets")
    give(home / "way", NOBODY)
    (root / "current").symlink_to("home/way")

    with pytest.raises(UnsafeFileError):
        owned_path(root / "current" / "app.db")


def test_a_link_of_root_in_a_user_s_folder_is_refused(root: Path) -> None:
    """Its name is the user's to give: the link may have been moved there."""
    home = folder(root / "home", NOBODY)
    file(root / "app.db")
    (home / "app.db").symlink_to(root / "app.db")

    with pytest.raises(UnsafeFileError):
        owned_path(home / "app.db")


@pytest.mark.parametrize("where", ["folder", "file"])
def test_two_users_are_refused(root: Path, where: str) -> None:
    home = folder(root / "home", NOBODY)
    inner = folder(home / "inner", OTHER if where == "folder" else NOBODY)

    with pytest.raises(UnsafeFileError, match="another user"):
        owned_path(file(inner / "app.db", OTHER if where == "file" else NOBODY))


@pytest.mark.parametrize(("mode", "refused"), [(0o777, True), (0o775, True), (0o1777, False)])
def test_root_s_file_where_anybody_may_write(root: Path, mode: int, refused: bool) -> None:
    path = file(folder(root / "open", mode=mode) / "app.db")

    if refused:
        with pytest.raises(UnsafeFileError, match="others than root can write"):
            owned_path(path)
    else:
        assert owned_path(path).owner.uid == 0


def test_loops_and_what_does_not_exist_are_errors(root: Path) -> None:
    (root / "loop").symlink_to("loop")

    with pytest.raises(OSError, match="links"):
        owned_path(root / "loop")
    with pytest.raises(FileNotFoundError):
        owned_path(root / "absent" / "app.db")
    with pytest.raises(UnsafeFileError, match="absolute"):
        owned_path("app.db")
