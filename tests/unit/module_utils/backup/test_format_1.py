# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A set of catalogue format 1 that was made once is listed and verified by every later version."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import run as runs
from ansible.module_utils.upkeep.backup.catalogue import BackupCatalogue
from ansible.module_utils.upkeep.backup.settings import parse_verify

from tests.unit.module_utils.backup.conftest import statuses

FROZEN = Path(__file__).parent / "format_1"
NAME = "20260301T020000Z"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of the frozen catalogue with the modes that version control does not keep."""
    copied = tmp_path / "sets"
    shutil.copytree(FROZEN, copied)
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)

    return copied


def test_it_is_listed(root: Path) -> None:
    with BackupCatalogue(str(root)) as catalogue:
        [one] = catalogue.sets()

    assert one.name == NAME
    assert one.is_verified
    assert one.manifest
    assert one.manifest.system == "shop"
    assert [artefact.kind for artefact in one.manifest.artefacts] == [
        "postgresql",
        "sqlite",
        "files",
        "command",
    ]


def test_it_verifies_when_all_of_it_is_read_again(root: Path) -> None:
    moment = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    settings = parse_verify({"system": "shop", "root": str(root), "reread_days": 0})

    answer = runs.verify(settings, False, lambda: moment)

    assert statuses(answer) == {
        "backup:age": "ok",
        "backup:sets": "ok",
        "backup:size": "ok",
        f"backup_set:{NAME}": "ok",
        "backup:unread": "ok",
    }
