# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong on a server: each time a finding that says what to do, in time, and never a false ok."""

from __future__ import annotations

import contextlib
import socket
import time
import typing as t
from pathlib import Path

import psycopg2
import pytest
from ansible.module_utils.upkeep.data_quality import integrity
from ansible.module_utils.upkeep.data_quality import run as reviewing

from tests.unit.module_utils.data_quality.conftest import Review
from tests.unit.module_utils.postgresql.server import Server

ROWS: t.Final = ("CREATE TABLE rows (id integer)", "INSERT INTO rows VALUES (1)")


def table(database: str, **options: t.Any) -> dict[str, t.Any]:
    return {"name": "rows", "kind": "table", "table": "rows", "database": database, **options}


def only(found: dict[str, dict[str, t.Any]]) -> tuple[str, str]:
    [item] = found.values()
    return item["status"], item["message"]


def test_a_server_that_is_down_is_unknown(review: Review) -> None:
    status, message = only(review(table("shop"), login_host="/nowhere"))
    assert status == "unknown"
    assert "see whether its server runs" in message


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
    name = pg.create_database("", *ROWS, "CREATE VIEW slow AS SELECT pg_sleep(60)::text")
    began = time.monotonic()
    found = review(table(name, table="slow", timeout=0.5), {**table(name), "name": "other"})

    assert time.monotonic() - began < 10
    assert found["table:rows"]["status"] == "unknown"
    assert "took too long" in found["table:rows"]["message"]
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
    status, message = only(review(table(name)))
    assert status == "unknown"
    assert "BYPASSRLS" in message


def test_a_superuser_reads_with_fewer_rights(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS)
    found = review(
        {
            "name": "me",
            "kind": "figure",
            "database": name,
            "labelled": True,
            "query": "SELECT current_user, 1",
        }
    )

    assert list(found) == ["figure:me[pg_read_all_data]"]

    reading = {
        "name": "file",
        "kind": "figure",
        "database": name,
        "query": "SELECT length(pg_read_file('/etc/passwd'))",
    }

    assert only(review(reading))[0] == "unknown"


def test_two_statements_in_a_query_cannot_write(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS)
    query = "SELECT 1; COMMIT; SET default_transaction_read_only = off; DELETE FROM rows"

    assert (
        only(review({"name": "bad", "kind": "figure", "database": name, "query": query}))[0]
        == "unknown"
    )
    assert pg.query(name, "SELECT count(*) FROM rows") == [(1,)]


def test_constraints_that_are_not_in_force_are_named(pg: Server, review: Review) -> None:
    keys = "ALTER TABLE rows ADD CONSTRAINT positive CHECK (id > 0) NOT VALID"
    off = (
        "CREATE TABLE parents (id integer PRIMARY KEY)",
        "CREATE TABLE children (parent_id integer REFERENCES parents)",
        "ALTER TABLE children DISABLE TRIGGER ALL",
    )
    name = pg.create_database("", *ROWS, keys, *off)
    found = review({"name": "shop", "kind": "integrity", "database": name})[
        "integrity:shop.constraints"
    ]

    assert (found["status"], found["expected"]) == ("warning", 0)
    assert "positive on public.rows is not validated" in found["message"]
    assert "children" in found["message"]

    fine = pg.create_database("", *ROWS)

    assert only(review({"name": "shop", "kind": "integrity", "database": fine}))[0] == "ok"


def amcheck(database: str) -> dict[str, t.Any]:
    return {"name": "shop", "kind": "integrity", "database": database, "amcheck": True}


def test_storage_is_read_by_the_tool_of_the_server(pg: Server, review: Review) -> None:
    name = pg.create_database('odd "name" *.%', *ROWS)
    found = review(amcheck(name))["integrity:shop.amcheck"]

    assert found["status"] == "unknown"
    assert "CREATE EXTENSION amcheck" in found["message"]

    pg.run(name, "CREATE EXTENSION amcheck")

    assert review(amcheck(name))["integrity:shop.amcheck"]["status"] == "ok"


def test_damaged_storage_is_critical(pg: Server, review: Review) -> None:
    grown = "INSERT INTO rows SELECT i FROM generate_series(1, 5000) i"
    name = pg.create_database(
        "",
        *ROWS,
        grown,
        "CREATE EXTENSION amcheck",
        "CREATE INDEX by_id ON rows (id)",
        "CHECKPOINT",
    )
    [(path,)] = pg.query(name, "SELECT pg_relation_filepath('by_id')")
    file = Path(pg.login["host"]) / "data" / path
    pg.run(name, "DROP EXTENSION amcheck", "CREATE EXTENSION amcheck")
    content = bytearray(file.read_bytes())
    # The keys of the second page stand in another order than before.
    content[8192 + 24 : 8192 + 200] = bytes(reversed(content[8192 + 24 : 8192 + 200]))
    pg.run("postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    file.write_bytes(content)
    pg.run(
        name, "CREATE TABLE pusher AS SELECT i, repeat('x', 400) FROM generate_series(1, 100000) i"
    )

    assert review(amcheck(name))["integrity:shop.amcheck"]["status"] == "critical"


def test_no_tool_is_unknown(pg: Server, review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    name = pg.create_database("", *ROWS, "CREATE EXTENSION amcheck")
    monkeypatch.setattr(integrity, "find_tool", lambda: None)
    assert review(amcheck(name))["integrity:shop.amcheck"]["status"] == "unknown"


def test_a_place_that_ends_its_process_is_unknown(
    review: Review, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def die(checks: t.Any, login: t.Any) -> t.Any:
        raise SystemExit(9)

    monkeypatch.setattr(reviewing, "_look", die)
    (tmp_path / "data.db").touch()
    status, message = only(
        review(
            {"name": "rows", "kind": "table", "table": "rows", "sqlite": str(tmp_path / "data.db")}
        )
    )

    assert status == "unknown"
    assert "ended with 1" in message


def test_time_that_is_up_is_unknown_for_what_is_left(pg: Server, review: Review) -> None:
    name = pg.create_database("", *ROWS, "CREATE VIEW slow AS SELECT pg_sleep(60)::text")
    found = review(
        table(name, table="slow", timeout=30), {**table("other"), "name": "later"}, max_seconds=1
    )

    assert {item["status"] for item in found.values()} == {"unknown"}
    assert "time for this review was up" in found["table:later"]["message"]
