# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""State that a host keeps: what comes back, and what is refused instead of believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base.state_file import MAX_BYTES, StateFileError, load, save

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upkeep" / "state.json"


def test_what_was_saved_comes_back(path: Path) -> None:
    assert load(path, 1) is None

    save(path, 1, {"restarts": {"a.service": [1.5]}})

    assert load(path, 1) == {"restarts": {"a.service": [1.5]}}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_version_is_refused(path: Path) -> None:
    save(path, 2, {})

    with pytest.raises(StateFileError, match="another version of Upkeep"):
        load(path, 1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        b'{"version": 1, "x": NaN}',
        b"[" * 100_000,
        b'{"version": 1, "x": 1',
    ],
)
def test_damage_is_named(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(StateFileError, match="is damaged"):
        load(path, 1)


def test_a_file_that_is_too_large_is_not_read(path: Path) -> None:
    path.parent.mkdir()
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)

    with pytest.raises(StateFileError, match="is larger than"):
        load(path, 1)


@as_root
def test_a_file_of_somebody_else_is_not_believed(path: Path) -> None:
    save(path, 1, {})
    os.chown(path, 65534, 65534)

    with pytest.raises(StateFileError, match="belongs to the user id 65534"):
        load(path, 1)


def test_what_is_not_json_is_not_written(path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        save(path, 1, {"x": float("nan")})
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateFileError, match="cannot be written: Not a directory"):
        save(tmp_path / "file" / "state.json", 1, {})
