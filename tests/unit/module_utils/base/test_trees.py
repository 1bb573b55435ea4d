# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A walk sees what stands in a folder, and what was swapped on the way leads nowhere."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.trees import TreeWalk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with one of each."""
    folder = tmp_path / "tree"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_text("content")
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")

    return folder


def test_everything_is_seen_once_and_no_link_followed(tree: Path) -> None:
    walk = TreeWalk()

    seen = {
        entry.path.removeprefix(str(tree)): entry.stream.read() if entry.stream else entry.target
        for entry in walk.entries(str(tree))
    }

    assert seen == {"": "", "/inner": "", "/inner/file": b"content", "/link": "/etc/passwd"}
    assert walk.left_out == [f"{tree}/pipe"]


def test_a_socket_is_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        walk = TreeWalk()
        list(walk.entries(str(tree)))

    assert f"{tree}/socket" in walk.left_out


def test_names_are_left_out_at_every_depth(tree: Path) -> None:
    walk = TreeWalk(exclude=["f*", "pi?e"])

    paths = [entry.path.removeprefix(str(tree)) for entry in walk.entries(str(tree))]

    assert paths == ["", "/inner", "/link"]


def test_a_file_may_be_named(tree: Path) -> None:
    [entry] = TreeWalk().entries(str(tree / "inner" / "file"))

    assert entry.path == str(tree / "inner" / "file")


def test_a_link_must_not_be_named(tree: Path) -> None:
    with pytest.raises(OSError, match="is a link; name what it leads to"):
        list(TreeWalk().entries(str(tree / "link")))


def test_what_vanishes_on_the_way_is_passed_over(tree: Path) -> None:
    walk = TreeWalk()
    entries = walk.entries(str(tree))
    next(entries)
    next(entries)  # inner is listed now
    (tree / "inner" / "file").unlink()

    paths = [entry.path.removeprefix(str(tree)) for entry in entries]

    assert paths == ["/link"]


def test_a_folder_that_became_a_link_leads_nowhere(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("secret")
    (tree / "zz").mkdir()
    walk = TreeWalk()
    entries = walk.entries(str(tree))
    next(entries)
    (tree / "zz").rmdir()
    (tree / "zz").symlink_to(tmp_path / "secret")

    found = [entry for entry in entries if entry.path.startswith(f"{tree}/zz")]

    assert [(entry.path, entry.target) for entry in found] == [
        (f"{tree}/zz", str(tmp_path / "secret"))
    ]
