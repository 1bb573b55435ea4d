# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people report in the trackers of other backup tools, tried on ours.

Reports that other tests hold already are named where they are: a dump that fails or is cut short
(Skyfay/DBackup #154, k0lter/autopostgresqlbackup #2, ansible/ansible #40424) in
tests/faults/test_backup_programs.py and test_backup_calls.py; appended bytes, more files and
missing files of a set (restic/restic #258, #797, pgbackrest/pgbackrest #2139) in
tests/faults/test_backup_damage.py; a client older than the server (AmbitionEng/django-pgclone #38,
borgmatic-collective/docker-borgmatic #313, #370, #506) in test_postgresql.py; expiry after a backup
that failed (pgbackrest/pgbackrest #2151), sets from the future and a policy that is held against
another moment than now (restic/restic #3416, #5193) in test_retention.py and
tests/faults/test_backup_lives.py; old copies that stay until another program is called
(cybertec-postgresql/pg_hardstorage #66) in tests/regressions/test_backup_recipes.py; an encrypted
copy that is called damaged since its key is elsewhere (cybertec-postgresql/pg_hardstorage #28) in
test_encryption.py; a drill that fails for good copies (cybertec-postgresql/pg_hardstorage #26), a
later client beside the server (borgmatic-collective/docker-borgmatic #388, #413) and a set from the
future that counts as the latest (restic/restic #21956) in the tests of restores.
"""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import typing as t
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup import verify as verifying
from ansible.module_utils.upkeep.backup.artefacts import postgresql
from ansible.module_utils.upkeep.backup.settings import SettingsError
from ansible.module_utils.upkeep.base.reader import ROLE
from ansible.module_utils.upkeep.base.trees import TreeWalk

from tests.unit.module_utils.backup.conftest import Shop, message, statuses
from tests.unit.module_utils.backup.test_postgresql import artefact, facts_of, restore
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, server

CHECK: t.Final = "backup_set:20260301T020000Z"
MOUNTED: t.Final = "/dev/shm"  # noqa: S108 - of which only one new file is written


@pytest.fixture(scope="module")
def pg() -> Server:
    """Return the throw-away server with the role that reads."""
    running = server()
    make_reader(running)

    return running


def damage(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def members(shop: Shop, name: str) -> list[str]:
    """Return the names in the archive of a set, as tar lists them."""
    archive = shop.root / name / "files" / "files.tar.zst"
    listed = subprocess.run(["tar", "-tf", archive], capture_output=True, check=True).stdout

    return os.fsdecode(listed).splitlines()


def test_a_path_of_several_that_is_missing_is_no_success(shop: Shop) -> None:
    """Hold restic/restic #4467: a missing source was left out, and the exit status was 0.

    Also borgbackup/borg #3902, where a set without any file was made of it.
    """
    paths = [str(shop.app), str(shop.folder / "gone")]

    answer = shop.backup(artefacts=[shop.files_artefact(paths=paths)])

    assert "gone" in message(answer, "backup:files")
    assert statuses(answer)["backup:set"] == "critical"
    assert shop.names() == []


def test_a_folder_that_is_empty_is_no_success(shop: Shop) -> None:
    """Hold duplicati/duplicati #4496: the disk was not mounted, and the newest backup was empty.

    Also grke/burp #733 and nextcloud/all-in-one #4005.
    """
    shop.backup()
    shop.later(days=1)
    shutil.rmtree(shop.app)
    shop.app.mkdir()

    answer = shop.backup()

    assert message(answer, "backup:files") == "there are 0 files; at least 1 are expected"
    assert len(shop.names()) == 1


def test_an_idle_file_in_wal_mode_is_copied(shop: Shop) -> None:
    """Hold David-Crty/databasement #284: without -wal and -shm it could not be opened for reading.

    Also where its folder lets nobody make those files.
    """
    assert not shop.database.with_name("orders.db-wal").exists()

    folder = shop.folder / "data"
    folder.mkdir()
    shop.database.rename(folder / "orders.db")
    shop.database = folder / "orders.db"
    folder.chmod(0o555)
    try:
        answer = shop.backup(artefacts=[shop.sqlite_artefact()])
    finally:
        folder.chmod(0o755)

    assert statuses(answer)["backup:orders"] == "ok", answer


def test_rows_in_the_log_of_a_live_writer_are_kept(shop: Shop) -> None:
    """Hold librefang/librefang #7966 and alike: files of a live database that were copied."""
    with closing(sqlite3.connect(shop.database)) as writer:
        writer.execute('INSERT INTO "Odd ""name" (note) VALUES (1)')
        writer.commit()

        assert shop.database.with_name("orders.db-wal").stat().st_size > 0

        answer = shop.backup(artefacts=[shop.sqlite_artefact()])

    assert statuses(answer)["backup:orders"] == "ok"
    assert facts_of(shop)["tables"] == [{"name": 'Odd "name', "rows": 501}]


def test_pipes_and_sockets_do_not_hang_a_backup(shop: Shop) -> None:
    """Hold borgmatic-collective/docker-borgmatic #390 and alike: reading a pipe waits for ever."""
    os.mkfifo(shop.app / "pipe")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(shop.app / "socket"))

        answer = shop.backup(artefacts=[{**shop.files_artefact(), "max_seconds": 20}])

    assert statuses(answer)["backup:files"] == "ok"
    assert len(facts_of(shop)["left_out"]) == 2


def test_a_path_that_is_listed_twice_is_kept_once(shop: Shop) -> None:
    """Hold the cause of borgmatic-collective/docker-borgmatic #390: nested and doubled paths."""
    paths = [str(shop.app), f"{shop.app}/main.py", str(shop.app)]

    answer = shop.backup(artefacts=[shop.files_artefact(paths=paths)])

    found = members(shop, answer["made"])

    assert len(found) == len(set(found)), found


def test_names_that_are_no_text_are_kept(shop: Shop) -> None:
    """Hold borgbackup/borg #8183 and #382: names in other encodings ended the list or the run."""
    odd = os.fsencode(shop.app) + b"/\xff\xfe\n\x1b[2K"
    Path(os.fsdecode(odd)).write_text("odd")

    answer = shop.backup()

    assert statuses(answer)["backup:files"] == "ok"
    assert any("main.py" in name for name in members(shop, answer["made"]))
    assert "\x1b" not in str(answer)


def test_what_is_mounted_below_a_path_is_named(shop: Shop) -> None:
    """Hold restic/restic #909 and alike: what was mounted below was left out without a word."""
    walk = TreeWalk()
    paths = [entry.path for entry in walk.entries("/dev")]

    assert set(walk.mounts) & {"/dev/shm", "/dev/pts", "/dev/mqueue"}  # noqa: S108
    assert not [path for path in paths if path.startswith("/dev/pts/")]


@pytest.mark.skipif(not os.path.ismount(MOUNTED), reason="needs a mounted folder")
def test_a_path_that_is_a_mount_itself_is_kept(shop: Shop) -> None:
    """Hold andrewchambers/bupstash #345: with one file system, nothing of such a path was kept."""
    with tempfile.NamedTemporaryFile(dir=MOUNTED, prefix="upkeep-test-") as file:
        paths = [entry.path for entry in TreeWalk().entries(MOUNTED)]

    assert file.name in paths


def test_rows_behind_a_policy_are_all_kept(shop: Shop, pg: Server) -> None:
    """Hold Archmonger/django-dbbackup #496: a policy for rows hid them, or ended the dump."""
    database = pg.create_database(
        "",
        "CREATE TABLE orders AS SELECT generate_series(1, 9) AS n",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE orders FORCE ROW LEVEL SECURITY",
        "CREATE POLICY few ON orders USING (n < 3)",
    )

    answer = shop.backup(artefacts=[artefact(pg, database)])

    assert statuses(answer)["backup:database"] == "ok", answer
    assert [table["rows"] for table in facts_of(shop)["tables"]] == [9]


def test_rows_of_an_unlogged_table_are_kept(shop: Shop, pg: Server) -> None:
    """Hold amelielabs/amelie #63: a backup that succeeded, and rows that were not in it."""
    database = pg.create_database(
        "", "CREATE UNLOGGED TABLE orders AS SELECT generate_series(1, 9) AS n"
    )

    answer = shop.backup(artefacts=[artefact(pg, database)])

    assert statuses(answer)["backup:database"] == "ok", answer
    assert [table["rows"] for table in facts_of(shop)["tables"]] == [9]


def test_large_objects_are_kept_or_it_is_no_success(shop: Shop, pg: Server) -> None:
    """Hold dimitri/pgcopydb #14 and ankane/pgsync #229: large objects were left out silently."""
    database = pg.create_database("", "SELECT lo_from_bytea(4711, 'content')")
    refused = shop.backup(artefacts=[artefact(pg, database)])
    pg.run(database, f"GRANT SELECT ON LARGE OBJECT 4711 TO {ROLE}")
    answer = shop.backup(artefacts=[artefact(pg, database)])
    target = pg.create_database()
    restore(pg, shop.root / answer["made"] / "database" / "database.dump.zst", target)

    assert "large object" in message(refused, "backup:database")
    assert statuses(answer)["backup:database"] == "ok", answer
    assert pg.query(target, "SELECT lo_get(4711) = 'content'") == [(True,)]


@pytest.mark.parametrize(
    "name", ["a=b", "postgresql://host/x", "we \"ird' \\ -d", "-Fp", "%s 100%", "Shop-prod"]
)
def test_a_database_of_any_name_is_dumped(shop: Shop, pg: Server, name: str) -> None:
    """Hold names that a client takes for options or for a connection string.

    As skaiworldwide-oss/agensgraph #588, hestiacp/hestiacp #1084 and
    commandprompt/Audax-Data-Manager #910.
    """
    quoted = name.replace('"', '""')
    pg.run("postgres", f'DROP DATABASE IF EXISTS "{quoted}"', f'CREATE DATABASE "{quoted}"')
    try:
        pg.run(name, "CREATE TABLE orders AS SELECT generate_series(1, 7) AS n")

        answer = shop.backup(artefacts=[artefact(pg, name)])

        assert statuses(answer)["backup:database"] == "ok", answer
        assert [table["rows"] for table in facts_of(shop)["tables"]] == [7]
    finally:
        pg.run("postgres", f'DROP DATABASE "{quoted}"')


def test_every_damaged_file_of_a_set_is_named(shop: Shop) -> None:
    """Hold restic/restic #21820: not all broken parts were listed, so they were mended one by one.

    Also restic/restic #1359, where damage ended the program.
    """
    made = shop.backup(artefacts=[shop.files_artefact(), shop.sqlite_artefact()])["made"]
    for path in ("files/files.tar.zst", "orders/database.sqlite.zst"):
        damage(shop.root / made / path)

    found = message(shop.verify(reread_days=0), CHECK)

    assert "files/files.tar.zst" in found
    assert "orders/database.sqlite.zst" in found


def test_a_set_that_could_not_be_checked_is_not_called_good(
    shop: Shop, pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hold pryv/open-pryv.io #124: nothing was checked, nothing was wrong, so it was ok."""
    database = pg.create_database("", "CREATE TABLE orders AS SELECT 1 AS n")
    shop.backup(artefacts=[artefact(pg, database)])
    shop.later(hours=1)
    monkeypatch.setattr(postgresql, "program_path", lambda *_, **__: "/nonexistent/pg_restore")

    found = statuses(shop.verify(reread_days=0))

    assert found["backup:verification"] == "unknown"


def test_an_artefact_of_a_kind_that_is_not_known_is_not_called_good(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hold the same for sets of a later version."""
    shop.backup()
    shop.later(hours=1)
    monkeypatch.setattr(verifying, "KINDS", {})

    assert statuses(shop.verify(reread_days=0))[CHECK] == "critical"


def test_a_folder_without_manifest_and_a_record_without_folder_are_seen(shop: Shop) -> None:
    """Hold pgbackrest/pgbackrest #2752: what the index and the disk did not both have, unseen.

    Also #2723, where a whole backup was gone and all was well.
    """
    for _ in range(2):
        made = shop.backup(reason="demand")["made"]
        shop.later(hours=1)
    first, _ = shop.names()
    (shop.root / first / "manifest.json").unlink()
    record = shop.root / ".records" / f"{made}.json"
    (shop.root / made).rename(shop.folder / "moved")

    found = statuses(shop.verify())

    assert found[f"backup_set:{first}"] == "critical"
    assert found["backup:age"] == "critical"

    shop.backup(reason="demand")

    assert not record.exists()


def test_an_old_set_is_an_alarm_also_when_it_is_good(shop: Shop) -> None:
    """Hold pgbackrest/pgbackrest #1918: verifying does not say that the newest is too old."""
    shop.backup()
    shop.later(days=3)

    found = statuses(shop.verify())

    assert found[CHECK] == "ok"
    assert found["backup:age"] == "critical"


def test_a_set_is_read_when_it_is_made(shop: Shop) -> None:
    """Hold restic/restic #3684: only those who asked for it had new snapshots read."""
    shop.backup()
    with shop.catalogue() as catalogue:
        [one] = catalogue.sets()

    assert one.record
    assert one.manifest
    assert {file.path for file in one.manifest.files} == set(one.record.read)


def test_a_link_in_the_place_of_a_set_or_a_file_is_not_followed(shop: Shop) -> None:
    """Hold reports of links in repositories that led the check elsewhere."""
    made = shop.backup()["made"]
    archive = shop.root / made / "files" / "files.tar.zst"
    archive.rename(shop.folder / "elsewhere")
    archive.symlink_to(shop.folder / "elsewhere")

    assert statuses(shop.verify(reread_days=0))[CHECK] != "ok"


def test_what_is_restored_into_a_set_by_hand_is_read_again(shop: Shop) -> None:
    """Hold restic/restic #3412 for sets: a file whose time and size are as they were."""
    made = shop.backup()["made"]
    archive = shop.root / made / "files" / "files.tar.zst"
    before = archive.stat()
    damage(archive)
    os.utime(archive, ns=(before.st_atime_ns, before.st_mtime_ns))
    shop.later(days=31)

    assert statuses(shop.verify())[CHECK] == "critical"


def test_a_database_with_a_tablespace_is_kept(shop: Shop, pg: Server, tmp_path: Path) -> None:
    """Hold cybertec-postgresql/pg_hardstorage #17, where no backup could be made of it."""
    folder = Path(tempfile.mkdtemp(prefix="upkeep-space-"))
    owner = Path(str(pg.query("postgres", "SHOW data_directory")[0][0])).stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    pg.run("postgres", f"CREATE TABLESPACE apart LOCATION '{folder}'")
    database = pg.create_database(
        "", "CREATE TABLE orders TABLESPACE apart AS SELECT generate_series(1, 9) AS n"
    )
    try:
        answer = shop.backup(artefacts=[artefact(pg, database)])
    finally:
        pg.run("postgres", f"DROP DATABASE {database}", "DROP TABLESPACE apart")
        shutil.rmtree(folder)

    assert statuses(answer)["backup:database"] == "ok", answer
    assert [table["rows"] for table in facts_of(shop)["tables"]] == [9]


def test_check_mode_does_not_say_that_a_held_set_would_go(shop: Shop) -> None:
    """Hold cybertec-postgresql/pg_hardstorage #28: a preview listed what was held as deleted."""
    shop.backup(hold="before the move")
    for _ in range(2):
        shop.later(days=10)
        shop.backup()

    answer = shop.backup(check_mode=True, retention={"last": 1, "days": 0})

    assert message(answer, "backup:retention") == "redundant, would be deleted: 20260311T020000Z"


def test_the_last_set_of_each_month_stays(shop: Shop) -> None:
    """Hold restic/restic #4415: sets around midnight of the last day of a month left none of it."""
    for day in ("2026-03-31T22:30", "2026-03-31T23:59", "2026-04-30T23:59", "2026-05-01T00:00"):
        shop.now = datetime.fromisoformat(f"{day}:00+00:00")
        shop.backup(reason="demand", retention={"last": 1, "days": 0, "monthly": 3})

    assert shop.names() == ["20260331T235900Z", "20260430T235900Z", "20260501T000000Z"]


def test_an_artefact_that_fails_does_not_leave_a_set_of_the_others(shop: Shop) -> None:
    """Hold borgmatic-collective/docker-borgmatic #355: files or the database were kept, not both.

    Nobody was told.
    """
    gone = {"name": "gone", "sqlite": {"path": str(shop.folder / "gone.db")}}
    both = [shop.files_artefact(), shop.sqlite_artefact()]

    failed = shop.backup(artefacts=[*both, gone])
    made = shop.backup(artefacts=both)["made"]

    assert statuses(failed)["backup:set"] == "critical"
    assert shop.names() == [made]
    assert sorted(path.name for path in (shop.root / made).iterdir() if path.is_dir()) == [
        "files",
        "orders",
    ]


def test_records_that_are_lost_cost_a_second_reading_and_nothing_else(shop: Shop) -> None:
    """Hold borgmatic-collective/docker-borgmatic #357: when checks were done was not kept."""
    shop.backup()
    shutil.rmtree(shop.root / ".records")
    before = statuses(shop.backup(state="observed"))
    shop.later(hours=1)

    assert before["backup:age"] == "critical"
    assert statuses(shop.verify())["backup:age"] == "ok"
    assert statuses(shop.backup(state="observed"))["backup:age"] == "ok"


def test_two_sets_of_one_second_are_two(shop: Shop) -> None:
    """Hold theoriclabs/LeanDB #74 and ninetails-io/gnucash-mcp #67: one name for two copies."""
    first = shop.backup(reason="demand")["made"]
    second = shop.backup(reason="demand")["made"]

    assert first != second


@pytest.mark.parametrize("path", ["", "/..", "/sets"])
def test_sets_do_not_hold_the_sets_before_them(shop: Shop, path: str) -> None:
    """Hold borgbackup/community #69 and alike: the backups lay in what was backed up."""
    around = os.path.normpath(f"{shop.folder}{path}")

    with pytest.raises(SettingsError, match="in which root lies"):
        shop.backup(artefacts=[{"name": "all", "files": {"paths": [around]}}])
