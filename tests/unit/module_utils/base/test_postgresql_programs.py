# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of several installed versions of PostgreSQL's programs is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import postgresql_programs
from ansible.module_utils.upkeep.base.postgresql_programs import program_path


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder with three versions, of which only two have a server."""
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "pg_dump").touch()
    for version in ("9.6", "15"):
        (tmp_path / version / "bin" / "initdb").touch()
    monkeypatch.setattr(postgresql_programs, "_FOLDERS", tmp_path)

    return tmp_path


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        ("pg_dump", 15, "15"),
        ("pg_dump", 17, "17"),
        ("pg_dump", 0, "17"),
        ("pg_dump", 16, "17"),
        ("initdb", 17, "15"),
    ],
)
def test_the_version_that_fits_is_called_and_else_the_newest(
    installed: Path, name: str, version: int, found: str
) -> None:
    assert program_path(name, version=version) == f"{installed}/{found}/bin/{name}"


@pytest.mark.usefixtures("installed")
def test_a_folder_that_was_named_wins() -> None:
    assert program_path("pg_dump", "/opt/pg/bin", 15) == "/opt/pg/bin/pg_dump"


@pytest.mark.usefixtures("installed")
def test_what_is_not_installed_is_left_to_the_search_path() -> None:
    assert program_path("pg_amcheck", version=15) == "pg_amcheck"
