# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restores by hand and by this project: what stands there afterwards.

Each test shows a hand-written recipe that ends well and restores nothing, half of it, or too much,
and then ours in the same place.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import typing as t
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.backup.conftest import statuses
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, server
from tests.unit.module_utils.restore.conftest import RestoringShop, dump_artefact, login_of
from tests.unit.module_utils.restore.test_postgresql import ESCALATION

ORDERS = (
    "CREATE TABLE orders (id serial PRIMARY KEY, note text)",
    "INSERT INTO orders (note) SELECT 'n' || n FROM generate_series(1, 300) n",
    "CREATE INDEX orders_note ON orders (note)",
)
INDEXES = "SELECT count(*) FROM pg_indexes WHERE tablename = 'orders'"


@pytest.fixture
def shop(tmp_path: Path) -> RestoringShop:
    """Return a host with an application."""
    return RestoringShop(tmp_path)


@pytest.fixture
def pg() -> Iterator[Server]:
    """Return the server, which the account that loads can reach."""
    running = server()
    make_reader(running)
    folder = Path(str(running.login["host"]))
    folder.chmod(0o711)
    yield running
    folder.chmod(0o700)


def client(pg: Server, program: str, *arguments: str, text: bytes = b"") -> t.Any:
    """Run a program of PostgreSQL as a person does."""
    login = ["-h", str(pg.login["host"]), "-p", str(pg.login["port"]), "-U", "postgres"]
    argv = [str(binaries() / program), *login, *arguments]
    return subprocess.run(argv, input=text, capture_output=True, check=False)


def test_an_archive_of_absolute_paths_lands_beside_the_application(shop: RestoringShop) -> None:
    subprocess.run(["tar", "-czf", "code.tar.gz", shop.app], cwd=shop.folder, check=True)
    shop.backup()
    (shop.app / "main.py").write_text("broken")

    done = subprocess.run(["tar", "-xzf", "../code.tar.gz"], cwd=shop.app, check=False)

    assert done.returncode == 0
    assert (shop.app / "main.py").read_text() == "broken"

    shop.restore()

    assert (shop.app / "main.py").read_text().startswith("print")


def test_a_plain_dump_into_a_filled_database_changes_nothing_and_exits_with_0(
    shop: RestoringShop, pg: Server
) -> None:
    database = pg.create_database("", *ORDERS)
    plain = client(pg, "pg_dump", database).stdout
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.run(database, "DELETE FROM orders WHERE id > 10")

    done = client(pg, "psql", "-q", "-d", database, text=plain)

    assert done.returncode == 0
    assert b"ERROR" in done.stderr
    assert pg.query(database, "SELECT count(*) FROM orders") == [(10,)]

    shop.later(seconds=1)
    shop.restore(postgresql=login_of(pg))

    assert pg.query(database, "SELECT count(*) FROM orders") == [(300,)]


def test_a_dropped_database_and_a_dump_of_the_wrong_form_are_a_total_loss(
    shop: RestoringShop, pg: Server
) -> None:
    database = pg.create_database("", *ORDERS)
    plain = client(pg, "pg_dump", database).stdout
    made = shop.backup(artefacts=[dump_artefact(pg, database)])["made"]

    pg.run("postgres", f"DROP DATABASE {database}", f"CREATE DATABASE {database}")
    done = client(pg, "pg_restore", "-d", database, text=plain)

    assert b"text format dump" in done.stderr
    assert pg.query(database, "SELECT count(*) FROM pg_tables WHERE tablename = 'orders'") == [(0,)]

    pg.run(database, *ORDERS)
    dump = shop.root / made / "database" / "database.dump.zst"
    dump.write_bytes(b"CREATE TABLE orders ();")
    with pytest.raises(RestoreError, match="is damaged and is not restored"):
        shop.restore(postgresql=login_of(pg))

    assert pg.query(database, "SELECT count(*) FROM orders") == [(300,)]


def test_a_single_table_comes_without_its_indexes(shop: RestoringShop, pg: Server) -> None:
    database = pg.create_database("", *ORDERS)
    dump = client(pg, "pg_dump", "-Fc", database).stdout
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.run(database, "DROP TABLE orders")

    done = client(pg, "pg_restore", "-d", database, "-t", "orders", text=dump)

    assert b"orders_id_seq" in done.stderr or done.returncode == 0
    assert pg.query(database, INDEXES) == [(0,)]

    shop.later(seconds=1)
    pg.run(database, "DROP TABLE IF EXISTS orders")
    shop.restore(postgresql=login_of(pg), table="public.orders")

    assert pg.query(database, INDEXES) == [(2,)]
    assert pg.query(database, "SELECT count(*) FROM orders") == [(300,)]


def test_the_log_of_the_old_file_is_played_into_the_restored_one(shop: RestoringShop) -> None:
    query = 'SELECT count(*) FROM "Odd ""name"'
    shop.backup(artefacts=[shop.sqlite_artefact()])
    with closing(sqlite3.connect(shop.database)) as source:
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    saved = shop.database.read_bytes()
    with closing(sqlite3.connect(shop.database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute('DELETE FROM "Odd ""name" WHERE id > 7')
        writer.commit()
        log = Path(f"{shop.database}-wal").read_bytes()
    shop.database.write_bytes(saved)  # the file is replaced, its log of a killed service stays
    Path(f"{shop.database}-wal").write_bytes(log)

    with closing(sqlite3.connect(shop.database)) as connection:
        rows = connection.execute(query).fetchone()

    assert rows != (500,)

    shop.restore()

    with closing(sqlite3.connect(shop.database)) as connection:
        assert connection.execute(query).fetchone() == (500,)


@pytest.mark.skipif(os.geteuid() != 0, reason="the dump is loaded by another account")
def test_a_dump_that_a_superuser_loads_can_make_its_owner_one(
    shop: RestoringShop, pg: Server
) -> None:
    pg.run("postgres", "CREATE ROLE shop_app LOGIN")
    try:
        database = pg.create_database(
            "",
            ESCALATION,
            "CREATE TABLE trap (id integer)",
            "INSERT INTO trap VALUES (1)",
            "ALTER FUNCTION try_more(integer) OWNER TO shop_app",
            "ALTER TABLE trap OWNER TO shop_app",
            "ALTER TABLE trap ADD CHECK (public.try_more(id))",
            "ALTER ROLE shop_app NOSUPERUSER",
        )
        dump = client(pg, "pg_dump", "-Fc", database).stdout
        shop.backup(artefacts=[dump_artefact(pg, database)])
        by_hand = pg.create_database()

        client(pg, "pg_restore", "-d", by_hand, text=dump)

        role = "SELECT rolsuper FROM pg_roles WHERE rolname = 'shop_app'"

        assert pg.query("postgres", role) == [(True,)]

        pg.run("postgres", "ALTER ROLE shop_app NOSUPERUSER")
        shop.later(seconds=1)
        answer = shop.restore(postgresql=login_of(pg))

        assert statuses(answer)["restore:database"] == "ok"
        assert pg.query("postgres", role) == [(False,)]
    finally:
        for (name,) in pg.query(
            "postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'db\\_%%'"
        ):
            pg.run("postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
        pg.run("postgres", "DROP ROLE shop_app")
