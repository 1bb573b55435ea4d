# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong on a server: a finding that says what to do, in time, and never a false ok."""

from __future__ import annotations

import contextlib
import socket
import time

import psycopg2

from tests.unit.module_utils.data_quality.conftest import ROWS, Review, only, table
from tests.unit.module_utils.postgresql.server import Server


def test_a_server_that_is_down_is_unknown(review: Review) -> None:
    status, message = only(review(table("shop"), login_host="/nowhere"))
    assert status == "unknown"
    assert "check that its server runs" in message


def test_a_database_that_is_not_there_is_unknown(review: Review) -> None:
    status, message = only(review(table("gone")))
    assert status == "unknown"
    assert '"gone" does not exist' in message


def test_a_server_at_its_connection_limit_is_unknown_and_says_where_to_look(
    pg: Server, review: Review
) -> None:
    name = pg.create_database("", *ROWS, "CREATE ROLE visitor LOGIN")
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(psycopg2.OperationalError):
            for _ in range(100):
                login = {**pg.login, "user": "visitor"}
                stack.callback(psycopg2.connect(dbname=name, **login).close)
        status, message = only(review(table(name), login_user="visitor", run_as=""))

    pg.run("postgres", f"DROP DATABASE {name} WITH (FORCE)", "DROP ROLE visitor")

    assert status == "unknown"
    assert "pg_stat_activity" in message


def test_a_question_that_takes_too_long_is_ended_by_the_server(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS)
    slow = {"name": "slow", "kind": "figure", "query": "SELECT 1 FROM pg_sleep(60)", "timeout": 0.5}
    began = time.monotonic()

    found = review({**slow, "database": name}, {**table(name), "name": "other"})

    assert time.monotonic() - began < 10
    assert found["figure:slow"]["status"] == "unknown"
    assert "took too long" in found["figure:slow"]["message"]
    assert found["table:other.rows"]["status"] == "ok"


def test_a_locked_table_is_unknown_and_keeps_nobody_waiting(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS)
    other = pg.connect(name)
    other.autocommit = False
    other.cursor().execute("LOCK TABLE rows IN ACCESS EXCLUSIVE MODE")

    try:
        status, message = only(review(table(name)))
    finally:
        other.close()

    assert status == "unknown"
    assert "stayed locked" in message


def test_a_server_that_never_answers_is_left_in_time(review: Review) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        began = time.monotonic()
        status, message = only(review(table("shop", timeout=1), login_host=host, login_port=port))

    assert time.monotonic() - began < 8
    assert status == "unknown"
    assert "took more than 1 s" in message


def test_rows_hidden_by_a_policy_are_unknown_not_miscounted(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS, "ALTER TABLE rows ENABLE ROW LEVEL SECURITY")
    pg.run("postgres", "CREATE ROLE visitor LOGIN", "GRANT pg_read_all_data TO visitor")

    status, message = only(review(table(name), login_user="visitor"))
    found = review(table(name))
    pg.run("postgres", "DROP ROLE visitor")

    assert status == "unknown"
    assert "BYPASSRLS" in message
    assert found["table:rows.rows"]["observed"] == 1


def test_two_statements_in_a_query_cannot_write(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS)
    query = "SELECT 1; COMMIT; SET default_transaction_read_only = off; DELETE FROM rows"

    assert (
        only(review({"name": "bad", "kind": "figure", "database": name, "query": query}))[0]
        == "unknown"
    )
    assert pg.query(name, "SELECT count(*) FROM rows") == [(1,)]
