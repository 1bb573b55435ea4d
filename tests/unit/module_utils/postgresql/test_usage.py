# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a real server's database is used: slow statements, and indexes that nobody asks."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.postgresql import usage
from ansible.module_utils.upkeep.postgresql.catalogue import Extension
from ansible.module_utils.upkeep.postgresql.connection import DatabaseError, Session

from tests.unit.module_utils.postgresql.made import database
from tests.unit.module_utils.postgresql.running import maintain
from tests.unit.module_utils.postgresql.server import Server

STATEMENTS: t.Final = {"show": 2, "warning_ms": 20, "requirements": ["R-fairedge-126"]}
INDEX_USE: t.Final = {"least_days": 0, "least_rows": 1000, "requirements": ["R-fairedge-127"]}


def found(
    pg: Server, database: str, aspect: str, wanted: dict[str, t.Any], **options: t.Any
) -> Finding:
    """Return the finding on one aspect, after check that looking changed nothing."""
    result = maintain(pg, {"name": database, aspect: wanted}, **options)

    assert not result["changed"]

    [one] = [
        item for item in result["findings"] if item["check"] == f"database:{database}.{aspect}"
    ]

    return dict(one)


@pytest.fixture
def shop(pg: Server) -> t.Iterator[str]:
    """Return a database in which statements are counted, with an application's role."""
    pg.run("postgres", "CREATE ROLE seller")
    name = pg.create_database(
        "", "CREATE EXTENSION pg_stat_statements", "CREATE TABLE items (id int, note text)"
    )
    pg.run(name, "GRANT ALL ON items TO seller", "SELECT pg_stat_statements_reset()")
    yield name
    pg.run(name, "DROP OWNED BY seller")
    pg.run("postgres", f"DROP DATABASE {name} WITH (FORCE)", "DROP ROLE seller")


@pytest.mark.requirement("R-fairedge-126")
def test_the_slowest_statements_are_told_without_their_constants(pg: Server, shop: str) -> None:
    slow = ["SELECT 'sesame', pg_sleep(0.03) /* for jane@example.org */ -- 'sesame'"] * 3
    quick = ["INSERT INTO items VALUES (1, 'sesame')"] * 3
    rare = ["SELECT pg_sleep(0.1)"]
    other = ["SET application_name = 'sesame'"] * 3
    pg.run(shop, "SET ROLE seller", *slow, *quick, *rare, *other)
    pg.run(shop, *["SELECT 1 AS ours, pg_sleep(0.05)"] * 3)
    one = found(pg, shop, "statements", STATEMENTS)

    assert (one["status"], one["expected"], one["requirements"]) == (
        "warning",
        "at most 20",
        ["R-fairedge-126"],
    )
    assert 30 <= one["observed"] < 1000

    said, *lines = one["message"].splitlines()

    assert said.startswith("The slowest 2 statements on average since 20")
    assert [line.split(": ", 1)[1] for line in lines] == [
        "SELECT $1, pg_sleep($2)",
        "INSERT INTO items VALUES ($1, $2)",
    ]
    assert ", 3 times, " in lines[0]
    assert "sesame" not in one["message"]
    assert "jane" not in one["message"]
    assert found(pg, shop, "statements", {"show": 1})["status"] == "info", (
        "without a limit it is told only"
    )
    assert found(pg, shop, "statements", {"warning_ms": 5000})["status"] == "ok"
    assert found(pg, shop, "statements", {"least_calls": 4})["message"].startswith(
        "No statement of an application ran 4"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "/* controller='Orders' */ SELECT pg_sleep(0.03)",
        "-- jane@example.org\n-- and more\n  SELECT pg_sleep(0.03)",
        "(SELECT pg_sleep(0.03)) UNION ALL SELECT pg_sleep(0.03)",
        "/* a /* nested jane */ b **/ ( /* c */ (SELECT pg_sleep(0.03)))",
        "VALUES (pg_sleep(0.03))",
        "--\n--jane/*\n/*/ ** jane **/SELECT pg_sleep(0.03) -- jane",
        "/**/WITH x AS (SELECT pg_sleep(0.03)) SELECT * FROM x",
    ],
)
def test_a_slow_statement_is_told_whatever_stands_before_it(
    pg: Server, shop: str, statement: str
) -> None:
    pg.run(shop, "SET ROLE seller", *[statement] * 3)
    one = found(pg, shop, "statements", STATEMENTS)

    assert one["status"] == "warning"
    assert "pg_sleep($1)" in one["message"]
    assert "jane" not in one["message"]
    assert "Orders" not in one["message"]
    assert "/*" not in one["message"]


@pytest.mark.parametrize(
    "statement",
    [
        "/* select */ SET application_name = 'sesame'",
        "/* /* */ select */ SET application_name = 'sesame'",
        "-- select\nSET application_name = 'sesame'",
        "--\n-- a\n-- b ( select\nSET application_name = 'sesame'",
        "/***//**/ -- /* */ select\nSET application_name = 'sesame'",
        "/* a /* b /* c */ */ select */ SET application_name = 'sesame'",
    ],
)
def test_a_comment_makes_no_other_statement_a_query(pg: Server, shop: str, statement: str) -> None:
    pg.run(shop, "SET ROLE seller", *[statement] * 3)

    assert "sesame" not in found(pg, shop, "statements", STATEMENTS)["message"]


@pytest.mark.requirement("R-fairedge-126")
def test_where_nothing_counts_statements_that_is_unknown_and_says_what_to_do(
    pg: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pg.run(shop, "DROP EXTENSION pg_stat_statements")
    one = found(pg, shop, "statements", STATEMENTS)

    assert (one["status"], one["requirements"]) == ("unknown", ["R-fairedge-126"])
    assert "not in this database; add it to shared_preload_libraries, restart" in one["message"]

    monkeypatch.setattr(usage.catalogue, "extension", lambda *_asked: Extension(None, False, None))

    assert (
        "pg_stat_statements is not installed"
        in found(pg, shop, "statements", STATEMENTS)["message"]
    )


class Unloaded(Session):
    """A session with a server that has the extension, but was started without its library."""

    def __init__(self) -> None:
        """Open nothing."""

    def rows(self, query: str, values: t.Any = None, **names: t.Any) -> list[t.Any]:
        if "pg_extension" in query:
            return [("public", True, None)]
        raise DatabaseError('pg_stat_statements must be loaded via "shared_preload_libraries"')


def test_an_extension_without_its_library_is_unknown() -> None:
    asked = database(statements={})

    assert asked.statements

    [one] = usage.statements(Unloaded(), asked, asked.statements)

    assert one["status"] == "unknown"
    assert "is not loaded; add it to" in one["message"]


def test_who_may_not_see_what_others_ask_says_so(pg: Server, shop: str) -> None:
    pg.run(shop, "CREATE ROLE onlooker LOGIN")
    try:
        one = found(pg, shop, "statements", STATEMENTS, login_user="onlooker")
        assert (one["status"], "grant it pg_monitor" in one["message"]) == ("unknown", True)
    finally:
        pg.run(shop, "DROP OWNED BY onlooker", "DROP ROLE onlooker")


@pytest.mark.requirement("R-fairedge-127", "R-student_success-70")
def test_indexes_that_nobody_asks_and_tables_read_whole_are_told(pg: Server, shop: str) -> None:
    pg.run(shop, "INSERT INTO items SELECT i, 'x' FROM generate_series(1, 5000) AS i")
    pg.run(
        shop,
        "CREATE INDEX items_asked ON items (id)",
        'CREATE INDEX "items never" ON items (note, id)',
        "CREATE UNIQUE INDEX items_rule ON items (id)",
        "DROP INDEX items_rule",
        "ALTER TABLE items ADD CONSTRAINT items_once UNIQUE (id)",
        "VACUUM ANALYZE items",
        *["SELECT count(*) FROM items"] * 3,
        "SELECT note FROM items WHERE id = 7",
        "SELECT pg_stat_force_next_flush()",
    )
    one = found(pg, shop, "index_use", INDEX_USE)

    assert (one["status"], one["requirements"]) == ("info", ["R-fairedge-127"])

    asked = {
        name
        for (name,) in pg.query(
            shop, "SELECT indexrelname FROM pg_stat_user_indexes WHERE idx_scan > 0"
        )
    }

    assert len(asked) == 1, "one of the two indexes on id"
    assert 'public."items never"' in one["message"]
    assert "items_once" not in one["message"], "it keeps a rule, whether somebody asks it or not"
    assert "Mostly read whole: public.items (5000 rows, " in one["message"]
    assert found(pg, shop, "index_use", {**INDEX_USE, "warning_mb": 0})["status"] == "warning"

    soon = found(pg, shop, "index_use", {**INDEX_USE, "least_days": 7, "warning_mb": 0})

    assert (soon["status"], "too short to call them unused" in soon["message"]) == ("info", True)

    pg.run(shop, 'DROP INDEX "items never"', "DROP INDEX items_asked")
    small = found(pg, shop, "index_use", {**INDEX_USE, "least_rows": 10_000})

    assert (small["status"], small["observed"]) == ("ok", 0)


@pytest.mark.parametrize("aspect", ["statements", "index_use"])
def test_a_database_that_cannot_be_reached_leaves_its_rows(pg: Server, aspect: str) -> None:
    one = found(pg, "nowhere", aspect, {})
    assert (one["status"], "Not observed" in one["message"]) == ("unknown", True)
