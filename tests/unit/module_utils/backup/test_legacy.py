# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies that earlier recipes left are listed and looked at, never counted and never deleted."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup.settings import SettingsError, parse_verify

from tests.unit.module_utils.backup.conftest import Shop, message, statuses

CHECK: t.Final = "backup:legacy"


def lines(shop: Shop, pattern: str) -> dict[str, str]:
    """Return what is said of each copy, by its name."""
    answer = shop.verify(legacy=[f"{shop.folder}/{pattern}"])
    [found] = [one for one in answer["findings"] if one["check"] == CHECK]

    return {Path(line.partition(": ")[0]).name: line for line in found.get("lines", ())}


def zstd(data: bytes) -> bytes:
    """Return what zstd makes of some bytes."""
    return subprocess.run(["zstd", "-q"], input=data, capture_output=True, check=True).stdout


def old(path: Path, days: int) -> None:
    """Make a file some days older."""
    moment = path.stat().st_mtime - days * 86400
    os.utime(path, (moment, moment))


def make(shop: Shop, name: str) -> Path:
    """Make a copy as a recipe does, by its form."""
    path = shop.folder / name
    suffix = path.suffix
    if suffix == ".db":
        shutil.copy(shop.database, path)
    elif suffix == ".rdb":
        path.write_bytes(b"REDIS0010" + b"x" * 40 + b"\xff" + b"checksum")
    elif suffix == ".zst":
        path.write_bytes(zstd(os.urandom(5000)))
    else:
        path.write_bytes(gzip.compress(os.urandom(5000)))

    return path


@pytest.mark.parametrize("name", ["a.sql.gz", "a.tar.gz", "a.zst", "a.db", "a.rdb"])
def test_a_whole_copy_and_one_that_was_cut_are_told_apart(shop: Shop, name: str) -> None:
    path = make(shop, name)

    assert lines(shop, name)[name].endswith("whole")

    path.write_bytes(path.read_bytes()[:-12])

    assert "damaged: " in lines(shop, name)[name]

    path.write_bytes(b"")

    assert "damaged: " in lines(shop, name)[name]


def test_only_the_newest_of_a_pattern_is_read(shop: Shop) -> None:
    for days in (2, 1, 0):
        old(make(shop, f"copy_{days}.sql.gz"), days)

    found = lines(shop, "copy_*")

    assert list(found) == ["copy_0.sql.gz", "copy_1.sql.gz", "copy_2.sql.gz"]
    assert found["copy_0.sql.gz"].endswith("whole")
    assert found["copy_2.sql.gz"].endswith("not read")


def test_they_are_no_sets_and_stay(shop: Shop) -> None:
    path = make(shop, "copy.sql.gz")
    pattern = f"{shop.folder}/copy*"

    before = shop.verify(legacy=[pattern])

    assert "there is no verified set yet, so keep them" in message(before, CHECK)
    assert statuses(before)["backup:age"] == "critical"

    shop.backup(retention={"last": 1, "days": 0})
    after = shop.verify(legacy=[pattern])

    assert "they may be removed by hand" in message(after, CHECK)
    assert statuses(after)["backup:age"] == "ok"
    assert path.exists()


def test_a_damaged_one_is_a_warning_while_it_is_all_there_is(shop: Shop) -> None:
    path = make(shop, "copy.sql.gz")
    path.write_bytes(path.read_bytes()[:-12])
    pattern = f"{shop.folder}/copy*"

    assert statuses(shop.verify(legacy=[pattern]))[CHECK] == "warning"

    shop.backup()

    assert statuses(shop.verify(legacy=[pattern]))[CHECK] == "ok"


def test_links_and_folders_are_no_copies(shop: Shop) -> None:
    (shop.folder / "copy_link.gz").symlink_to("/etc/shadow")
    (shop.folder / "copy_folder.gz").mkdir()
    os.mkfifo(shop.folder / "copy_pipe.gz")

    assert lines(shop, "copy_*") == {}


def test_an_odd_name_ends_no_line(shop: Shop) -> None:
    (shop.folder / "copy_\x1b[2K\nx.sql.gz").write_bytes(gzip.compress(b"x"))

    [line] = lines(shop, "copy_*").values()

    assert "\x1b" not in line
    assert "\n" not in line


def test_without_patterns_nothing_is_said(shop: Shop) -> None:
    assert CHECK not in statuses(shop.verify())


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(SettingsError, match="legacy"):
        parse_verify({"system": "shop", "root": "/x/y", "legacy": ["backups/*"]})
