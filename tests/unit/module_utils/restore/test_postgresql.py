# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A database of a real server is as it was dumped, or nothing of the live one is touched."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import typing as t
from collections.abc import Iterator

import psycopg2
import pytest
from ansible.module_utils.upkeep.backup import manifest as manifests
from ansible.module_utils.upkeep.backup.manifest import Artefact
from ansible.module_utils.upkeep.backup.record import SetRecord
from ansible.module_utils.upkeep.restore import server as live
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.restore.conftest import RestoringShop, dump_artefact, login_of

ODD = 'Odd "na\nme"; {brace} COPY (1) FROM stdin;'
QUOTED = '"Sales {}"."{}"'.format("{}", ODD.replace('"', '""'))
STATEMENTS = (
    "CREATE EXTENSION amcheck",
    "CREATE TABLE orders (id serial PRIMARY KEY, note text CHECK (note <> ''))",
    "INSERT INTO orders (note) SELECT E'line\\n' || n FROM generate_series(1, 2000) n",
    "CREATE INDEX orders_note ON orders (upper(note))",
    "ALTER TABLE orders OWNER TO shop_app",
    "GRANT SELECT ON orders TO shop_reports",
    'CREATE SCHEMA "Sales {}" AUTHORIZATION shop_reports',
    f"CREATE TABLE {QUOTED} (id integer REFERENCES orders)",
    f"INSERT INTO {QUOTED} SELECT n FROM generate_series(1, 7) n",  # noqa: S608 - a constant
    f"ALTER TABLE {QUOTED} OWNER TO shop_reports",
    "CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS orders FROM orders",
    "ALTER MATERIALIZED VIEW totals OWNER TO shop_app",
    "CREATE TABLE owned_by_superuser (id integer)",
    f"CREATE VIEW seven AS SELECT count(*) FROM {QUOTED}",  # noqa: S608 - a constant
)
COUNTS = "SELECT (SELECT count(*) FROM orders), (SELECT orders FROM totals), (TABLE seven)"
OWNERS = (
    "SELECT relname, relkind, pg_get_userbyid(relowner), relacl::text FROM pg_class"
    " WHERE relnamespace::regnamespace::text !~ '^(pg_|information)' ORDER BY 1, 2"
)
SETTINGS = (
    "SELECT pg_get_userbyid(datdba), datacl::text, encoding, datcollate,"
    " (SELECT array_agg(setconfig ORDER BY setrole) FROM pg_db_role_setting"
    "  WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = %s"
)


@pytest.fixture(scope="module")
def roles(pg: Server) -> Iterator[None]:
    """Make the roles that own what is dumped."""
    for role in ("shop_app", "shop_reports"):
        pg.run("postgres", f"CREATE ROLE {role} LOGIN")
    yield
    for (name,) in pg.query(
        "postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'db\\_%%'"
    ):
        pg.run("postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
    pg.run("postgres", "DROP ROLE shop_app", "DROP ROLE shop_reports")


@pytest.fixture
def database(pg: Server, roles: None) -> str:
    """Return a database with what makes restores difficult."""
    name = pg.create_database("", *STATEMENTS)
    pg.run(
        "postgres",
        f"ALTER DATABASE {name} OWNER TO shop_app",
        f"""ALTER DATABASE {name} SET search_path = '$user', public, "Sales {{}}" """,
        f"ALTER ROLE shop_app IN DATABASE {name} SET work_mem = '7MB'",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO shop_reports, upkeep_read",
    )
    return name


def restore(shop: RestoringShop, pg: Server, **options: t.Any) -> dict[str, t.Any]:
    """Restore the database as the module does."""
    shop.later(seconds=1)
    return shop.restore(postgresql=login_of(pg), **options)


def databases(pg: Server) -> set[str]:
    """Return the names of all databases."""
    return {name for (name,) in pg.query("postgres", "SELECT datname FROM pg_database")}


def nothing_is_left(pg: Server) -> bool:
    """Tell whether neither the role that loads nor a side database is there."""
    roles = {name for (name,) in pg.query("postgres", "SELECT rolname FROM pg_roles")}

    return "nobody" not in roles and not any("_side_" in name for name in databases(pg))


def change_facts(shop: RestoringShop, **facts: t.Any) -> None:
    """Publish other facts of the newest set's database, as if they had been so from the start."""
    with shop.catalogue() as catalogue:
        one = catalogue.sets()[-1]

        assert one.manifest

        [artefact] = one.manifest.artefacts
        changed = Artefact(
            artefact.name, artefact.kind, artefact.files, {**artefact.facts, **facts}
        )
        manifest = manifests.BackupManifest(
            **{
                **{name: getattr(one.manifest, name) for name in _FIELDS},
                "artefacts": (changed,),
            }
        )
        data = manifests.dump(manifest)
        (shop.root / one.name / "manifest.json").write_bytes(data)
        record = one.record or SetRecord("")
        catalogue.save_record(one.name, record.changed(manifest_sha256=_sha256(data)))


_FIELDS = ("name", "system", "host", "reason", "created", "finished", "source")


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def test_a_database_is_as_it_was(shop: RestoringShop, pg: Server, database: str) -> None:
    before = pg.query(database, COUNTS), pg.query(database, OWNERS)
    settings = pg.query("postgres", SETTINGS, database)
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.run(database, "DELETE FROM orders WHERE id > 7", "DROP INDEX orders_note")

    answer = restore(shop, pg)

    assert statuses(answer)["restore:database"] == "ok", answer
    assert "2007 rows in 3 tables as in the manifest" in message(answer, "restore:database")
    assert (pg.query(database, COUNTS), pg.query(database, OWNERS)) == before

    after = pg.query("postgres", SETTINGS, database)

    assert [sorted(str(after[0][1]).strip("{}").split(",")), *after[0][2:]] == [
        sorted(str(settings[0][1]).strip("{}").split(",")),
        *settings[0][2:],
    ]
    assert after[0][0] == "shop_app"
    assert nothing_is_left(pg)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_the_server_is_asked_by_another_account(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    shop.later(seconds=1)

    answer = shop.restore(postgresql=login_of(pg, run_as="postgres"))

    assert statuses(answer)["restore:database"] == "ok"


def test_the_replaced_database_is_kept_and_takes_no_connections(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    [kept] = restore(shop, pg)["kept"]["database"]

    with pytest.raises(psycopg2.OperationalError, match="not currently accepting connections"):
        pg.connect(kept)

    pg.run("postgres", f'ALTER DATABASE "{kept}" ALLOW_CONNECTIONS true')

    assert pg.query(kept, COUNTS) == [(2000, 2000, 7)]


def test_sessions_with_the_live_database_are_ended(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    held = pg.connect(database)
    held.cursor().execute("BEGIN; LOCK TABLE orders")

    restore(shop, pg)

    with pytest.raises(psycopg2.OperationalError):
        held.cursor().execute("SELECT 1")


def test_a_service_that_goes_on_connecting_does_not_hold_it_up(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    done = threading.Event()

    def connect() -> None:
        while not done.is_set():
            with contextlib.suppress(psycopg2.Error):
                pg.query(database, "SELECT pg_sleep(0.01)")

    services = [threading.Thread(target=connect) for _ in range(4)]
    for service in services:
        service.start()
    try:
        answer = restore(shop, pg)
    finally:
        done.set()
        for service in services:
            service.join()

    assert statuses(answer)["restore:database"] == "ok"


def test_check_mode_leaves_the_server_alone(shop: RestoringShop, pg: Server, database: str) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    before = databases(pg)

    answer = shop.restore(check_mode=True, postgresql=login_of(pg))

    assert f"would replace {database}" in message(answer, "restore:database")
    assert databases(pg) == before
    assert nothing_is_left(pg)


def test_a_database_and_a_role_that_are_gone_are_made(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    pg.run("postgres", "CREATE ROLE shop_gone LOGIN CONNECTION LIMIT 3")
    pg.run(database, "CREATE TABLE rest (id integer)", "ALTER TABLE rest OWNER TO shop_gone")
    settings = pg.query("postgres", SETTINGS, database)
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.run("postgres", f"DROP DATABASE {database}", "DROP ROLE shop_gone")

    answer = restore(shop, pg)

    assert answer["kept"]["database"] == []
    assert "roles made: shop_gone" in message(answer, "restore:database")
    assert pg.query(database, COUNTS) == [(2000, 2000, 7)]
    assert pg.query("postgres", SETTINGS, database) == settings
    assert pg.query(
        "postgres", "SELECT rolcanlogin, rolsuper FROM pg_roles WHERE rolname = 'shop_gone'"
    ) == [(True, False)]

    pg.run(database, "DROP OWNED BY shop_gone")
    pg.run("postgres", "DROP ROLE shop_gone")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"server_version": 990004}, "is older than that of the dump"),
        ({"client_version": 990004}, "is older than the pg_dump of the set"),
        (
            {"tables": [{"schema": "public", "name": "orders", "rows": 1999}]},
            "public.orders has 2000 instead of 1999",
        ),
        (
            {"tables": [{"schema": "public", "name": "gone", "rows": 3}]},
            "public.gone has no table instead of 3",
        ),
        (
            {"tables": [{"schema": "public", "name": "orders", "rows": 0}]},
            "has not a single row of",
        ),
        ({"collate": "xx_XX.utf8"}, "invalid"),
    ],
)
def test_what_does_not_fit_leaves_all_as_it_is(
    shop: RestoringShop, pg: Server, database: str, facts: dict[str, t.Any], expected: str
) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    change_facts(shop, **facts)
    pg.run(database, "DELETE FROM orders WHERE id > 100")

    with pytest.raises(RestoreError, match=expected):
        restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(100,)]
    assert nothing_is_left(pg)


ESCALATION = """
CREATE FUNCTION try_more(id integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        RESET SESSION AUTHORIZATION;
        ALTER ROLE shop_app SUPERUSER;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    RETURN true;
END $$
"""


def test_code_in_a_dump_gets_no_rights_that_its_owner_lacks(
    shop: RestoringShop, pg: Server, roles: None
) -> None:
    database = pg.create_database(
        "",
        ESCALATION,
        "CREATE TABLE trap (id integer)",
        "INSERT INTO trap VALUES (1)",
        "ALTER TABLE trap ADD CHECK (try_more(id)) NOT VALID",
        "ALTER FUNCTION try_more(integer) OWNER TO shop_app",
        "ALTER TABLE trap OWNER TO shop_app",
    )
    shop.backup(artefacts=[dump_artefact(pg, database)])

    answer = restore(shop, pg)

    assert statuses(answer)["restore:database"] == "ok"
    assert pg.query("postgres", "SELECT rolsuper FROM pg_roles WHERE rolname = 'shop_app'") == [
        (False,)
    ]


def test_what_a_killed_restore_left_is_removed(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.create_database(f"{database}_side_20260101t000000")
    pg.run("postgres", "CREATE ROLE nobody LOGIN")

    restore(shop, pg)

    assert nothing_is_left(pg)


def test_beside_leaves_a_database_to_look_at(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.run(database, "DELETE FROM orders WHERE id > 100")

    answer = restore(shop, pg, action="side")

    [side] = [name for name in databases(pg) if "_side_" in name]

    assert side in message(answer, "restore:database")
    assert pg.query(side, COUNTS) == [(2000, 2000, 7)]
    assert pg.query(database, "SELECT count(*) FROM orders") == [(100,)]

    pg.run("postgres", f'DROP DATABASE "{side}"')


def test_a_second_failure_puts_the_first_database_back(
    shop: RestoringShop, pg: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**dump_artefact(pg, database), "name": "second"}
    shop.backup(artefacts=[dump_artefact(pg, database), other])
    other_name = pg.create_database("", "CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    shop.later(seconds=1)
    other = {**dump_artefact(pg, other_name), "name": "second"}
    shop.backup(reason="demand", artefacts=[dump_artefact(pg, database), other])
    pg.run(database, "DELETE FROM orders WHERE id > 100")
    original = live.swap

    def swap(session: t.Any, name: str, *rest: str) -> None:
        original(session, "no such database" if name == other_name else name, *rest)

    monkeypatch.setattr(live, "swap", swap)

    with pytest.raises(RestoreError, match="all is as it was before"):
        restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(100,)]
    assert nothing_is_left(pg)


def ends_now(*_: t.Any) -> t.NoReturn:
    """Stand in for a process that is killed, as when its time is over or memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


@pytest.mark.parametrize("is_done", [False, True])
def test_a_swap_that_is_killed_leaves_the_live_database_as_it_was(
    shop: RestoringShop, pg: Server, database: str, monkeypatch: pytest.MonkeyPatch, is_done: bool
) -> None:
    """Hold faustbrian/noah #18 and alike: connections were forbidden and never allowed again."""
    shop.backup(artefacts=[dump_artefact(pg, database)])
    pg.run(database, "DELETE FROM orders WHERE id > 100")
    original = live.swap

    def swap(session: t.Any, name: str, kept: str, side: str) -> None:
        """Run in a process of its own, of which there is another one for the way back."""
        is_forward = "_before_" in kept
        if is_forward and not is_done:
            monkeypatch.setattr(live, "end_sessions", ends_now)
        original(session, name, kept, side)
        if is_forward:
            ends_now()

    monkeypatch.setattr(live, "swap", swap)

    with pytest.raises(RestoreError, match="all is as it was before"):
        restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(100,)]
    assert nothing_is_left(pg)
    assert not [name for name in databases(pg) if name.startswith(f"{database}_before")]


@pytest.mark.parametrize("name", ["a=b user=x", "it's \\ 'odd'", "shop-prod", 'Shop "{}"'])
def test_a_database_may_have_any_name(
    shop: RestoringShop, pg: Server, roles: None, name: str
) -> None:
    pg.create_database(name, "CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1), (2)")
    try:
        shop.backup(artefacts=[dump_artefact(pg, name)])
        pg.run(name, "DELETE FROM t")

        [kept] = restore(shop, pg)["kept"]["database"]

        assert pg.query(name, "SELECT count(*) FROM t") == [(2,)]
    finally:
        for each in databases(pg) - {"postgres", "template0", "template1"}:
            quoted = each.replace('"', '""')
            pg.run("postgres", f'DROP DATABASE "{quoted}" WITH (FORCE)')

    assert kept.startswith(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop", "shop_side_20260301t020000"),
        ("x" * 63, "x" * 42 + "_side_20260301t020000"),
        ("ü" * 31, "ü" * 21 + "_side_20260301t020000"),
    ],
)
def test_names_beside_are_never_cut_by_the_server(name: str, expected: str) -> None:
    assert live.side_name(name, "side", "20260301t020000") == expected
    assert len(expected.encode()) <= 63
