# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What people report of other tools' restores, tried on ours."""

from __future__ import annotations

import os
import shutil
import tempfile
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import postgresql_programs
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.postgresql.server import Server, binaries
from tests.unit.module_utils.restore.conftest import (
    ORDERS,
    Rehearse,
    RestoringShop,
    dump_artefact,
    login_of,
)

SERVICE = 1234
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="owners are for root")


def rights(path: Path) -> tuple[int, int, int]:
    """Return owner, group and mode."""
    status = path.stat()

    return status.st_uid, status.st_gid, status.st_mode & 0o7777


@pytest.fixture
def deep(shop: RestoringShop) -> Path:
    """Return a file deep in the application, whose folders belong to a service."""
    path = shop.app / "data" / "inner" / "file"
    path.parent.mkdir(parents=True)
    path.write_text("content")
    (shop.app / "data").chmod(0o2770)
    (shop.app / "data" / "inner").chmod(0o750)
    if os.geteuid() == 0:
        os.chown(shop.app / "data", SERVICE, SERVICE)
        os.chown(shop.app / "data" / "inner", SERVICE, SERVICE)
    return path


@needs_root
def test_folders_that_are_gone_come_back_with_their_rights(shop: RestoringShop, deep: Path) -> None:
    outer, inner = rights(deep.parent.parent), rights(deep.parent)
    shop.backup()
    shutil.rmtree(shop.app / "data")

    shop.restore(paths=[str(deep)])

    assert deep.read_text() == "content"
    assert rights(deep.parent) == inner
    assert rights(deep.parent.parent) == outer


@needs_root
def test_folders_that_the_set_does_not_know_are_as_what_they_lie_in(
    shop: RestoringShop, deep: Path
) -> None:
    inner = str(deep.parent)
    shop.backup(artefacts=[{"name": "files", "files": {"paths": [inner]}}])
    shutil.rmtree(shop.app / "data")
    os.chown(shop.app, SERVICE, SERVICE)

    shop.restore()

    assert rights(shop.app / "data")[:2] == (SERVICE, SERVICE)
    assert deep.read_text() == "content"


def test_a_folder_that_nobody_may_write_comes_back_with_what_is_in_it(
    shop: RestoringShop, deep: Path
) -> None:
    deep.parent.chmod(0o555)
    shop.backup()
    deep.parent.chmod(0o755)
    shutil.rmtree(shop.app / "data")

    shop.restore()

    assert deep.read_text() == "content"
    assert deep.parent.stat().st_mode & 0o777 == 0o555
    deep.parent.chmod(0o755)


def test_files_with_two_names_come_back_under_both_and_can_be_restored_twice(
    shop: RestoringShop, deep: Path
) -> None:
    (shop.app / "second").hardlink_to(deep)
    shop.backup()

    for _ in range(2):
        deep.write_text("lost")
        shop.later(seconds=1)
        shop.restore()

        assert deep.read_text() == (shop.app / "second").read_text() == "content"


def be_folder(path: Path) -> None:
    """Put a folder with a file under a name."""
    path.mkdir()
    (path / "x").touch()


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.symlink_to("/etc/hostname"),
        lambda path: path.symlink_to("nowhere"),
        be_folder,
        lambda path: os.mkfifo(path),
    ],
    ids=["link", "broken link", "folder", "fifo"],
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_stands_under_the_name_is_kept_whatever_it_is(
    shop: RestoringShop, deep: Path, put: Callable[[Path], None], whole: bool
) -> None:
    hostname = Path("/etc/hostname").read_bytes()
    shop.backup()
    path = shop.app if whole else deep
    shutil.move(path, shop.folder / "aside")
    put(path)

    answer = shop.restore(paths=[] if whole else [str(path)])

    assert deep.read_text() == "content"
    assert not path.is_symlink()
    [kept] = answer["kept"]["files"]
    assert os.path.lexists(kept)
    assert Path("/etc/hostname").read_bytes() == hostname


@pytest.fixture
def newer_client(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[None]:
    """Have programs of a later version on the host, whose dumps and loads the server refuses."""
    with tempfile.TemporaryDirectory(prefix="upkeep-versions-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / binaries().parent.name).symlink_to(binaries().parent)
        later = folder / "99" / "bin"
        later.mkdir(parents=True)
        for program in ("pg_dump", "pg_dumpall", "pg_restore", "pg_amcheck"):
            (later / program).write_text("#!/bin/sh\necho unrecognized >&2\nexit 3\n")
            (later / program).chmod(0o755)
        monkeypatch.setattr(postgresql_programs, "_FOLDERS", folder)
        yield


@pytest.mark.usefixtures("newer_client")
def test_a_later_client_beside_the_server_is_not_used(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    """Hold borgmatic-collective/docker-borgmatic #388 and #413.

    A later client's dumps could not be read by the server's own, or loaded into the server.
    """
    name = pg.create_database("", *ORDERS)
    options = {"program_folder": ""}
    made = shop.backup(artefacts=[dump_artefact(pg, name, **options)])
    shop.later(hours=1)
    verified = shop.verify(reread_days=0)
    rehearsal = rehearsed(**options)
    pg.run(name, "DELETE FROM orders")

    answer = shop.restore(postgresql=login_of(pg, **options))

    assert statuses(made)["backup:database"] == "ok", made
    assert statuses(verified)["backup:age"] == "ok", verified
    assert statuses(rehearsal)["rehearsal:database"] == "ok", rehearsal
    assert statuses(answer)["restore:database"] == "ok"
    assert pg.query(name, "SELECT count(*) FROM orders") == [(1000,)]


@pytest.fixture
def tablespace(pg: Server) -> t.Iterator[tuple[str, Path]]:
    """Yield a tablespace with a difficult name, and its folder."""
    name = 'fast "disk"'
    folder = Path(tempfile.mkdtemp(prefix="upkeep-space-"))
    owner = Path(str(pg.query("postgres", "SHOW data_directory")[0][0])).stat()
    if os.geteuid() == 0:
        os.chown(folder, owner.st_uid, owner.st_gid)
    quoted = name.replace('"', '""')
    pg.run("postgres", f"""CREATE TABLESPACE "{quoted}" LOCATION '{folder}'""")
    yield quoted, folder
    pg.run("postgres", f'DROP TABLESPACE IF EXISTS "{quoted}"')
    shutil.rmtree(folder)


def test_a_tablespace_that_is_missing_costs_its_place_only(
    shop: RestoringShop, pg: Server, tablespace: tuple[str, Path], rehearsed: Rehearse
) -> None:
    quoted, _ = tablespace
    name = pg.create_database(
        "",
        *ORDERS,
        f'CREATE TABLE far (id integer PRIMARY KEY) TABLESPACE "{quoted}"',
        "INSERT INTO far VALUES (1)",
    )
    shop.backup(artefacts=[dump_artefact(pg, name)])
    pg.run("postgres", f"DROP DATABASE {name}", f'DROP TABLESPACE "{quoted}"')

    answer = shop.restore(postgresql=login_of(pg))

    assert statuses(answer)["restore:database"] == "ok"
    assert 'no tablespace fast "disk" here' in message(answer, "restore:database")
    assert pg.query(name, "SELECT count(*) FROM far") == [(1,)]
    assert statuses(rehearsed())["rehearsal:database"] == "ok"


def test_a_tablespace_that_is_there_is_used(
    shop: RestoringShop, pg: Server, tablespace: tuple[str, Path]
) -> None:
    quoted, _ = tablespace
    query = "SELECT spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace"
    name = pg.create_database("", *ORDERS, f'CREATE TABLE far (id int) TABLESPACE "{quoted}"')
    shop.backup(artefacts=[dump_artefact(pg, name)])

    answer = shop.restore(postgresql=login_of(pg))
    found = pg.query(name, f"{query} WHERE relname = 'far'")
    for database in (name, answer["kept"]["database"][0]):
        pg.run("postgres", f'DROP DATABASE "{database}"')

    assert found == [(quoted.replace('""', '"'),)]


def test_tables_in_parts_come_back_with_their_indexes(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    name = pg.create_database(
        "",
        "CREATE TABLE events (day date, n integer, PRIMARY KEY (day, n)) PARTITION BY RANGE (day)",
        "CREATE TABLE early PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-07-01')",
        "CREATE TABLE late PARTITION OF events FOR VALUES FROM ('2026-07-01') TO ('2027-01-01')",
        "INSERT INTO events SELECT '2026-01-01'::date + n, n FROM generate_series(1, 300) n",
        "CREATE INDEX by_number ON events (n)",
    )
    indexes = "SELECT relname, relkind FROM pg_class WHERE relkind IN ('i', 'I') AND oid > 16383"
    before = set(pg.query(name, indexes))
    shop.backup(artefacts=[dump_artefact(pg, name)])
    pg.run(name, "DELETE FROM events")

    rehearsal = rehearsed()
    answer = shop.restore(postgresql=login_of(pg))

    assert statuses(rehearsal)["rehearsal:database"] == "ok", rehearsal
    assert statuses(answer)["restore:database"] == "ok"
    assert pg.query(name, "SELECT count(*) FROM events") == [(300,)]
    assert len(before) == 6
    assert set(pg.query(name, indexes)) == before


def test_an_index_that_lacks_a_partition_comes_back_as_it_was(
    shop: RestoringShop, pg: Server
) -> None:
    name = pg.create_database(
        "",
        "CREATE TABLE events (n integer) PARTITION BY RANGE (n)",
        "CREATE TABLE early PARTITION OF events FOR VALUES FROM (1) TO (9)",
        "INSERT INTO events VALUES (1)",
        "CREATE INDEX half_made ON ONLY events (n)",
    )
    shop.backup(artefacts=[dump_artefact(pg, name)])

    answer = shop.restore(postgresql=login_of(pg))

    assert statuses(answer)["restore:database"] == "ok"
    assert pg.query(
        name, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'half_made'::regclass"
    ) == [(False,)]


def test_a_foreign_key_to_a_table_of_a_superuser_comes_back(
    shop: RestoringShop, pg: Server
) -> None:
    """Hold what a person makes as postgres among the tables of an application."""
    pg.run("postgres", "CREATE ROLE shop_keys")
    name = pg.create_database(
        "",
        'CREATE TABLE "Made by ""hand" (id integer PRIMARY KEY)',
        "CREATE TABLE orders (id integer PRIMARY KEY, other integer)",
        'INSERT INTO "Made by ""hand" VALUES (1)',
        "INSERT INTO orders VALUES (1, 1)",
        'ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES "Made by ""hand"',
        "ALTER TABLE orders ADD FOREIGN KEY (other) REFERENCES orders",
        "ALTER TABLE orders OWNER TO shop_keys",
    )
    keys = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
    before = sorted(pg.query(name, keys))
    try:
        shop.backup(artefacts=[dump_artefact(pg, name)])
        pg.run(name, "DROP TABLE orders")

        answer = shop.restore(postgresql=login_of(pg))
        after = sorted(pg.query(name, keys))
    finally:
        drop(pg, name, "shop_keys")

    assert statuses(answer)["restore:database"] == "ok"
    assert len(before) == 2
    assert after == before


def test_what_its_owner_could_not_make_again_alone_comes_back(
    shop: RestoringShop, pg: Server
) -> None:
    """Hold rights on a server and on the database, which come after what needs them."""
    pg.run("postgres", "CREATE ROLE shop_far")
    name = pg.create_database("", *ORDERS, "CREATE EXTENSION postgres_fdw")
    pg.run(
        name,
        "ALTER TABLE orders OWNER TO shop_far",
        f"GRANT CREATE ON DATABASE {name} TO shop_far",
        "GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO shop_far",
        "CREATE SERVER own FOREIGN DATA WRAPPER postgres_fdw",
        "ALTER SERVER own OWNER TO shop_far",
        "CREATE SERVER lent FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere')",
        "GRANT USAGE ON FOREIGN SERVER lent TO shop_far",
        "CREATE USER MAPPING FOR shop_far SERVER own OPTIONS (user 'x')",
        "CREATE FOREIGN TABLE far (id integer) SERVER lent",
        "ALTER FOREIGN TABLE far OWNER TO shop_far",
        "CREATE PUBLICATION news FOR TABLE orders",
        "ALTER PUBLICATION news OWNER TO shop_far",
    )
    queries = (
        "SELECT srvname, pg_get_userbyid(srvowner) FROM pg_foreign_server ORDER BY 1",
        "SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'far'",
        "SELECT pubname, pg_get_userbyid(pubowner) FROM pg_publication",
        "SELECT tablename FROM pg_publication_tables",
        "SELECT usename FROM pg_user_mappings",
    )
    before = [pg.query(name, query) for query in queries]
    try:
        shop.backup(artefacts=[dump_artefact(pg, name)])
        answer = shop.restore(postgresql=login_of(pg))
        after = [pg.query(name, query) for query in queries]
    finally:
        drop(pg, name, "shop_far")

    assert statuses(answer)["restore:database"] == "ok"
    assert after == before
    assert all(before)


def drop(pg: Server, name: str, role: str) -> None:
    """Drop a database with what a restore kept of it, and a role."""
    named = "SELECT datname FROM pg_database WHERE datname LIKE %s"
    for (made,) in pg.query("postgres", named, f"{name}%"):
        pg.run("postgres", f'DROP DATABASE "{made}" WITH (FORCE)')
    pg.run("postgres", f"DROP ROLE {role}")


def test_large_objects_come_back_with_their_owners(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    """Hold dimitri/pgcopydb #915 and planetscale/pgcopydb #47."""
    name = pg.create_database("", *ORDERS)
    pg.run("postgres", "CREATE ROLE shop_objects")
    for number, owner in ((4711, "postgres"), (4712, "shop_objects")):
        pg.run(
            name,
            f"SELECT lo_from_bytea({number}, 'content {number}')",
            f"GRANT SELECT ON LARGE OBJECT {number} TO upkeep_read",
            f"ALTER LARGE OBJECT {number} OWNER TO {owner}",
        )
    objects = (
        "SELECT oid::bigint, pg_get_userbyid(lomowner)::text, convert_from(lo_get(oid), 'UTF8')"
        " FROM pg_largeobject_metadata ORDER BY 1"
    )
    try:
        shop.backup(artefacts=[dump_artefact(pg, name)])
        pg.run(name, "SELECT lo_unlink(4711), lo_unlink(4712)")

        rehearsal = rehearsed()
        shop.restore(postgresql=login_of(pg))
        found = pg.query(name, objects)
    finally:
        drop(pg, name, "shop_objects")

    assert statuses(rehearsal)["rehearsal:database"] == "ok", rehearsal
    assert found == [
        (4711, "postgres", "content 4711"),
        (4712, "shop_objects", "content 4712"),
    ]


def test_a_file_with_holes_fills_no_disk(shop: RestoringShop) -> None:
    """Hold restic/restic #79 and gilbertchen/duplicacy #68: a restore wrote all the zeros out."""
    sparse = shop.app / "sparse"
    size = (64 << 20) + 12345
    for offset in (0, 32 << 20):
        with sparse.open("r+b" if offset else "wb") as stream:
            stream.seek(offset)
            stream.write(b"content")
            stream.truncate(size)
    (shop.app / "zeros").write_bytes(bytes(3000))
    shop.backup()
    sparse.unlink()

    answer = shop.restore()
    with sparse.open("rb") as stream:
        start = stream.read(8)
        stream.seek(32 << 20)
        middle = stream.read(8)

    assert statuses(answer)["restore:files"] == "ok"
    assert (start, middle) == (b"content\0", b"content\0")
    assert sparse.stat().st_size == size
    assert sparse.stat().st_blocks * 512 < 8 << 20
    assert (shop.app / "zeros").read_bytes() == bytes(3000)


@pytest.mark.parametrize(
    "statements",
    [
        ("DROP SCHEMA public", "CREATE SCHEMA app", "CREATE TABLE app.x AS SELECT 1 AS a"),
        ("DROP SCHEMA public", "CREATE SCHEMA public", *ORDERS),
        ("ALTER SCHEMA public OWNER TO postgres", "GRANT ALL ON SCHEMA public TO PUBLIC", *ORDERS),
        ("REVOKE ALL ON SCHEMA public FROM PUBLIC", *ORDERS),
        ("ALTER SCHEMA public RENAME TO old", "CREATE SCHEMA public", *ORDERS),
    ],
    ids=["dropped", "made again", "given away", "closed", "renamed"],
)
def test_the_schema_public_may_be_as_it_likes(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse, statements: tuple[str, ...]
) -> None:
    name = pg.create_database("", *statements)
    shop.backup(artefacts=[dump_artefact(pg, name)])

    rehearsal = rehearsed()
    answer = shop.restore(postgresql=login_of(pg))

    assert statuses(rehearsal)["rehearsal:database"] == "ok", rehearsal
    assert statuses(answer)["restore:database"] == "ok"


def test_rows_that_a_hash_was_kept_of_are_compared(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    name = pg.create_database("", *ORDERS)
    shop.backup(artefacts=[dump_artefact(pg, name, hashed=["public.orders"])])

    assert statuses(rehearsed())["rehearsal:database"] == "ok"
    for options in ({}, {"table": "public.orders"}):
        shop.later(seconds=1)
        answer = shop.restore(postgresql=login_of(pg), **options)
        assert statuses(answer)["restore:database"] == "ok"


#: A table whose rows come back with other values: what they are computed with has changed since.
RECOMPUTED: t.Final = (
    "CREATE FUNCTION rate() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2'",
    "CREATE TABLE priced (id integer, price integer GENERATED ALWAYS AS (id * public.rate())"
    " STORED)",
    "INSERT INTO priced SELECT generate_series(1, 50)",
    "CREATE OR REPLACE FUNCTION rate() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 3'",
)
OTHER_ROWS: t.Final = "priced has other rows than the manifest's hash"


def test_rows_that_came_back_with_other_values_are_found_by_a_rehearsal(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    name = pg.create_database("", *RECOMPUTED)
    shop.backup(artefacts=[dump_artefact(pg, name, hashed=["public.priced"])])

    answer = rehearsed()

    assert statuses(shop.verify())["backup:age"] == "ok"
    assert statuses(answer)["rehearsal:database"] == "critical"
    assert f"public.{OTHER_ROWS}" in message(answer, "rehearsal:database")
    assert statuses(answer)["rehearsal:age"] == "critical"


@pytest.mark.parametrize("options", [{}, {"table": "public.priced"}], ids=["database", "table"])
def test_rows_that_came_back_with_other_values_replace_nothing(
    shop: RestoringShop, pg: Server, options: dict[str, t.Any]
) -> None:
    name = pg.create_database("", *RECOMPUTED)
    shop.backup(artefacts=[dump_artefact(pg, name, hashed=["public.priced"])])
    pg.run(name, "DELETE FROM priced WHERE id > 7")

    with pytest.raises(RestoreError, match=f"nothing was replaced: .*{OTHER_ROWS}"):
        shop.restore(postgresql=login_of(pg), **options)

    assert pg.query(name, "SELECT count(*), sum(price) FROM priced") == [(7, 56)]
    assert pg.query(name, "SELECT count(*) FROM pg_namespace WHERE nspname ~ '^upkeep_'") == [(0,)]
    databases = {found for (found,) in pg.query("postgres", "SELECT datname FROM pg_database")}
    assert not [found for found in databases if found.startswith(f"{name}_")]


def test_a_folder_that_holds_the_sets_is_not_replaced(shop: RestoringShop) -> None:
    """Hold borgbackup/community #69: a restore of the folder around the backups deleted them."""
    shop.backup()
    shop.root.rename(shop.app / "sets")
    shop.root = shop.app / "sets"

    with pytest.raises(RestoreError, match="the sets lie in"):
        shop.restore()

    assert len(shop.names()) == 1

    shop.restore(paths=[str(shop.app / "main.py")])
    shop.restore(action="side")

    assert len([*shop.folder.glob(".upkeep-restoring-files-*/app/main.py")]) == 1
