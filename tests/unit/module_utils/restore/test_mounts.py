# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file system below what is replaced does not go along with its old name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore.choose import RestoreError
from ansible.module_utils.upkeep.restore.mounts import mounts_in

from tests.unit.module_utils.backup.conftest import statuses
from tests.unit.module_utils.restore.conftest import RestoringShop

MOUNTINFO = (
    "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "30 21 8:2 / /srv/app/media rw shared:1 - ext4 /dev/sdb1 rw\n"
    "31 21 8:3 / /srv/app\\040two rw - ext4 /dev/sdc1 rw\n"
    "32 21 8:3 / /srv/application rw - ext4 /dev/sdc1 rw\n"
    "cut short\n"
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/app", ["/srv/app/media"]),
        ("/srv/app/media", ["/srv/app/media"]),
        ("/srv/app two", ["/srv/app two"]),
        ("/srv/app/media/uploads", []),
        ("/srv/other", []),
        ("/srv", ["/srv/app/media", "/srv/app two", "/srv/application"]),
    ],
)
def test_mounts_at_or_below_a_path_are_found(path: str, expected: list[str]) -> None:
    assert mounts_in(MOUNTINFO, [path]) == expected


@pytest.fixture
def media(shop: RestoringShop) -> Iterator[Path]:
    """Return a folder of the application that is another file system."""
    folder = shop.app / "media"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=1m", "upkeep-test", str(folder)]
    if subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (folder / "upload").write_text("only here")
        yield folder
    finally:
        for path in [folder, *(kept / "media" for kept in shop.kept(shop.app))]:
            subprocess.run(["umount", str(path)], capture_output=True, check=False)


def test_a_folder_with_another_file_system_below_it_is_not_replaced(
    shop: RestoringShop, media: Path
) -> None:
    shop.backup()
    (shop.app / "main.py").write_text("broken")

    with pytest.raises(RestoreError, match="mounted at or below what would be replaced"):
        shop.restore()

    assert (media / "upload").read_text() == "only here"

    answer = shop.restore(paths=[str(shop.app / "main.py")])

    assert statuses(answer)["restore:files"] == "ok"
    assert (shop.app / "main.py").read_text().startswith("print")


def test_beside_such_a_folder_is_room_for_what_is_restored(
    shop: RestoringShop, media: Path
) -> None:
    shop.backup()

    answer = shop.restore(action="side")

    assert statuses(answer)["restore:files"] == "ok"
    assert (media / "upload").read_text() == "only here"
