# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One table comes back with all that hangs on it, and the rest of the database is as it was."""

from __future__ import annotations

import os
import signal
import typing as t
from collections.abc import Iterator

import psycopg2
import pytest
from ansible.module_utils.upkeep.restore import table_swap
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.backup.conftest import message
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.restore.conftest import RestoringShop, dump_artefact, login_of

STATEMENTS = (
    "CREATE TABLE customers (id integer PRIMARY KEY)",
    "INSERT INTO customers SELECT generate_series(1, 20)",
    "CREATE TABLE orders (id serial PRIMARY KEY, note text NOT NULL,"
    " customer integer REFERENCES customers, CHECK (note <> ''))",
    "INSERT INTO orders (note, customer)"
    " SELECT 'n' || n, n % 20 + 1 FROM generate_series(1, 500) n",
    "CREATE UNIQUE INDEX orders_note ON orders (note)",
    "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS"
    " 'BEGIN NEW.note := NEW.note || NEW.id; RETURN NEW; END'",
    "CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp()",
    "ALTER TABLE orders OWNER TO table_app",
    "GRANT SELECT ON orders TO PUBLIC",
    "CREATE TABLE lines (id integer, order_id integer REFERENCES orders)",
    "INSERT INTO lines SELECT n, n FROM generate_series(1, 50) n",
    "CREATE VIEW notes WITH (security_barrier) AS SELECT note FROM orders",
    "CREATE VIEW few AS SELECT * FROM notes LIMIT 3",
)
SHAPE = (
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conrelid IN ('orders'::regclass, 'lines'::regclass) ORDER BY 1"
)
MADE = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'upkeep%%'"
RELATIONS = (
    "SELECT relname, relkind, pg_get_userbyid(relowner), relacl::text, reloptions FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
)


@pytest.fixture(scope="module")
def role(pg: Server) -> Iterator[None]:
    """Make the role that owns the table."""
    pg.run("postgres", "CREATE ROLE table_app LOGIN")
    yield
    for (name,) in pg.query(
        "postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'db\\_%%'"
    ):
        pg.run("postgres", f'DROP DATABASE "{name}" WITH (FORCE)')
    pg.run("postgres", "DROP ROLE table_app")


@pytest.fixture
def database(shop: RestoringShop, pg: Server, role: None) -> str:
    """Return a database that was backed up."""
    name = pg.create_database("", *STATEMENTS)
    shop.backup(artefacts=[dump_artefact(pg, name)])
    return name


def restore(shop: RestoringShop, pg: Server, **options: t.Any) -> dict[str, t.Any]:
    """Restore the table as the module does."""
    shop.later(seconds=1)
    return shop.restore(postgresql=login_of(pg), **{"table": "public.orders", **options})


def test_a_table_is_as_it_was_with_all_that_hangs_on_it(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    before = [pg.query(database, query) for query in (SHAPE, RELATIONS)]
    pg.run(database, "DELETE FROM orders WHERE id > 100", "INSERT INTO customers VALUES (99)")

    answer = restore(shop, pg)

    [kept] = answer["kept"]["database"]

    assert pg.query(database, "SELECT count(*) FROM orders") == [(500,)]
    assert pg.query(database, "SELECT count(*) FROM customers") == [(21,)]
    assert pg.query(database, f"SELECT count(*) FROM {kept}") == [(100,)]  # noqa: S608
    assert [pg.query(database, query) for query in (SHAPE, RELATIONS)] == before
    assert pg.query(database, "SELECT count(*) FROM notes") == [(500,)]
    assert pg.query(database, "SELECT count(*) FROM few") == [(3,)]
    assert pg.query(database, "INSERT INTO orders (note) VALUES ('x') RETURNING id, note") == [
        (501, "x501")
    ]
    with pytest.raises(psycopg2.errors.ForeignKeyViolation):
        pg.run(database, "INSERT INTO lines VALUES (1, 100000)")


def test_what_is_computed_watched_and_guarded_by_the_table_itself_comes_back(
    shop: RestoringShop, pg: Server, role: None
) -> None:
    name = pg.create_database(
        "",
        "CREATE TABLE orders (id integer PRIMARY KEY, price integer,"
        " gross integer GENERATED ALWAYS AS (price * 2) STORED)",
        "INSERT INTO orders SELECT n, n FROM generate_series(1, 500) n",
        "CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.price := 0; RETURN NEW; END'",
        "CREATE TRIGGER stamp BEFORE UPDATE OF price ON orders FOR EACH ROW"
        " WHEN (NEW.price < 0) EXECUTE FUNCTION stamp()",
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON orders USING (price < 400)",
    )
    shape = (
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'orders'::regclass",
        "SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy"
        " WHERE polrelid = 'orders'::regclass",
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'orders'::regclass",
        "SELECT relrowsecurity FROM pg_class WHERE oid = 'orders'::regclass",
        "SELECT count(*), sum(gross) FROM orders",
    )
    shop.backup(artefacts=[dump_artefact(pg, name)])
    before = [pg.query(name, query) for query in shape]
    pg.run(name, "DELETE FROM orders WHERE id > 100")

    restore(shop, pg)

    assert all(before)
    assert [pg.query(name, query) for query in shape] == before


def test_what_is_kept_holds_no_row_of_others_back(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    restore(shop, pg)

    pg.run(database, "UPDATE orders SET customer = NULL", "DELETE FROM customers")


def test_rows_that_others_need_must_be_in_the_set(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    pg.run(
        database,
        "INSERT INTO orders (note) VALUES ('new')",
        "INSERT INTO lines VALUES (51, 501)",
    )

    with pytest.raises(RestoreError, match=r"all is as it was before.*foreign key"):
        restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(501,)]
    assert pg.query(database, MADE) == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ALTER TABLE orders ADD COLUMN more text", "columns of public.orders are others"),
        (
            "CREATE MATERIALIZED VIEW m AS SELECT * FROM orders",
            r"materialized view.* would go on to use the old table",
        ),
        (
            "CREATE FUNCTION f(orders) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            r"function public\.f\(public\.orders\)",
        ),
        (
            "CREATE POLICY foreign_one ON customers USING (id IN (SELECT customer FROM orders))",
            r"policy foreign_one on table public\.customers would go on to use the old table",
        ),
        ("CREATE TABLE child () INHERITS (orders)", "is not a table of its own"),
    ],
)
def test_what_cannot_be_swapped_is_refused(
    shop: RestoringShop, pg: Server, database: str, statement: str, expected: str
) -> None:
    pg.run(database, "DELETE FROM orders WHERE id > 100", statement)

    with pytest.raises(RestoreError, match=expected):
        restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM ONLY orders") == [(100,)]


def test_a_table_that_is_gone_comes_back(shop: RestoringShop, pg: Server, database: str) -> None:
    pg.run(database, "DROP TABLE orders CASCADE")

    answer = restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(500,)]
    assert "foreign keys of the table are not restored" in message(answer, "restore:database")


def test_check_mode_leaves_the_database_alone(
    shop: RestoringShop, pg: Server, database: str
) -> None:
    pg.run(database, "DELETE FROM orders WHERE id > 100")

    answer = restore(shop, pg, action="replace", table="public.lines")
    dry = shop.restore(check_mode=True, table="public.orders", postgresql=login_of(pg))

    assert answer["changed"]
    assert f"would replace {database}: public.orders" in message(dry, "restore:database")
    assert pg.query(database, "SELECT count(*) FROM orders") == [(100,)]


def test_the_table_is_put_back_when_a_later_step_fails(
    shop: RestoringShop, pg: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = pg.query(database, SHAPE)
    pg.run(database, "DELETE FROM orders WHERE id > 100")
    original = table_swap.swap_table

    def fail_after(session: t.Any, table: tuple[str, str], side: str, kept: str) -> None:
        original(session, table, side, kept)
        original(session, table, kept, side)
        original(session, table, "no_such_schema", "upkeep_before_x")

    monkeypatch.setattr(table_swap, "swap_table", fail_after)

    with pytest.raises(RestoreError, match="all is as it was before"):
        restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(100,)]
    assert pg.query(database, SHAPE) == shape


def test_a_swap_whose_answer_is_lost_is_undone(
    shop: RestoringShop, pg: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = pg.query(database, SHAPE)
    pg.run(database, "DELETE FROM orders WHERE id > 100")
    original = table_swap.swap_table

    def swap_and_end(session: t.Any, table: tuple[str, str], side: str, kept: str) -> None:
        original(session, table, side, kept)
        if side.startswith("upkeep_side"):
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(table_swap, "swap_table", swap_and_end)

    with pytest.raises(RestoreError, match="all is as it was before"):
        restore(shop, pg)

    assert pg.query(database, "SELECT count(*) FROM orders") == [(100,)]
    assert pg.query(database, SHAPE) == shape


def test_an_empty_table_is_not_restored(shop: RestoringShop, pg: Server, database: str) -> None:
    pg.run(database, "CREATE TABLE empty (id integer)")
    shop.later(seconds=1)
    shop.backup(reason="demand", artefacts=[dump_artefact(pg, database)])

    with pytest.raises(RestoreError, match=r"not a single row of public\.empty"):
        restore(shop, pg, table="public.empty")
