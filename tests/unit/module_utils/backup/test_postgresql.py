# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A dump of a real server holds exactly the rows of its snapshot, or there is no set."""

from __future__ import annotations

import os
import platform
import pwd
import re
import subprocess
import tempfile
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup.artefacts import postgresql
from ansible.module_utils.upkeep.base.reader import ROLE

from tests.unit.module_utils.backup.conftest import Shop, message, statuses
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, server

ODD = 'Odd 100%s "na\nme"; COPY (1) FROM stdin;'
QUOTED = '"Sales"."{}"'.format(ODD.replace('"', '""'))
TABLES = (
    "CREATE TABLE orders (id serial PRIMARY KEY, note text)",
    "INSERT INTO orders (note) SELECT E'line\\n\\\\.\\n' || n FROM generate_series(1, 2000) n",
    "CREATE TABLE empty (id integer)",
    'CREATE SCHEMA "Sales"',
    f"CREATE TABLE {QUOTED} (id integer)",
    f"INSERT INTO {QUOTED} SELECT 1 FROM generate_series(1, 7)",  # noqa: S608 - a constant
    "CREATE TABLE alembic_version (version_num text)",
    "INSERT INTO alembic_version VALUES ('ae10')",
)


@pytest.fixture(scope="module")
def pg() -> Server:
    """Return the throw-away server with the role that reads."""
    running = server()
    make_reader(running)
    return running


def artefact(pg: Server, database: str, **options: t.Any) -> dict[str, t.Any]:
    """Return the entry of a database of the server."""
    login = {"login_host": pg.login["host"], "login_port": pg.login["port"], "run_as": ""}
    dump = {"database": database, "program_folder": str(binaries()), **login, **options}
    return {"name": "database", "postgresql": dump}


def facts_of(shop: Shop) -> dict[str, t.Any]:
    """Return the facts of the newest set's database."""
    with shop.catalogue() as catalogue:
        manifest = catalogue.sets()[-1].manifest

    assert manifest

    return dict(manifest.artefacts[0].facts)


def test_a_database_is_dumped_with_its_counts_and_globals(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", *TABLES)

    answer = shop.backup(artefacts=[artefact(pg, database)])

    assert statuses(answer)["backup:database"] == "ok", answer

    facts = facts_of(shop)
    rows = {(table["schema"], table["name"]): table["rows"] for table in facts["tables"]}

    assert rows == {
        ("public", "orders"): 2000,
        ("public", "empty"): 0,
        ("public", "alembic_version"): 1,
        ("Sales", ODD): 7,
    }
    assert facts["schema_revision"] == "ae10"
    assert facts["encoding"] == "UTF8"
    assert ROLE in facts["roles"]

    made = shop.root / answer["made"] / "database"

    assert sorted(path.name for path in made.iterdir()) == ["database.dump.zst", "globals.sql.zst"]
    roles = subprocess.run(["zstd", "-dc", made / "globals.sql.zst"], stdout=-1, check=True).stdout

    assert f"CREATE ROLE {ROLE}".encode() in roles
    assert b"PASSWORD" not in roles


def test_the_manifest_says_what_a_dump_was_made_of_and_with(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", *TABLES)
    shop.backup(artefacts=[artefact(pg, database)])
    with shop.catalogue() as catalogue:
        manifest = catalogue.sets()[-1].manifest

    assert manifest

    facts = manifest.artefacts[0].facts
    [expected] = pg.query(
        database,
        "SELECT current_setting('server_version_num')::int, datcollate, datctype, datcollversion,"
        " (SELECT system_identifier::text FROM pg_control_system())"
        " FROM pg_database WHERE datname = current_database()",
    )
    names = ("server_version", "collate", "ctype", "collation_version", "system_identifier")

    assert tuple(facts[name] for name in names) == expected
    assert facts["client_version"] // 10000 >= facts["server_version"] // 10000
    assert facts["extensions"].keys() == {"plpgsql"}
    assert "postgres" in facts["superusers"]
    assert ROLE not in facts["superusers"]
    assert re.fullmatch("[0-9A-F]+/[0-9A-F]+", facts["lsn"])
    assert facts["database_bytes"] > 0
    assert {stage.name for stage in manifest.artefacts[0].stages} == {
        "pg_dump",
        "pg_dumpall",
        "zstd",
    }
    assert all(stage.status == 0 for stage in manifest.artefacts[0].stages)
    assert all(stage.seconds >= 0 for stage in manifest.artefacts[0].stages)
    assert manifest.source["libc"].startswith("glibc ")
    assert manifest.source.keys() == {"kernel", "os", "libc", "python"}
    assert manifest.host == platform.node()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_a_dump_is_made_by_an_account_that_cannot_enter_the_set(shop: Shop, pg: Server) -> None:
    Path(str(pg.login["host"])).chmod(0o711)  # so that the account can connect
    database = pg.create_database("", *TABLES)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        tools = Path(name)
        tools.chmod(0o711)
        log = tools / "accounts"
        log.touch()
        os.chown(log, *pwd.getpwnam("nobody")[2:4])
        for program in ("pg_dump", "pg_dumpall"):
            real = binaries() / program
            body = f'#!/bin/sh\necho "{program} $(id -un)" >> {log}\nexec {real} "$@"\n'
            (tools / program).write_text(body)
            (tools / program).chmod(0o755)
        entry = artefact(pg, database, run_as="nobody", login_user=ROLE, program_folder=str(tools))
        answer = shop.backup(artefacts=[entry])
        calls = set(log.read_text().splitlines())

    assert statuses(answer)["backup:database"] == "ok", answer
    assert calls == {"pg_dump nobody", "pg_dumpall nobody"}

    dump = shop.root / answer["made"] / "database" / "database.dump.zst"

    assert (dump.stat().st_uid, dump.stat().st_mode & 0o777) == (0, 0o600)


def test_a_dump_can_be_restored(shop: Shop, pg: Server) -> None:
    source, target = pg.create_database("", *TABLES), pg.create_database()
    made = shop.backup(artefacts=[artefact(pg, source)])["made"]

    restore(pg, shop.root / made / "database" / "database.dump.zst", target)

    assert pg.query(target, "SELECT count(*) FROM orders") == [(2000,)]


def restore(pg: Server, dump: Path, database: str) -> None:
    """Restore a dump as a person would with the two programs."""
    expanded = subprocess.run(["zstd", "-dc", dump], check=True, capture_output=True).stdout
    login = ["-h", str(pg.login["host"]), "-p", str(pg.login["port"]), "-U", "postgres"]
    subprocess.run(
        [str(binaries() / "pg_restore"), *login, "-d", database, "--exit-on-error"],
        input=expanded,
        check=True,
        capture_output=True,
    )


def test_writers_and_changing_tables_do_not_disturb(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", *TABLES)
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            pg.run(
                database,
                "INSERT INTO orders (note) SELECT 'more' FROM generate_series(1, 50)",
                f"CREATE TABLE made_{number} (id integer)",
                f"DROP TABLE made_{number}",
            )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answers = [shop.backup(reason="demand", artefacts=[artefact(pg, database)])]
        shop.later(seconds=1)
        answers.append(shop.backup(reason="demand", artefacts=[artefact(pg, database)]))
    finally:
        done.set()
        writer.join()

    made = "postgresql was kept and read back"
    assert [message(answer, "backup:database") for answer in answers] == [made, made]


#: Whether our session has locked a table, and how many wait for it.
LOCKS = "SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted) FROM pg_locks"


@pytest.mark.parametrize(
    "change", ["ALTER TABLE orders ADD COLUMN more integer", "DROP TABLE orders"]
)
def test_who_changes_a_table_while_pg_dump_starts_is_let_through(
    shop: Shop, pg: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Hold a wait in a circle: pg_dump for the change, the change for us, and we for pg_dump."""
    monkeypatch.setattr(postgresql, "_QUEUED_MS", 500)
    database = pg.create_database("", *TABLES)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("pg_dumpall", "pg_restore"):
        (tools / name).symlink_to(binaries() / name)
    waits = f'until [ -e "{tmp_path}/go" ]; do sleep 0.1; done'
    body = f'[ "$1" = --version ] || {{ {waits}; }}\nexec "{binaries()}/pg_dump" "$@"'
    (tools / "pg_dump").write_text(f"#!/bin/sh\n{body}\n")
    (tools / "pg_dump").chmod(0o755)
    answers: list[t.Any] = []
    entry = artefact(pg, database, program_folder=str(tools))
    run = threading.Thread(target=lambda: answers.append(shop.backup(artefacts=[entry])))
    changer = threading.Thread(target=lambda: pg.run(database, change))
    table = f"{LOCKS} WHERE relation = 'orders'::regclass"

    run.start()
    wait_for(lambda: pg.query(database, table) == [(1, 0)])
    changer.start()
    wait_for(lambda: pg.query(database, table)[0][1] > 0)
    (tmp_path / "go").touch()
    changer.join(20)
    run.join(60)

    assert message(answers[0], "backup:database") == "postgresql was kept and read back"
    assert statuses(shop.verify(reread_days=0))["backup:age"] == "ok"
    assert len(facts_of(shop)["tables"]) == (3 if change.startswith("DROP") else 4)


def wait_for(condition: t.Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(200):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it never was so")


def test_a_table_that_is_too_large_to_count_is_kept_uncounted(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", *TABLES)

    made = shop.backup(artefacts=[artefact(pg, database, uncounted=["public.orders"])])["made"]
    rows = {table["name"]: table["rows"] for table in facts_of(shop)["tables"]}
    target = pg.create_database()
    restore(pg, shop.root / made / "database" / "database.dump.zst", target)

    assert rows == {"alembic_version": 1, "empty": 0, "orders": None, ODD: 7}
    assert pg.query(target, "SELECT count(*) FROM orders") == [(2000,)]


def test_an_empty_database_is_no_alarm(shop: Shop, pg: Server) -> None:
    answer = shop.backup(artefacts=[artefact(pg, pg.create_database())])

    assert statuses(answer)["backup:database"] == "ok"


def test_a_superuser_must_not_dump(shop: Shop, pg: Server) -> None:
    answer = shop.backup(artefacts=[artefact(pg, pg.create_database(), login_user="postgres")])

    assert "has the rights of superuser" in message(answer, "backup:database")


def test_a_database_that_is_missing_is_named(shop: Shop, pg: Server) -> None:
    answer = shop.backup(artefacts=[artefact(pg, "no_such_database")])

    assert '"no_such_database" does not exist' in message(answer, "backup:database")


CASES = {
    "ends early with 0": '"{real}" "$@" | head -c 3000',
    "fails": '"{real}" "$@" | head -c 3000; echo broken pipe to disk >&2; exit 3',
    "hangs": "sleep 60",
}


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("ends early with 0", "pg_restore ended with 1"),
        ("fails", "pg_dump ended with 3: broken pipe to disk"),
        ("hangs", "took more than"),
    ],
)
def test_a_pg_dump_that_misbehaves_leaves_no_set(
    shop: Shop, pg: Server, tmp_path: Path, case: str, reason: str
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("pg_dumpall", "pg_restore"):
        (tools / name).symlink_to(binaries() / name)
    body = CASES[case].format(real=binaries() / "pg_dump")
    version = f'case "$1" in --version) exec "{binaries()}/pg_dump" "$1";; esac'
    (tools / "pg_dump").write_text(f"#!/bin/sh\n{version}\n{body}\n")
    (tools / "pg_dump").chmod(0o755)
    entry = artefact(pg, pg.create_database("", *TABLES), program_folder=str(tools))

    answer = shop.backup(artefacts=[{**entry, "max_seconds": 3 if case == "hangs" else 600}])

    assert reason in message(answer, "backup:database")
    assert shop.names() == []
