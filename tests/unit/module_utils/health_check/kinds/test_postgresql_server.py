# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind postgresql, against a real server."""

from __future__ import annotations

import contextlib
import time
import typing as t

import psycopg2
import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.attempt import observe

from tests.unit.module_utils.health_check.checks import parse
from tests.unit.module_utils.postgresql.server import Server

ROWS: t.Final = (
    "CREATE TABLE items (id integer)",
    "INSERT INTO items SELECT generate_series(1, 12)",
)
READER: t.Final = "SELECT 1 FROM pg_roles WHERE rolname = 'upkeep_read'"


@pytest.fixture
def reader(pg: Server) -> t.Iterator[str]:
    """Return a role that may read every table and nothing else.

    The server is shared, so tests of another package may have made it.
    """
    made = not pg.query("postgres", READER)
    if made:
        pg.run(
            "postgres",
            "CREATE ROLE upkeep_read LOGIN NOSUPERUSER BYPASSRLS",
            "GRANT pg_read_all_data, pg_monitor TO upkeep_read",
        )
    yield "upkeep_read"
    if made:
        pg.run("postgres", "DROP ROLE upkeep_read")


@pytest.fixture
def no_reader(pg: Server) -> t.Iterator[None]:
    """Have no role that reads, for the time of a test."""
    there = bool(pg.query("postgres", READER))
    if there:
        pg.run("postgres", "ALTER ROLE upkeep_read RENAME TO elsewhere")
    yield
    if there:
        pg.run("postgres", "ALTER ROLE elsewhere RENAME TO upkeep_read")


@pytest.fixture
def shop(pg: Server) -> t.Iterator[str]:
    """Return a database with twelve rows."""
    name = pg.create_database("", *ROWS)
    yield name
    pg.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def asked(pg: Server, database: str, **options: t.Any) -> dict[str, Finding]:
    login = {
        "login_host": pg.login["host"],
        "login_port": pg.login["port"],
        "login_user": "postgres",
    }
    raw = {
        "name": "x",
        "kind": "postgresql",
        "database": database,
        "timeout": 5,
        **login,
        **options,
    }
    return {found["check"]: found for found in observe(parse(raw)) if "check" in found}


@pytest.mark.requirement("R-fairedge-17", "R-student_success-13")
def test_the_answer_and_its_time_are_judged(pg: Server, shop: str, reader: str) -> None:
    query = {"query": "SELECT count(*) FROM items", "login_user": reader}
    found = asked(
        pg, shop, **query, expect={"at_least": 12}, latency={"samples": 3, "warning_ms": 4000}
    )

    assert (found["postgresql:x"]["status"], found["postgresql:x"]["observed"]) == ("ok", 12)
    assert found["postgresql:x.latency"]["status"] == "ok"
    assert asked(pg, shop, **query, expect={"at_least": 13})["postgresql:x"]["status"] == "critical"


def test_a_server_at_its_connection_limit_is_critical(pg: Server, shop: str) -> None:
    pg.run(shop, "CREATE ROLE visitor LOGIN")
    try:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(psycopg2.OperationalError):
                while True:
                    login = {**pg.login, "user": "visitor"}
                    stack.callback(psycopg2.connect(dbname=shop, **login).close)
            found = asked(pg, shop, login_user="visitor", latency={"warning_ms": 4000})
    finally:
        pg.run(shop, "DROP ROLE visitor")

    assert list(found) == ["postgresql:x"], "a refusal has no time that says something"
    assert (
        found["postgresql:x"]["status"],
        "remaining connection slots" in found["postgresql:x"]["message"],
    ) == (
        "critical",
        True,
    )


def test_a_query_that_hangs_ends_in_time(pg: Server, shop: str, reader: str) -> None:
    began = time.monotonic()
    found = asked(pg, shop, query="SELECT pg_sleep(60)", login_user=reader, timeout=0.5)[
        "postgresql:x"
    ]
    assert time.monotonic() - began < 30
    assert (found["status"], "statement timeout" in found["message"]) == ("critical", True)


def test_a_query_that_writes_is_refused(pg: Server, shop: str, reader: str) -> None:
    query = "DELETE FROM items RETURNING 1"
    found = asked(pg, shop, query=query, login_user=reader)["postgresql:x"]
    assert (found["status"], "read-only transaction" in found["message"]) == ("critical", True)
    assert pg.query(shop, "SELECT count(*) FROM items") == [(12,)]


@pytest.mark.parametrize(
    "name", ['x"; DROP TABLE items; --', "x' OR '1'='1", "a\nb", "../template1", "a;b"]
)
def test_hostile_names_are_only_names(pg: Server, shop: str, name: str) -> None:
    found = asked(pg, name)["postgresql:x"]
    assert (found["status"], "does not exist" in found["message"]) == ("critical", True)
    assert pg.query(shop, "SELECT count(*) FROM items") == [(12,)]


#: Code of a table's owner that runs as whoever reads the table.
TRAP: t.Final = (
    "CREATE TABLE taken (who text, superuser text)",
    "GRANT INSERT ON taken TO PUBLIC",
    "CREATE FUNCTION trap() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN"
    " RAISE WARNING 'ran as % %', session_user, current_setting('is_superuser');"
    " PERFORM pg_read_file('/etc/hostname'); RETURN 1; END $$",
)
VIEW: t.Final = (*TRAP, "CREATE VIEW offers AS SELECT trap() AS id")
CAST: t.Final = (
    *TRAP,
    "CREATE TYPE odd AS (n integer)",
    "CREATE FUNCTION plain(odd) RETURNS integer LANGUAGE plpgsql AS $$"
    " BEGIN RETURN public.trap(); END $$",
    "CREATE CAST (odd AS integer) WITH FUNCTION plain(odd) AS IMPLICIT",
    "CREATE TABLE offers (id odd)",
    "INSERT INTO offers VALUES (ROW(1)::odd)",
)


@pytest.mark.parametrize("planted", [VIEW, CAST], ids=["view", "cast"])
def test_tables_of_applications_are_not_read_as_superuser(
    pg: Server, planted: tuple[str, ...]
) -> None:
    """A superuser's session would run the trap with all rights, whatever is read only."""
    database = pg.create_database("", *planted)

    found = asked(pg, database, query="SELECT sum(id::integer) FROM offers")["postgresql:x"]

    assert found["status"] == "unknown"
    assert "the query was not sent" in found["message"]
    assert "onboard_hosts.yml" in found["message"]


@pytest.mark.parametrize("planted", [VIEW, CAST], ids=["view", "cast"])
def test_code_in_a_table_gets_no_more_rights_than_the_reader_has(
    pg: Server, reader: str, planted: tuple[str, ...]
) -> None:
    database = pg.create_database("", *planted)
    query = "SELECT sum(id::integer) FROM offers"

    found = asked(pg, database, query=query, login_user=reader)["postgresql:x"]

    assert found["status"] == "critical"
    assert "permission denied" in found["message"] or "is restricted" in found["message"]


def test_a_member_of_a_superuser_is_not_a_reader(pg: Server, shop: str) -> None:
    pg.run("postgres", "CREATE ROLE sly LOGIN", "GRANT postgres TO sly")
    try:
        found = asked(pg, shop, query="SELECT count(*) FROM items", login_user="sly")
    finally:
        pg.run("postgres", "DROP ROLE sly")

    assert found["postgresql:x"]["status"] == "unknown"


def test_whether_a_server_answers_may_be_asked_as_anybody(pg: Server, shop: str) -> None:
    assert asked(pg, shop)["postgresql:x"]["status"] == "ok"


def test_a_missing_reader_is_unknown_and_names_the_way_to_make_it(
    pg: Server, shop: str, no_reader: None
) -> None:
    found = asked(pg, shop, login_user="upkeep_read")["postgresql:x"]

    assert found["status"] == "unknown"
    assert "onboard_hosts.yml" in found["message"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT mail::integer FROM people",
        "SELECT mail::date FROM people",
        "SELECT (SELECT 1 / (length(mail) - 16)) FROM people",
        "SELECT tell(mail) FROM people",
    ],
)
def test_an_error_shows_no_value_of_a_table(pg: Server, reader: str, query: str) -> None:
    database = pg.create_database(
        "",
        "CREATE TABLE people (mail text)",
        "INSERT INTO people VALUES ('jane@example.org')",
        "CREATE FUNCTION tell(text) RETURNS integer LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'bad mail %', $1; END $$",
    )
    query = query.replace("tell(", "public.tell(")

    found = asked(pg, database, query=query, login_user=reader)["postgresql:x"]

    assert found["status"] == "critical"
    assert "SQLSTATE" in found["message"]
    assert "jane" not in str(found)


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGSERVICE", "PGPORT", "PGOPTIONS"])
def test_the_environment_names_no_other_server(
    pg: Server, shop: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    values = {"PGHOSTADDR": "192.0.2.1", "PGPORT": "1", "PGOPTIONS": "-c nonsense=1"}
    monkeypatch.setenv(name, values.get(name, "/nowhere"))

    assert asked(pg, shop)["postgresql:x"]["status"] == "ok"


@pytest.mark.parametrize("value", ["'Infinity'::numeric", "'NaN'::float8", "'-Infinity'::float8"])
def test_a_figure_that_is_not_a_number_is_not_fine(pg: Server, shop: str, value: str) -> None:
    pg.run("postgres", "CREATE ROLE few LOGIN")
    try:
        found = asked(
            pg, shop, query=f"SELECT {value}", login_user="few", expect={"at_least": -10}
        )["postgresql:x"]
    finally:
        pg.run("postgres", "DROP ROLE few")

    assert found["status"] == "critical"
    assert isinstance(found["observed"], str)
