# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes wrong becomes a finding, and the next run repairs it."""

from __future__ import annotations

import contextlib
import itertools
import json
import typing as t

import pytest
from ansible.module_utils.upkeep.postgresql import connection, execution
from psycopg2 import errors

from tests.unit.module_utils.postgresql.running import (
    in_background,
    maintain,
    message,
    start,
    statuses,
    wait_until,
    work,
)
from tests.unit.module_utils.postgresql.server import Server

THINNED: t.Final = (
    "CREATE EXTENSION pgstattuple",
    "CREATE TABLE orders (id bigint PRIMARY KEY, note text)",
    "INSERT INTO orders SELECT i, md5(i::text) FROM generate_series(1, 60000) i",
    "CREATE INDEX idx_note ON orders (note)",
    "DELETE FROM orders WHERE id % 10 <> 0",
    "VACUUM ANALYZE orders",
)
READER: t.Final = "SELECT 1 FROM orders LIMIT 1"
WRITER: t.Final = "UPDATE orders SET note = note WHERE id = 10"
REINDEX: t.Final[dict[str, t.Any]] = {"reindex": {"indexes": ["idx_note"]}}
INVALID: t.Final = """SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                      WHERE NOT i.indisvalid ORDER BY 1"""


@contextlib.contextmanager
def holding(pg: Server, name: str, *statements: str) -> t.Iterator[t.Any]:
    """Keep a transaction open that has run some statements."""
    client = pg.connect(name)
    client.cursor().execute("BEGIN;" + ";".join(statements))
    try:
        yield client
    finally:
        client.close()


def leave_half_built(pg: Server, name: str) -> None:
    """Interrupt a concurrent rebuild as an impatient person would."""
    client = pg.connect(name, options="-c lock_timeout=50ms")
    with holding(pg, name, WRITER), contextlib.suppress(errors.LockNotAvailable):
        client.cursor().execute("REINDEX INDEX CONCURRENTLY idx_note")

    client.close()

    assert pg.query(name, INVALID) == [("idx_note_ccnew",)]


@pytest.mark.requirement("R-hyperopt-19")
@pytest.mark.parametrize(
    ("in_the_way", "left_over", "repair"),
    [
        # A writer holds the rebuild back before the new index is filled, a reader before the old
        # one is dropped.
        (
            WRITER,
            "idx_note_ccnew",
            [("public.idx_note_ccnew", "drop_index"), ("public.idx_note", "reindex")],
        ),
        (READER, "idx_note_ccold", [("public.idx_note_ccold", "drop_index")]),
    ],
)
def test_a_run_that_is_killed_inside_a_rebuild_is_repaired_by_the_next(
    pg: Server, in_the_way: str, left_over: str, repair: list[tuple[str, str]]
) -> None:
    name = pg.create_database("", *THINNED)
    with holding(pg, name, in_the_way):
        process = start(pg, {"name": name, **REINDEX}, lock_timeout="10min")
        wait_until(lambda: pg.query(name, INVALID) == [(left_over,)], "the rebuild has come so far")
        process.kill()
        process.wait()
        sessions = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'upkeep_maintenance'"
        )
        wait_until(
            lambda: pg.query(name, sessions) == [(0,)], "the server notices that its client is gone"
        )

        assert pg.query(name, INVALID) == [(left_over,)]

    foretold = maintain(pg, {"name": name, **REINDEX}, check_mode=True)
    result = maintain(pg, {"name": name, **REINDEX})

    assert work(foretold) == work(result)
    assert [(action["object"], action["action"]) for action in result["actions"]] == repair
    assert {action["status"] for action in result["actions"]} == {"done"}
    assert pg.query(name, INVALID) == []
    assert not maintain(pg, {"name": name, **REINDEX})["changed"]


def test_an_index_that_somebody_is_building_is_neither_dropped_nor_reported(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    writer = pg.connect(name)
    writer.cursor().execute("BEGIN;" + WRITER)
    with in_background(pg, name, "REINDEX INDEX CONCURRENTLY idx_note"):
        wait_until(lambda: pg.query(name, INVALID), "the rebuild has begun")
        result = maintain(pg, {"name": name, **REINDEX}, lock_timeout="50ms")

        assert not [action for action in result["actions"] if action["action"] == "drop_index"]
        assert statuses(result)["invalid_indexes"] == "ok"

        writer.close()

    assert pg.query(name, INVALID) == []


def test_invalid_indexes_that_are_no_left_overs_are_reported_and_kept(pg: Server) -> None:
    name = pg.create_database(
        "", *THINNED, "CREATE TABLE twice (id int)", "INSERT INTO twice VALUES (1), (1)"
    )
    with contextlib.suppress(errors.UniqueViolation):
        pg.run(name, "CREATE UNIQUE INDEX CONCURRENTLY mine_ccnew ON twice (id)")

    pg.run(name, "CREATE INDEX other_ccnew ON twice (id)")

    assert pg.query(name, INVALID) == [("mine_ccnew",)]

    result = maintain(pg, {"name": name, "reindex": {}})

    assert not [action for action in result["actions"] if action["action"] == "drop_index"]
    assert statuses(result)["invalid_indexes"] == "warning"
    assert "public.mine_ccnew" in message(result, "invalid_indexes")
    assert pg.query(name, "SELECT count(*) FROM pg_class WHERE relname = 'other_ccnew'") == [(1,)]


def test_without_reindex_left_overs_are_only_reported(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    leave_half_built(pg, name)
    result = maintain(pg, {"name": name, "vacuum": {}})
    assert result["actions"] == []
    assert statuses(result)["invalid_indexes"] == "warning"


def test_a_locked_table_is_left_alone_and_the_others_are_done(pg: Server) -> None:
    name = pg.create_database(
        "", "CREATE TABLE a (id int)", "CREATE TABLE b (id int)", "CREATE TABLE c (id int)"
    )
    entry = {"name": name, "analyze": {}, "vacuum": {}}
    with holding(pg, name, "LOCK TABLE b"):
        result = maintain(pg, entry)

    assert {a["object"]: a["status"] for a in result["actions"]} == {
        "public.a": "done",
        "public.b": "skipped",
        "public.c": "done",
    }
    assert (result["failed_actions"], statuses(result)["vacuum"], statuses(result)["analyze"]) == (
        [],
        "warning",
        "warning",
    )

    again = maintain(pg, entry)

    assert [(a["object"], a["status"]) for a in again["actions"]] == [("public.b", "done")]


def test_a_rebuild_is_not_begun_when_an_old_transaction_is_in_its_way(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    with holding(pg, name, READER) as client:
        wait_until(
            lambda: pg.query(
                name, "SELECT max(clock_timestamp() - xact_start) > '200ms' FROM pg_stat_activity"
            )[0][0],
            "the transaction is older than lock_timeout",
        )
        result = maintain(pg, {"name": name, **REINDEX}, lock_timeout="100ms")

        assert [action["status"] for action in result["actions"]] == ["skipped"]
        assert f"pid {client.info.backend_pid}" in message(result, "reindex")
        assert (statuses(result)["reindex"], result["changed"]) == ("warning", False)

    assert pg.query(name, INVALID) == []


def test_what_a_rebuild_that_ran_into_a_lock_leaves_is_cleaned_up(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    with holding(pg, name, READER):
        process = start(pg, {"name": name, **REINDEX}, lock_timeout="1s")
        wait_until(lambda: pg.query(name, INVALID), "the rebuild has begun")
        wait_until(lambda: process.poll() is not None, "three attempts are over", seconds=30)

    result = maintain(pg, {"name": name, **REINDEX})

    assert {action["status"] for action in result["actions"]} == {"done"}
    assert pg.query(name, INVALID) == []


def test_two_runs_never_overlap(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    with holding(pg, name, f"SELECT pg_advisory_lock({connection.LOCK_KEY})"):
        result = maintain(pg, {"name": name, **REINDEX, "vacuum": {}, "sizes": {}})

    assert result["actions"] == []
    assert {aspect: statuses(result)[aspect] for aspect in ("", "reindex", "vacuum")} == {
        "": "ok",
        "reindex": "warning",
        "vacuum": "warning",
    }
    assert "Another maintenance run" in message(result, "vacuum")


def test_a_failed_statement_is_critical_and_stops_nothing_else(pg: Server) -> None:
    helper = (
        "CREATE OR REPLACE FUNCTION part(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE"
        " AS $$ BEGIN {} END $$"
    )
    name = pg.create_database(
        "",
        *THINNED[:3],
        helper.format("RETURN t;"),
        "CREATE INDEX idx_part ON orders (part(note))",
        *THINNED[3:],
        helper.format("RAISE EXCEPTION 'broken helper';"),
        "CREATE TABLE fine (id int)",
    )
    result = maintain(
        pg, {"name": name, "analyze": {}, "reindex": {"indexes": ["idx_part", "idx_note"]}}
    )

    assert sorted((action["object"], action["status"]) for action in result["actions"]) == [
        ("public.fine", "done"),
        ("public.idx_note", "done"),
        ("public.idx_part", "failed"),
    ]
    assert [action["object"] for action in result["failed_actions"]] == ["public.idx_part"]
    assert statuses(result)["reindex"] == "critical"
    assert "raise exception (SQLSTATE P0001)" in message(result, "reindex")
    assert pg.query(name, INVALID) == [], "nothing of the failed rebuild is left"


def test_a_rebuild_that_meets_equal_keys_shows_no_row(pg: Server) -> None:
    helper = (
        "CREATE OR REPLACE FUNCTION part(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT {}'"
    )
    name = pg.create_database(
        "",
        "CREATE EXTENSION pgstattuple",
        "CREATE TABLE people (mail text)",
        helper.format("t"),
        "CREATE UNIQUE INDEX idx_mail ON people (part(mail))",
        "INSERT INTO people SELECT i || '@example.org' FROM generate_series(1, 60000) i",
        "DELETE FROM people WHERE right(split_part(mail, '@', 1), 1) <> '0'",
        "INSERT INTO people VALUES ('Jane.Private@example.org'), ('jane.private@example.org')",
        "VACUUM ANALYZE people",
        helper.format("lower(t)"),
    )
    result = maintain(pg, {"name": name, "reindex": {"indexes": ["idx_mail"]}})

    assert [action["object"] for action in result["failed_actions"]] == ["public.idx_mail"]
    assert statuses(result)["reindex"] == "critical"
    assert "unique violation (SQLSTATE 23505)" in message(result, "reindex")
    assert "jane" not in json.dumps(result).lower()


def test_a_lost_connection_is_critical_and_the_next_database_is_still_done(pg: Server) -> None:
    name, other = (
        pg.create_database("", *THINNED),
        pg.create_database("", "CREATE TABLE a (id int)"),
    )

    with holding(pg, name, READER):
        process = start(
            pg, {"name": name, **REINDEX}, {"name": other, "analyze": {}}, lock_timeout="10min"
        )
        wait_until(lambda: pg.query(name, INVALID), "the rebuild has begun")
        pg.query(
            name,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'upkeep_maintenance'",
        )

        assert process.stdout

        answer = json.loads(process.stdout.read())

        assert process.wait() == 0

    assert [action["status"] for action in answer["actions"]] == ["failed", "done"]

    by_check = {item["check"]: item["status"] for item in answer["findings"]}

    assert by_check[f"database:{name}.reindex"] == "critical"
    assert by_check[f"database:{name}"] == "unknown"
    assert by_check[f"database:{other}.analyze"] == "ok"


def test_no_work_is_begun_after_the_time_is_up(pg: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    name = pg.create_database("", "CREATE TABLE a (id int)", "CREATE TABLE b (id int)")
    # Asked before the database, and before each of the two tables.
    over = itertools.chain([False, False, True], itertools.repeat(False))
    monkeypatch.setattr(execution.Deadline, "is_over", lambda self: next(over))
    result = maintain(pg, {"name": name, "analyze": {}}, max_seconds=60)

    assert [action["status"] for action in result["actions"]] == ["done", "not_started"]
    assert (statuses(result)["analyze"], result["changed"]) == ("warning", True)
    assert "the time for this run was up" in message(result, "analyze")


def test_too_little_disk_space_for_a_second_copy(
    pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = pg.create_database("", *THINNED)

    class Full:
        f_bavail, f_frsize = 1, 4096

    looked: list[str] = []
    monkeypatch.setattr(execution.os, "statvfs", lambda path: looked.append(path) or Full())
    result = maintain(pg, {"name": name, **REINDEX})

    assert looked == [pg.query(name, "SHOW data_directory")[0][0]]
    assert result["actions"] == []
    assert statuses(result)["reindex"] == "warning"
    assert "only 4096 are free" in message(result, "reindex")


def test_an_unreachable_database_is_critical_and_all_that_was_asked_of_it_unknown(
    pg: Server,
) -> None:
    entry = {
        "name": "missing",
        "analyze": {},
        "sizes": {"requirements": ["R-fairedge-39"]},
        "long_running": {},
    }
    result = maintain(pg, entry)

    assert statuses(result) == {
        "": "critical",
        "analyze": "unknown",
        "long_running": "unknown",
        "invalid_indexes": "unknown",
        "table_sizes": "unknown",
    }
    assert 'database "missing" does not exist' in message(result, "")

    refused = maintain(pg, entry, login_port=1)

    assert statuses(refused)[""] == "critical"


def test_a_missing_driver_is_unknown_and_names_the_package(
    pg: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "psycopg2", None)
    result = maintain(pg, {"name": "app", "vacuum": {}})
    assert set(statuses(result).values()) == {"unknown"}
    assert "python3-psycopg2" in message(result, "vacuum")


def test_a_user_that_may_not_look_gets_unknown_not_ok(pg: Server) -> None:
    name = pg.create_database("", *THINNED, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
    entry = {"name": name, "vacuum": {}, **REINDEX, "connections": {}, "long_running": {}}
    pg.run(name, "SELECT pg_stat_reset()")
    result = maintain(pg, entry, login_user="guest")
    seen = statuses(result)

    assert (seen["connections"], seen["long_running"], seen["reindex"]) == (
        "unknown",
        "unknown",
        "unknown",
    )
    assert "pg_monitor" in message(result, "connections")
    assert {(action["object"], action["status"]) for action in result["actions"]} == {
        ("public.orders", "skipped")
    }
    assert seen["vacuum"] == "warning"


def test_a_server_that_counts_nothing_is_not_taken_for_a_tidy_one(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    pg.run(name, f'ALTER DATABASE "{name}" SET track_counts = off')
    result = maintain(pg, {"name": name, "vacuum": {}, "analyze": {}})
    assert (statuses(result)["vacuum"], statuses(result)["analyze"]) == ("unknown", "unknown")
    assert "track_counts" in message(result, "vacuum")
