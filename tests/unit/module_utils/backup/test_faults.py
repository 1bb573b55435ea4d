# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong is named, and nothing is lost by it; tests/faults tries every call."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest

from tests.unit.module_utils.backup.conftest import START, Shop, message, statuses


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("exit 1", "zstd ended with 1"),
        ("head -c 100", "zstd stopped reading"),
        ("cat >/dev/null", "cannot be read to the end"),
        ("sleep 60", "it took longer than"),
    ],
)
def test_a_zstd_that_misbehaves_leaves_no_set(
    shop: Shop, stand_in: t.Callable[[str, str], None], body: str, reason: str
) -> None:
    stand_in("zstd", body)
    (shop.app / "data").write_bytes(os.urandom(200_000))

    answer = shop.backup(
        artefacts=[{**shop.files_artefact(), "max_seconds": 2 if "sleep" in body else 600}]
    )

    assert reason in message(answer, "backup:files")
    assert shop.names() == []


def test_a_clock_that_jumped_back_deletes_nothing(shop: Shop) -> None:
    for _ in range(3):
        shop.backup()
        shop.later(days=10)
    shop.now = START

    answer = shop.backup(reason="demand", retention={"last": 1, "days": 0})

    assert statuses(answer)["backup:retention"] == "critical"
    assert len(shop.names()) == 4


def test_retention_deletes_sets_and_what_is_known_of_them(shop: Shop) -> None:
    for _ in range(4):
        shop.backup()
        shop.later(days=10)

    answer = shop.backup(retention={"last": 2, "days": 0})

    assert len(answer["expired"]) == 3
    assert len(shop.names()) == 2
    assert len(list((shop.root / ".records").iterdir())) == 2


def test_what_killed_runs_left_in_staging_is_removed_by_the_next(shop: Shop) -> None:
    """Hold dokku/dokku-postgres #97 and alike: temporary dumps filled the disk."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        staging = Path(name)
        staging.chmod(0o711)
        for left in ("left", "held", "young"):
            folder = staging / f".upkeep-staging-{left}"
            folder.mkdir(0o700)
            (folder / "database.dump").write_text("a whole database")
            os.chown(folder, 65534, 65534)
            if left != "young":
                os.utime(folder, (1, 1))
        copies = {"upkeep-backup-20261127", ".upkeep-staging-other", "other"}
        for copy in copies:  # what somebody put there is none of ours
            (staging / copy).mkdir(0o700)
            os.utime(staging / copy, (1, 1))
        os.chown(staging / ".upkeep-staging-other", 65533, 65533)
        (staging / ".upkeep-staging-link").symlink_to("other")
        held = os.open(staging / ".upkeep-staging-held", os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)

        answer = shop.backup(artefacts=[shop.sqlite_artefact()], staging=name)

        os.close(held)
        kept = {path.name for path in staging.iterdir()}

    assert statuses(answer)["backup:orders"] == "ok"
    assert kept == copies | {f".upkeep-staging-{left}" for left in ("held", "young", "link")}


def test_a_leftover_that_is_nested_without_an_end_keeps_nobody_from_a_backup(shop: Shop) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        staging = Path(folder)
        staging.chmod(0o711)
        nested, outer = staging / ".upkeep-staging-nested", staging / "outer"
        for _ in range(sys.getrecursionlimit()):
            outer.mkdir()
            if nested.exists():
                nested.rename(outer / "inner")
            outer.rename(nested)
        os.utime(nested, (1, 1))

        answer = shop.backup(artefacts=[shop.sqlite_artefact()], staging=folder)
        subprocess.run(["rm", "-rf", nested], check=True)

    assert statuses(answer)["backup:orders"] == "ok"
