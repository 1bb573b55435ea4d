# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No member of an archive leaves the folder that it is unpacked into."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.archives import ChunkStream
from ansible.module_utils.upkeep.base.folders import Folder
from ansible.module_utils.upkeep.base.unpacking import (
    UnpackingError,
    count_tree,
    move_each,
    move_missing,
    unpack,
)


def archive(*members: tarfile.TarInfo) -> ChunkStream:
    """Return an archive; a file holds as many letters as its size."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as written:
        for member in members:
            written.addfile(member, io.BytesIO(b"x" * member.size))
    return ChunkStream(iter([out.getvalue()]))


def member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0
) -> tarfile.TarInfo:
    """Return a member of an archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, target, size, 0o755
    return info


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """Return an open folder of ours."""
    place = tmp_path / "place"
    place.mkdir(mode=0o700)
    with Folder.private(place) as opened:
        yield opened


def test_what_is_at_or_below_a_path_is_unpacked(folder: Folder, tmp_path: Path) -> None:
    members = (
        member("opt/app", tarfile.DIRTYPE),
        member("opt/app/main.py", size=5),
        member("opt/app/link", tarfile.SYMTYPE, "/etc/passwd"),
        member("opt/apples/other.py", size=3),
    )

    whole, unpacked = unpack(archive(*members), {"/opt/app": folder})

    assert whole == {"files": 2, "folders": 1, "links": 1, "raw_bytes": 8}
    assert unpacked == {"files": 1, "folders": 1, "links": 1, "raw_bytes": 5}
    assert (tmp_path / "place" / "app" / "main.py").read_bytes() == b"xxxxx"
    assert (tmp_path / "place" / "app" / "link").is_symlink()
    assert count_tree(folder, "app") == unpacked


@pytest.mark.parametrize(
    "name", ["opt/app/../../escaped", "opt/app/./x", "opt/app//x", "opt/app/x/.."]
)
def test_a_path_that_leads_away_is_refused(folder: Folder, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnpackingError, match="has a member with the path"):
        unpack(archive(member(name, size=1)), {"/opt/app": folder})

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["place"]


def test_nothing_is_written_through_a_link_of_the_archive(folder: Folder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    members = (
        member("opt/app", tarfile.DIRTYPE),
        member("opt/app/inner", tarfile.SYMTYPE, str(outside)),
        member("opt/app/inner/planted", size=1),
    )

    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        unpack(archive(*members), {"/opt/app": folder})

    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.LNKTYPE])
def test_only_files_folders_and_links_are_unpacked(folder: Folder, kind: bytes) -> None:
    with pytest.raises(UnpackingError, match="neither file, folder nor link"):
        unpack(archive(member("opt/app/x", kind, "opt/app/y")), {"/opt/app": folder})


def test_a_member_that_comes_twice_is_refused(folder: Folder) -> None:
    twice = member("opt/app/x", size=1), member("opt/app/x", size=2)

    with pytest.raises(FileExistsError):
        unpack(archive(*twice), {"/opt/app": folder})


def test_a_tree_takes_over_what_it_lacks_and_gives_it_back(tmp_path: Path) -> None:
    for path in ("old/venv/bin", "old/deep/venv", "new/deep", "new/venv_of_mine"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "old" / "deep" / "code.py").write_text("x")
    for path in ("old", "new"):
        (tmp_path / path).chmod(0o700)
    moved: list[tuple[str, ...]] = []

    with (
        Folder.private(tmp_path / "old") as old,
        Folder.private(tmp_path / "new") as new,
    ):
        move_missing(old, new, lambda name: name == "venv", moved)
        taken = sorted(path.name for path in (tmp_path / "new").rglob("*"))
        move_each(new, old, moved)

    assert taken == ["bin", "deep", "venv", "venv", "venv_of_mine"]
    assert moved == []
    assert (tmp_path / "old" / "venv" / "bin").is_dir()
    assert (tmp_path / "old" / "deep" / "venv").is_dir()
