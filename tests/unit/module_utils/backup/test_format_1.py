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

#: The catalogue as the first version left it, and one with the kinds that came later.
FROZEN = Path(__file__).parent / "format_1"
FROZEN_LATER = Path(__file__).parent / "format_1_later"
#: The private key of the second one, which was made for it.
IDENTITY = Path(__file__).parent / "format_1_later.key"
KINDS = {
    FROZEN: ["postgresql", "sqlite", "files", "command"],
    FROZEN_LATER: ["postgresql", "redis", "journal", "files"],
}


def copy_frozen(frozen: Path, root: Path) -> None:
    """Copy a frozen catalogue with the modes that version control does not keep."""
    shutil.copytree(frozen, root)
    for path in (root, *root.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


@pytest.fixture(params=KINDS, ids=lambda frozen: frozen.name)
def frozen(request: pytest.FixtureRequest) -> Path:
    """Return a frozen catalogue."""
    return Path(request.param)


@pytest.fixture
def root(frozen: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    copy_frozen(frozen, tmp_path / "sets")

    return tmp_path / "sets"


def test_it_is_listed(root: Path, frozen: Path) -> None:
    with BackupCatalogue(str(root)) as catalogue:
        [one] = catalogue.sets()

    assert one.name in {path.name for path in frozen.iterdir()}
    assert one.is_verified
    assert one.manifest
    assert one.manifest.system == "shop"
    assert [artefact.kind for artefact in one.manifest.artefacts] == KINDS[frozen]


def test_it_verifies_when_all_of_it_is_read_again(root: Path, frozen: Path) -> None:
    [name] = [path.name for path in frozen.iterdir() if path.name.endswith("Z")]
    moment = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    settings = parse_verify({"system": "shop", "root": str(root), "reread_days": 0})

    answer = runs.verify(settings, False, lambda: moment)

    assert [one["is_verified"] for one in answer["sets"]] == [True]
    assert statuses(answer) == {
        "backup:age": "ok" if frozen == FROZEN_LATER else "critical",
        "backup:sets": "ok",
        "backup:size": "ok",
        f"backup_set:{name}": "ok",
        "backup:unread": "ok",
    }
