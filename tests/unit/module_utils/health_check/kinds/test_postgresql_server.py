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
def test_the_answer_and_its_time_are_judged(pg: Server, shop: str) -> None:
    query = "SELECT count(*) FROM items"
    found = asked(
        pg, shop, query=query, expect={"at_least": 12}, latency={"samples": 3, "warning_ms": 4000}
    )

    assert (found["postgresql:x"]["status"], found["postgresql:x"]["observed"]) == ("ok", 12)
    assert found["postgresql:x.latency"]["status"] == "ok"
    assert (
        asked(pg, shop, query=query, expect={"at_least": 13})["postgresql:x"]["status"]
        == "critical"
    )


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


def test_a_query_that_hangs_ends_in_time(pg: Server, shop: str) -> None:
    began = time.monotonic()
    found = asked(pg, shop, query="SELECT pg_sleep(60)", timeout=0.5)["postgresql:x"]
    assert time.monotonic() - began < 5
    assert (found["status"], "statement timeout" in found["message"]) == ("critical", True)


def test_a_query_that_writes_is_refused(pg: Server, shop: str) -> None:
    found = asked(pg, shop, query="DELETE FROM items RETURNING 1")["postgresql:x"]
    assert (found["status"], "read-only transaction" in found["message"]) == ("critical", True)
    assert pg.query(shop, "SELECT count(*) FROM items") == [(12,)]


@pytest.mark.parametrize(
    "name", ['x"; DROP TABLE items; --', "x' OR '1'='1", "a\nb", "../template1", "a;b"]
)
def test_hostile_names_are_only_names(pg: Server, shop: str, name: str) -> None:
    found = asked(pg, name)["postgresql:x"]
    assert (found["status"], "does not exist" in found["message"]) == ("critical", True)
    assert pg.query(shop, "SELECT count(*) FROM items") == [(12,)]
