# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module backup_verify, called as Ansible calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from library import backup, backup_verify
from tests.unit.library.module_calls import Call, by_check, caller


@pytest.fixture
def root(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Path:
    """Return a catalogue with one set."""
    (tmp_path / "main.py").write_text("print('shop')\n")
    caller(backup, capsys)(
        system="shop",
        root=str(tmp_path / "sets"),
        free_percent=0,
        artefacts=[{"name": "files", "files": {"paths": [str(tmp_path / "main.py")]}}],
    )

    return tmp_path / "sets"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], root: Path) -> Call:
    """Return a function that verifies the catalogue."""
    run = caller(backup_verify, capsys)

    return lambda **options: run(**{"system": "shop", "root": str(root), **options})


def test_a_good_catalogue_is_ok(call: Call) -> None:
    answer = call(reread_days=0)

    assert {found["status"] for found in answer["findings"]} == {"ok"}
    assert answer["sets"][0]["is_verified"]


def test_a_damaged_set_is_critical_and_breaks_the_promise(call: Call, root: Path) -> None:
    [archive] = root.glob("2*/files/files.tar.zst")
    archive.write_bytes(b"damaged")

    answer = call()

    assert by_check(answer)[f"backup_set:{archive.parts[-3]}"]["status"] == "critical"
    assert by_check(answer)["backup:age"]["status"] == "critical"


def test_check_mode_reads_nothing(call: Call, root: Path) -> None:
    [record] = (root / ".records").iterdir()
    before = record.read_bytes()
    [archive] = root.glob("2*/files/files.tar.zst")
    archive.write_bytes(b"damaged")

    call(reread_days=0, _ansible_check_mode=True)

    assert record.read_bytes() == before


def test_a_root_that_is_missing_breaks_the_promise(call: Call, tmp_path: Path) -> None:
    answer = call(root=str(tmp_path / "nowhere"))

    assert by_check(answer)["backup:age"]["status"] == "critical"
