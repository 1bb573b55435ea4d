# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that tests leave behind go; what is in use, young, linked or kept stays."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.cache_maintenance.findings import leftovers
from ansible.module_utils.upkeep.cache_maintenance.leftover_files import (
    LeftoverError,
    LeftoverReport,
    clean,
)

from tests.unit.module_utils.cache_maintenance.folders import open_way, put, settings


def cleaned(root: Path, rehearsal: bool = False, **options: t.Any) -> LeftoverReport:
    """Return what a clean-up reports."""
    entry = {"name": "tests", "root": str(root), "files": "test_*.db", **options}

    return clean(settings(root, leftovers=[entry]).leftovers[0], rehearsal, 20)


def test_old_ones_go_with_what_belongs_to_them(tmp_path: Path) -> None:
    old = put(tmp_path / "tests", "test_a.db", "x", 30)
    log = put(tmp_path / "tests", "test_a.db-wal", "x", 30)
    other = put(tmp_path / "tests", "production.db", "x", 30)

    report = cleaned(tmp_path)

    assert report.removed == [str(old)]
    assert not log.exists()
    assert other.exists()
    assert cleaned(tmp_path).due == []


def test_young_ones_stay_and_so_do_those_whose_log_is_young(tmp_path: Path) -> None:
    put(tmp_path / "tests", "test_young.db", "x", 1)
    put(tmp_path / "tests", "test_written.db", "x", 30)
    put(tmp_path / "tests", "test_written.db-wal", "x", 0)

    report = cleaned(tmp_path)

    assert report.removed == []
    assert report.young == 2


def test_one_that_is_open_or_kept_stays(tmp_path: Path) -> None:
    opened = put(tmp_path, "test_open.db", "x", 30)
    kept = put(tmp_path, "test_kept.db", "x", 30)
    with opened.open():
        report = cleaned(tmp_path, keep=[str(kept)])

    assert sorted(report.in_use) == sorted([str(opened), str(kept)])
    assert opened.exists()
    assert kept.exists()


def test_links_environments_and_what_is_behind_them_stay(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", "test_x.db", "x", 30)
    root = tmp_path / "root"
    packaged = put(tmp_path, "x", "x", 30)
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "test_link.db").symlink_to(outside)
    (root / "venv").mkdir()
    packaged = put(root / "venv", "test_lib.db", "x", 30)

    assert cleaned(root).due == []
    assert outside.exists()
    assert packaged.exists()


@pytest.mark.parametrize("name", ["test_a b.db", "test_'q.db", "test_two\nlines.db"])
def test_odd_names_go_as_well(tmp_path: Path, name: str) -> None:
    put(tmp_path, name, "x", 30)

    assert len(cleaned(tmp_path).removed) == 1


def test_a_rehearsal_removes_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, "test_a.db", "x", 30)

    assert cleaned(tmp_path, rehearsal=True).due == [str(path)]
    assert path.exists()


def test_a_missing_root_is_said(tmp_path: Path) -> None:
    with pytest.raises(LeftoverError, match="No such file"):
        cleaned(tmp_path / "none")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_the_owner_removes_and_not_root(tmp_path: Path) -> None:
    open_way(tmp_path)
    root = tmp_path / "root"
    path = put(root, "test_a.db", "x", 30)
    os.chown(root, 65534, 65534)
    root.chmod(0o555)

    report = cleaned(root)

    assert "Permission denied" in report.failed[0]
    assert path.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
@pytest.mark.parametrize("name", ["", "inner", "in\nner"])
def test_a_folder_that_its_owner_cannot_read_is_unknown(tmp_path: Path, name: str) -> None:
    open_way(tmp_path)
    root = tmp_path / "root"
    path = put(root, "test_a.db", "x", 30)
    closed = root / name
    closed.mkdir(exist_ok=True)
    for each in (root, path, closed):
        os.chown(each, 65534, 65534)
    closed.chmod(0o300)

    report = cleaned(root)
    entry = {"name": "tests", "root": str(root), "files": "test_*.db"}
    found = leftovers(settings(tmp_path, leftovers=[entry]).leftovers[0], report, rehearsal=False)

    assert report.unread == [f"{closed}: Permission denied"]
    assert report.removed == ([str(path)] if name else [])
    assert found["status"] == "unknown"
    assert f"could not be searched; {len(report.removed)} files were" in found["message"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_folder_that_others_keep_to_themselves_is_left_out(tmp_path: Path) -> None:
    open_way(tmp_path)
    root = tmp_path / "root"
    for each in (root, put(root, "test_a.db", "x", 30)):
        os.chown(each, 65534, 65534)
    closed = root / "backups"
    closed.mkdir(mode=0o700)
    put(closed, "test_b.db", "x", 30)

    report = cleaned(root)

    assert report.unread == []
    assert report.removed == [str(root / "test_a.db")]
    assert (closed / "test_b.db").exists()
