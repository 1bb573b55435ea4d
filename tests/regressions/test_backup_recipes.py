# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Backups by hand and by this project: what is left when something goes wrong.

Each test shows a hand-written recipe calling a bad backup good, or deleting good ones, and then
ours in the same place.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.module_utils.backup.conftest import Shop, message, statuses
from tests.unit.module_utils.backup.test_redis import facts, snapshot
from tests.unit.module_utils.redis_tune.server import running

DAY = 86400


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Return a host with an application."""
    return Shop(tmp_path)


def recipe(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a recipe as a script of a guide does, in a folder."""
    return subprocess.run(["bash", "-c", text], cwd=folder, text=True, capture_output=True)


def test_a_dump_that_broke_off_passes_gunzip(shop: Shop) -> None:
    backups = shop.folder / "backups"
    backups.mkdir()
    dump = "sh -c 'echo CREATE TABLE orders; exit 1'"  # a dump that loses its server half way

    done = recipe(f"{dump} | gzip > database.sql.gz && gunzip -t database.sql.gz", backups)

    assert done.returncode == 0

    argv = ["sh", "-c", "echo CREATE TABLE orders; exit 1"]
    user = Path(shop.folder).owner()
    answer = shop.backup(artefacts=[{"name": "dump", "command": {"argv": argv, "run_as": user}}])

    assert message(answer, "backup:dump") == "sh ended with 1"
    assert shop.names() == []


def test_a_copied_file_of_sqlite_lacks_what_is_in_its_log(shop: Shop) -> None:
    query = 'SELECT count(*) FROM "Odd ""name"'
    with closing(sqlite3.connect(shop.database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("""INSERT INTO "Odd ""name" SELECT id + 500, note FROM "Odd ""name" """)
        writer.commit()

        recipe("cp orders.db copy.db", shop.folder)
        with closing(sqlite3.connect(shop.folder / "copy.db")) as copy:
            copied = copy.execute(query).fetchone()[0]
        shop.backup(artefacts=[shop.sqlite_artefact()])

    assert copied == 500

    with shop.catalogue() as catalogue:
        manifest = catalogue.sets()[-1].manifest

    assert manifest
    assert manifest.artefacts[0].facts["tables"] == [{"name": 'Odd "name', "rows": 1000}]


def test_seven_days_by_find_are_eight(shop: Shop) -> None:
    backups = shop.folder / "backups"
    backups.mkdir()
    for days in range(12):
        path = backups / f"code_{days}.tar.gz"
        path.write_text("x")
        moment = time.time() - days * DAY - 60
        os.utime(path, (moment, moment))

    recipe("find . -type f -mtime +7 -delete", backups)

    assert len(list(backups.iterdir())) == 8

    for _ in range(12):
        shop.later(days=1, minutes=1)
        shop.backup(retention={"last": 1, "days": 7})

    assert len(shop.names()) == 7


def test_a_week_of_failures_deletes_every_backup(shop: Shop) -> None:
    backups = shop.folder / "backups"
    backups.mkdir()
    old = backups / "code_1.tar.gz"
    old.write_text("the last good one")
    os.utime(old, (time.time() - 9 * DAY,) * 2)

    recipe(
        "tar -czf code_2.tar.gz /nowhere; rm -f code_2.tar.gz; find . -mtime +7 -delete", backups
    )

    assert list(backups.iterdir()) == []

    keep = {"last": 1, "days": 7}
    shop.backup(retention=keep)
    shutil.rmtree(shop.app)
    for _ in range(9):
        shop.later(days=1)
        failed = shop.backup(retention=keep)

    assert statuses(failed)["backup:set"] == "critical"
    assert statuses(failed)["backup:age"] == "critical"
    assert len(shop.names()) == 1


def test_the_second_backup_of_a_day_overwrites_the_first(shop: Shop) -> None:
    backups = shop.folder / "backups"
    backups.mkdir()
    for content in ("good", "already damaged"):
        (shop.app / "main.py").write_text(content)
        recipe(f"cp {shop.app}/main.py main_$(date +%Y%m%d).py", backups)

    assert [path.read_text() for path in backups.iterdir()] == ["already damaged"]

    shop.backup(reason="change")
    shop.later(seconds=30)
    shop.backup(reason="change")

    assert len(shop.names()) == 2


def test_a_backup_under_the_default_mask_is_readable_by_all(shop: Shop) -> None:
    (shop.app / ".env").write_text("PASSWORD=secret")
    (shop.app / ".env").chmod(0o600)

    recipe(f"umask 022; tar -czf config.tar.gz {shop.app}/.env", shop.folder)

    assert (shop.folder / "config.tar.gz").stat().st_mode & 0o004

    made = shop.backup()["made"]
    modes = {path.stat().st_mode & 0o077 for path in (shop.root / made).rglob("*")}

    assert modes == {0}
    assert shop.root.stat().st_mode & 0o077 == 0


def test_a_snapshot_is_copied_before_redis_has_written_it(shop: Shop) -> None:
    folder = shop.folder / "redis"
    folder.mkdir()
    with running(folder, 'save ""') as server:
        server.ask("SET", "old", "x")
        server.ask("SAVE")
        for number in range(100):
            server.ask("SET", f"new:{number}", "x")
        server.ask("CONFIG", "SET", "rdb-key-save-delay", 20_000)  # as with many keys: 2 seconds

        save = f"redis-cli -p {server.port} BGSAVE && cp dump.rdb copy.rdb"
        done = recipe(f"{save} && redis-check-rdb copy.rdb", folder)

        assert done.returncode == 0
        assert "[info] 1 keys read" in done.stdout, "the copy was to lack the new keys"

        server.ask("CONFIG", "SET", "rdb-key-save-delay", 0)
        answer = shop.backup(artefacts=[snapshot(server)])

    assert statuses(answer)["backup:redis"] == "ok"
    assert facts(shop)["keys"] == 101
