# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files in memory behave as those of a folder, and are gone with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.memory_files import MemoryFolder, is_in_memory


def test_what_is_written_is_read_from_its_start_more_than_once() -> None:
    with MemoryFolder() as folder:
        with folder.create("b") as out:
            out.write(b"content")
        folder.create("a").close()

        assert folder.names() == ["a", "b"]
        for _ in range(2):
            with folder.read("b") as stream:
                assert stream.read() == b"content"


def test_a_taken_name_is_refused_and_a_missing_one_is_named() -> None:
    with MemoryFolder() as folder:
        folder.create("a").close()

        with pytest.raises(FileExistsError):
            folder.create("a")
        with pytest.raises(FileNotFoundError):
            folder.read("b")


def test_a_closed_folder_keeps_no_descriptor() -> None:
    folder = MemoryFolder()
    folder.create("a").close()
    held = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    folder.close()
    left = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]

    assert any(target.startswith("/memfd:a") for target in held)
    assert not any(str(path.readlink()).startswith("/memfd:a") for path in left)


def test_memory_is_told_from_a_disk(tmp_path: Path) -> None:
    with MemoryFolder() as folder, folder.create("a") as out, (tmp_path / "a").open("w") as file:
        assert is_in_memory(out.fileno())
        assert not is_in_memory(file.fileno())
