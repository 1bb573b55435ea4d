# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a run is written first. What the variable upkeep_store does: tests/contract."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from upkeep.run import store_setting

DATABASE = "sqlite:////somewhere/runs.sqlite"


def test_a_database_is_fed_from_the_project(tmp_path: Path) -> None:
    assert store_setting.first_folder(DATABASE, tmp_path) == tmp_path / "store"


def test_a_read_only_project_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    folder = store_setting.first_folder(DATABASE, tmp_path)

    assert folder.is_dir()
    assert tmp_path not in folder.parents
    assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_is_taken_as_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert store_setting.first_folder(str(tmp_path / "x"), tmp_path) == tmp_path / "x"
