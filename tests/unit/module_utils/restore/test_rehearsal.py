# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes other tools' restore tests fail or lie, as people report it in their trackers."""

from __future__ import annotations

import typing as t

import pytest

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.restore.conftest import (
    ORDERS,
    Rehearse,
    RestoringShop,
    dump_artefact,
    login_of,
)

#: Each loads into a server without settings, network and roles of its own.
ODD = (
    "CREATE PUBLICATION changes FOR TABLE orders",
    "CREATE UNLOGGED TABLE visits AS SELECT 1 AS visit",
    "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE orders FORCE ROW LEVEL SECURITY",
    "CREATE POLICY nothing ON orders USING (false)",
    "CREATE RULE ignore AS ON INSERT TO orders DO INSTEAD NOTHING",
    "CREATE SCHEMA ext",
    "CREATE EXTENSION amcheck SCHEMA ext",
    "CREATE EXTENSION hstore SCHEMA ext",
    "CREATE TABLE pairs (pair ext.hstore)",
    "CREATE EXTENSION pg_stat_statements",
    "CREATE MATERIALIZED VIEW slow AS SELECT count(*) FROM pg_stat_statements WITH NO DATA",
    "CREATE TABLE twice (n int, d int GENERATED ALWAYS AS (n * 2) STORED)",
    "INSERT INTO twice VALUES (1)",
    "CREATE EXTENSION pg_trgm",
    "CREATE INDEX ON orders USING gin (note gin_trgm_ops)",
    "CREATE INDEX ON orders USING hash (id)",
    'CREATE SCHEMA "Q""s p"',
    """CREATE TABLE "Q""s p"."T = 'x'" (id int PRIMARY KEY)""",
    """INSERT INTO "Q""s p"."T = 'x'" VALUES (1)""",
    "CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TRIGGER dropping BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION drop_it()",
)
NO_CHANGES = (
    "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql"
    " AS 'BEGIN RAISE EXCEPTION ''no changes''; END'",
    "CREATE EVENT TRIGGER forbidding ON ddl_command_start EXECUTE FUNCTION forbid()",
    "ALTER EVENT TRIGGER forbidding ENABLE ALWAYS",
)
#: Whose server is asked as soon as the rows of the partitioned table are.
ELSEWHERE = (
    "CREATE EXTENSION postgres_fdw",
    "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1')",
    "CREATE TABLE parts (part int) PARTITION BY RANGE (part)",
    "CREATE TABLE near PARTITION OF parts FOR VALUES FROM (9) TO (19)",
    "CREATE FOREIGN TABLE far_part PARTITION OF parts FOR VALUES FROM (1) TO (9) SERVER far",
    "CREATE USER MAPPING FOR postgres SERVER far",
)


@pytest.mark.parametrize("statements", [ODD, NO_CHANGES, ELSEWHERE], ids=["odd", "events", "far"])
def test_what_can_be_restored_is_not_called_broken(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse, statements: tuple[str, ...]
) -> None:
    name = pg.create_database("", *ORDERS, *statements)
    shop.backup(artefacts=[dump_artefact(pg, name)])
    answer = rehearsed()

    assert set(statuses(answer).values()) == {"ok"}, message(answer, "rehearsal:database")

    shop.restore(postgresql=login_of(pg))

    assert pg.query(name, "SELECT count(*) FROM orders") == [(1000,)]
    assert pg.query(name, "SELECT count(*) FROM pg_event_trigger WHERE evtenabled = 'A'") == [
        (int(statements is NO_CHANGES),)
    ]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("of icu", "LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' LC_COLLATE 'C' LC_CTYPE 'C'", "i"),
        ("""a b="'c""", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", "c"),
    ],
    ids=["icu", "latin1"],
)
def test_a_database_comes_back_with_its_name_and_locale(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse, name: str, options: str, expected: str
) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    pg.run(
        "postgres",
        f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)",
        f"CREATE DATABASE {quoted} TEMPLATE template0 {options}",
    )
    pg.run(name, *ORDERS, "INSERT INTO orders (note) VALUES ('\u00e9')")
    shop.backup(artefacts=[dump_artefact(pg, name)])
    answer = rehearsed()

    assert set(statuses(answer).values()) == {"ok"}, message(answer, "rehearsal:database")

    locale = "SELECT datlocprovider, datcollate, encoding FROM pg_database WHERE datname = %s"
    before = pg.query("postgres", locale, name)
    pg.run("postgres", f"DROP DATABASE {quoted} WITH (FORCE)")
    shop.restore(postgresql=login_of(pg))

    assert pg.query("postgres", locale, name) == before
    assert before[0][0] == expected
    assert pg.query(name, "SELECT count(*) FROM orders") == [(1001,)]


def test_a_view_that_finds_its_table_by_luck_cannot_be_restored(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    # pg_restore looks for names without a schema nowhere: this is damage that no hash shows.
    name = pg.create_database(
        "",
        *ORDERS,
        "CREATE FUNCTION n() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM orders'",
        "CREATE MATERIALIZED VIEW counted AS SELECT n()",
    )
    shop.backup(artefacts=[dump_artefact(pg, name)])
    answer: dict[str, t.Any] = rehearsed()

    assert statuses(answer)["rehearsal:database"] == "critical"
    assert 'relation "orders" does not exist' in message(answer, "rehearsal:database")
