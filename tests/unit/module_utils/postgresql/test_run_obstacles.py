# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What others do meanwhile costs the object that they are at, and what holds work back is named."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import typing as t
import uuid
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from ansible.module_utils.upkeep.postgresql import catalogue, execution
from ansible.module_utils.upkeep.postgresql import run as maintenance
from ansible.module_utils.upkeep.postgresql.catalogue import Holder
from ansible.module_utils.upkeep.postgresql.settings import parse
from psycopg2.extras import LogicalReplicationConnection

from tests.unit.module_utils.postgresql.running import (
    in_background,
    maintain,
    message,
    parameters,
    start,
    statuses,
    wait_until,
)
from tests.unit.module_utils.postgresql.server import Server, binaries

#: Two tables alike, each with an index that is mostly air, both never vacuumed nor analysed.
TABLES: t.Final = tuple(
    statement.format(table)
    for table in ("busy", "calm")
    for statement in (
        "CREATE TABLE {0} (id bigint, note text)",
        "INSERT INTO {0} SELECT i, md5(i::text) FROM generate_series(1, 60000) i",
        "CREATE INDEX {0}_note ON {0} (note)",
        "DELETE FROM {0} WHERE id % 10 <> 0",
    )
)
ALL: t.Final[dict[str, t.Any]] = {"analyze": {}, "vacuum": {}, "reindex": {}, "sizes": {}}
REINDEX: t.Final[dict[str, t.Any]] = {"reindex": {"indexes": ["calm_note"]}}
INVALID: t.Final = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"


@pytest.fixture
def shop(pg: Server) -> t.Iterator[str]:
    """Return a database in which two tables need everything."""
    name = pg.create_database("", "CREATE EXTENSION pgstattuple", *TABLES)
    yield name
    for (gid,) in pg.query("postgres", "SELECT gid FROM pg_prepared_xacts"):
        pg.run(name, f"ROLLBACK PREPARED '{gid}'")

    pg.run("postgres", f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def holding(pg: Server, name: str, *statements: str) -> t.Iterator[t.Any]:
    """Keep a transaction open that has run some statements."""
    client = pg.connect(name)
    client.cursor().execute("BEGIN;" + ";".join(statements))
    try:
        yield client
    finally:
        client.close()


def outcomes(result: dict[str, t.Any]) -> dict[tuple[str, str], str]:
    """Return the status of each action by object and action."""
    return {(item["object"], item["action"]): item["status"] for item in result["actions"]}


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE busy",
        "ALTER TABLE busy ALTER note TYPE varchar(99)",
        "REINDEX TABLE busy",
        "DROP TABLE busy",
        "LOCK TABLE busy",
    ],
)
def test_a_locked_table_is_skipped_and_all_others_are_maintained(
    pg: Server, shop: str, statement: str
) -> None:
    with holding(pg, shop, statement):
        result = maintain(pg, {"name": shop, **ALL}, lock_timeout="100ms")

    found = statuses(result)

    assert outcomes(result)["public.calm", "vacuum_analyze"] == "done"
    assert outcomes(result)["public.calm_note", "reindex"] == "done"
    assert outcomes(result)["public.busy", "vacuum_analyze"] == "skipped"
    assert found["vacuum"] == found["analyze"] == found["reindex"] == "warning"
    assert found[""] == "ok"
    assert found["table_sizes"] == "info"
    assert "Locked by another session, not measured: public.busy" in message(result, "table_sizes")
    assert "The server stopped answering" not in str(result)


def test_a_locked_partition_does_not_stop_the_planning(pg: Server, shop: str) -> None:
    pg.run(
        shop,
        "CREATE TABLE part (id int) PARTITION BY LIST (id)",
        "CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1)",
    )
    with holding(pg, shop, "ALTER TABLE part_1 SET (fillfactor = 70)", "LOCK TABLE part_1"):
        result = maintain(pg, {"name": shop, **ALL}, lock_timeout="100ms")

    assert outcomes(result)["public.calm", "vacuum_analyze"] == "done"
    assert outcomes(result)["public.part_1", "vacuum"] == "skipped"


@pytest.mark.parametrize("aspect", ["reindex", "index_use", "sizes"])
@pytest.mark.parametrize("statement", ["DROP TABLE busy", "DROP INDEX busy_note"])
def test_what_is_dropped_while_it_is_measured_is_left_out(
    pg: Server, shop: str, aspect: str, statement: str
) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
    with holding(pg, shop, statement) as client:
        process = start(pg, {"name": shop, aspect: {}}, lock_timeout="20s")
        with contextlib.suppress(AssertionError):
            wait_until(lambda: pg.query(shop, waiting) != [(0,)], "the run waits", seconds=3)
        client.cursor().execute("COMMIT")
        assert process.stdout

        output = process.stdout.read()

    assert process.wait() == 0
    assert '"status": "critical"' not in output
    assert '"status": "unknown"' not in output
    assert "public.busy_note" not in output


def test_a_table_that_is_dropped_before_its_turn_is_not_due_any_more(
    pg: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = catalogue.work_times

    def drop_first(session: t.Any, oid: int) -> t.Any:
        pg.run(shop, "DROP TABLE IF EXISTS busy")
        return read(session, oid)

    monkeypatch.setattr(catalogue, "work_times", drop_first)
    result = maintain(pg, {"name": shop, "vacuum": {}, "analyze": {}})

    assert outcomes(result) == {
        ("public.busy", "vacuum_analyze"): "gone",
        ("public.calm", "vacuum_analyze"): "done",
    }
    assert statuses(result)["vacuum"] == "ok"
    assert result["failed_actions"] == []


def test_a_fault_of_ours_costs_one_aspect_only(
    pg: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: t.Any) -> t.Any:
        raise TypeError("jane.private@example.org")

    monkeypatch.setattr(catalogue, "connections", stumble)
    monkeypatch.setattr(catalogue, "tables", stumble)
    result = maintain(
        pg, {"name": shop, **ALL, "connections": {}, "long_running": {}}, {"name": "postgres"}
    )
    found = statuses(result)

    assert found["connections"] == found["vacuum"] == found["reindex"] == "unknown"
    assert found["long_running"] == "ok"
    assert found["table_sizes"] == "info"
    assert "TypeError" in message(result, "connections")
    assert "jane" not in str(result)
    assert {item["check"] for item in result["findings"]} > {"database:postgres"}


# What holds rows back.


def spoil(pg: Server, shop: str) -> None:
    """Make most rows of a table dead after the horizon was pinned."""
    pg.run(shop, "DELETE FROM calm WHERE id <> 10")


@contextlib.contextmanager
def standby(pg: Server) -> t.Iterator[Server]:
    """Start a replica that asks its primary to keep the rows that it reads."""
    folder = Path(tempfile.mkdtemp(prefix="upkeep-standby-"))
    shutil.chown(folder, "postgres")
    data, port = folder / "data", int(str(pg.login["port"])) - 7
    login = ["-h", str(pg.login["host"]), "-p", str(pg.login["port"]), "-U", "postgres"]
    as_owner = ["runuser", "-u", "postgres", "--"]
    control = [*as_owner, str(binaries() / "pg_ctl"), "-D", str(data)]
    options = (
        f"-p {port} -k {folder} -c hot_standby_feedback=on -c wal_receiver_status_interval=1s"
        " -c max_connections=40 -c listen_addresses=''"
    )
    copy = ["pg_basebackup", "-D", str(data), "-R", "-C", "-S", "copy", "-c", "fast", *login]
    pg.run("postgres", "SELECT pg_switch_wal()")
    subprocess.run([*as_owner, str(binaries() / copy[0]), *copy[1:]], check=True, cwd="/")
    subprocess.run(
        [*control, "-w", "-l", str(folder / "log"), "-o", options, "start"],
        check=True,
        cwd="/",
        capture_output=True,
    )
    try:
        replica = Server(str(folder))
        replica.login["port"] = port
        yield replica
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd="/")
        shutil.rmtree(folder)
        pg.run("postgres", "SELECT pg_drop_replication_slot('copy')")


@pytest.mark.parametrize("end", ["", "idle"])
def test_a_forgotten_prepared_transaction_is_named_with_its_age(
    pg: Server, shop: str, end: str
) -> None:
    name = f"forgotten {end}".strip()
    update = "UPDATE busy SET note = 'x' WHERE id = 10"
    pg.run(shop, f"BEGIN; {update}; PREPARE TRANSACTION '{name}'")
    spoil(pg, shop)
    entry = {"name": shop, "vacuum": {}, "long_running": {"warning_seconds": 0.01}}
    first, second = maintain(pg, entry), maintain(pg, entry)

    quoted = f'"{name}"' if " " in name else name

    for result in (first, second):
        assert statuses(result)["vacuum"] == "warning"
        assert statuses(result)["long_running"] == "warning"
        assert f"prepared transaction {quoted} of postgres" in message(result, "vacuum")
        assert f"prepared transaction {quoted} of postgres" in message(result, "long_running")
        assert "public.calm (still" in message(result, "vacuum")

    assert not second["changed"]

    pg.run(shop, f"ROLLBACK PREPARED '{name}'")

    assert statuses(maintain(pg, entry))["vacuum"] == "ok"


def test_a_session_that_sleeps_on_its_snapshot_is_named(pg: Server, shop: str) -> None:
    with holding(pg, shop, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1") as client:
        pid = client.info.backend_pid
        spoil(pg, shop)
        result = maintain(pg, {"name": shop, "vacuum": {}})

    assert statuses(result)["vacuum"] == "warning"
    assert f"held back by pid {pid} of postgres (idle in transaction" in message(result, "vacuum")


def test_a_replica_that_keeps_rows_is_named_with_its_slot(pg: Server, shop: str) -> None:
    pinned = "SELECT count(*) FROM pg_replication_slots WHERE xmin IS NOT NULL"
    with standby(pg) as replica:
        reader = replica.connect(shop)
        reader.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM calm")
        wait_until(lambda: pg.query("postgres", pinned) == [(1,)], "the replica asks for rows")
        spoil(pg, shop)
        result = maintain(pg, {"name": shop, "vacuum": {}})
        reader.close()

    assert statuses(result)["vacuum"] == "warning"
    assert "replication slot copy (active)" in message(result, "vacuum")


@pytest.mark.parametrize(
    ("holder", "seconds", "expected"),
    [
        (Holder("session", "7", "app", "active", 60.0), 59, True),
        (Holder("session", "7", "app", "active", 60.0), 61, False),
        (Holder("replica", "copy", "app", "streaming", None), 10, True),
        (Holder("replica", "copy", "app", "streaming", None), 1800, False),
        (Holder("slot", "copy", None, "active", None), 1800, False),
        (Holder("slot", "gone", None, "not in use", None), 1800, True),
    ],
)
def test_only_what_was_there_before_a_vacuum_holds_it_back(
    holder: Holder, seconds: float, expected: bool
) -> None:
    assert maintenance._held(holder, seconds) is expected


def test_an_age_that_a_vacuum_could_not_lower_is_a_warning(pg: Server, shop: str) -> None:
    pg.run(shop, "BEGIN; UPDATE busy SET note = 'x' WHERE id = 10; PREPARE TRANSACTION 'old'")
    pg.run(shop, *["SELECT pg_current_xact_id()"] * 60)
    settings = parse(parameters(pg, [{"name": shop, "vacuum": {"freeze_age": 1_000_000}}]))
    (database,) = settings.databases

    assert database.vacuum

    soon = replace(database, vacuum=replace(database.vacuum, freeze_age=50))
    run = maintenance.MaintenanceRun.of(settings, check_mode=False)
    result = maintenance.maintain([soon], run).as_dict()

    assert statuses(result)["vacuum"] == "warning"
    assert "transactions old" in message(result, "vacuum")
    assert "held back by prepared transaction old" in message(result, "vacuum")


def test_new_dead_rows_after_a_vacuum_are_no_reason_to_warn(pg: Server, shop: str) -> None:
    maintain(pg, {"name": shop, "vacuum": {}})
    spoil(pg, shop)
    result = maintain(pg, {"name": shop, "vacuum": {}})

    assert statuses(result)["vacuum"] == "ok"


# What would make a rebuild wait.


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE calm SET note = 'x' WHERE id = 10",
        "SELECT count(*) FROM calm",
        "LOCK TABLE calm IN SHARE UPDATE EXCLUSIVE MODE",
    ],
)
def test_a_prepared_transaction_on_the_table_holds_the_rebuild_and_leaves_nothing(
    pg: Server, shop: str, statement: str
) -> None:
    pg.run(shop, "VACUUM calm", f"BEGIN; {statement}; PREPARE TRANSACTION 'waits'")
    results = [maintain(pg, {"name": shop, **REINDEX}, lock_timeout="200ms") for _ in range(2)]

    for result in results:
        assert outcomes(result) == {("public.calm_note", "reindex"): "skipped"}
        assert "prepared transaction waits of postgres" in message(result, "reindex")
        assert "is in the way" in message(result, "reindex")

    assert pg.query(shop, INVALID) == [(0,)]


def test_a_snapshot_of_a_walsender_holds_the_rebuild(pg: Server, shop: str) -> None:
    pg.run(shop, "VACUUM calm")
    client = psycopg2.connect(
        dbname=shop, connection_factory=LogicalReplicationConnection, **pg.login
    )
    cursor = client.cursor()
    cursor.execute("CREATE_REPLICATION_SLOT first_copy TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT")
    try:
        wait_until(
            lambda: (
                pg.query(
                    shop,
                    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'"
                    " AND coalesce(xact_start, query_start) < clock_timestamp() - interval '0.2 s'",
                )
                == [(1,)]
            ),
            "its snapshot is older than lock_timeout",
        )
        result = maintain(pg, {"name": shop, **REINDEX}, lock_timeout="200ms")
    finally:
        client.close()

    assert outcomes(result) == {("public.calm_note", "reindex"): "skipped"}
    assert "is in the way" in message(result, "reindex")
    assert pg.query(shop, INVALID) == [(0,)]


def test_nothing_is_built_while_a_left_over_cannot_be_dropped(
    pg: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The obstacle comes after the look for obstacles: each attempt would add an index."""
    monkeypatch.setattr(catalogue, "in_the_way", lambda *_: [])
    pg.run(
        shop,
        "VACUUM calm",
        "BEGIN; UPDATE calm SET note = 'x' WHERE id = 10; PREPARE TRANSACTION 'waits'",
    )
    for _ in range(2):
        result = maintain(pg, {"name": shop, **REINDEX}, lock_timeout="100ms")

        assert outcomes(result)["public.calm_note", "reindex"] == "skipped"
        assert pg.query(shop, INVALID) == [(1,)]

    pg.run(shop, "ROLLBACK PREPARED 'waits'")
    result = maintain(pg, {"name": shop, **REINDEX})

    assert outcomes(result) == {
        ("public.calm_note_ccnew", "drop_index"): "done",
        ("public.calm_note", "reindex"): "done",
    }
    assert pg.query(shop, INVALID) == [(0,)]


# What takes too long.


def test_a_statement_that_takes_too_long_is_ended_and_leaves_nothing(
    pg: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pg.run(
        shop,
        "CREATE FUNCTION slow(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE"
        " AS $$ BEGIN PERFORM pg_sleep(0.01); RETURN t; END $$",
        "CREATE TABLE few AS SELECT id, note FROM calm LIMIT 50",
        "CREATE INDEX few_slow ON few (slow(note))",
        "INSERT INTO few SELECT 1, repeat(i::text, 200) FROM generate_series(1, 300) i",
        "DELETE FROM few WHERE id = 1",
        "INSERT INTO few SELECT id, note FROM calm LIMIT 400",
        "VACUUM few",
    )
    monkeypatch.setattr(execution, "OVERTIME", 0.5)
    entry = {"name": shop, "reindex": {"indexes": ["few_slow"], "min_size_mb": 1}}
    settings = parse(parameters(pg, [entry], max_seconds=1))
    (database,) = settings.databases

    assert database.reindex

    small = replace(database, reindex=replace(database.reindex, min_size_mb=0, bloat_percent=-1))
    run = maintenance.MaintenanceRun.of(settings, check_mode=False)
    result = maintenance.maintain([small], run).as_dict()

    assert outcomes(result) == {("public.few_slow", "reindex"): "not_started"}
    assert "give it more (max_seconds)" in message(result, "reindex")
    assert pg.query(shop, INVALID) == [(0,)]


def test_databases_for_which_no_time_is_left_are_unknown(
    pg: Server, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "OVERTIME", -1)
    result = maintain(pg, {"name": shop, **ALL}, max_seconds=1)

    assert set(statuses(result).values()) == {"unknown"}
    assert "no time was left" in message(result, "vacuum")


# What PostgreSQL keeps in unusual places.


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE events (at date) PARTITION BY RANGE (at)"],
        [
            "CREATE TABLE events (at date) PARTITION BY RANGE (at)",
            "CREATE TABLE sub PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
            " PARTITION BY RANGE (at)",
        ],
        [
            "CREATE TABLE events (at date) PARTITION BY RANGE (at)",
            "CREATE TABLE one PARTITION OF events DEFAULT",
            "ALTER TABLE events DETACH PARTITION one",
        ],
    ],
)
def test_a_partitioned_table_without_partitions_needs_nothing(
    pg: Server, statements: list[str]
) -> None:
    name = pg.create_database("", *statements)
    entry = {"name": name, "analyze": {}, "vacuum": {}}
    first, second = maintain(pg, entry), maintain(pg, entry, check_mode=True)

    assert statuses(first)["analyze"] == statuses(first)["vacuum"] == "ok"
    assert "public.events" not in str(first["actions"])
    assert second["actions"] == []


def test_a_partitioned_table_of_foreign_tables_is_analysed_once(pg: Server) -> None:
    file = Path(tempfile.mkdtemp(prefix="upkeep-fdw-"))
    file.chmod(0o755)
    (file / "rows.csv").write_text("1\n2\n")
    name = pg.create_database(
        "",
        "CREATE EXTENSION file_fdw",
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
        "CREATE TABLE events (id int) PARTITION BY LIST (id)",
        "CREATE FOREIGN TABLE part PARTITION OF events DEFAULT SERVER files"
        f" OPTIONS (filename '{file}/rows.csv')",
    )
    try:
        result = maintain(pg, {"name": name, "analyze": {}})
    finally:
        shutil.rmtree(file)

    assert outcomes(result) == {("public.events", "analyze"): "done"}
    assert maintain(pg, {"name": name, "analyze": {}})["actions"] == []


def invalid_toast(pg: Server, name: str) -> None:
    """Leave what a rebuild of a table leaves that ran into a lock before its last step."""
    client = pg.connect(name, options="-c lock_timeout=200ms")
    with (
        holding(pg, name, "SELECT 1 FROM calm LIMIT 1"),
        contextlib.suppress(psycopg2.errors.LockNotAvailable),
    ):
        client.cursor().execute("REINDEX TABLE CONCURRENTLY calm")

    client.close()


@pytest.mark.parametrize("kind", ["toast", "partitioned", "partitioned below"])
def test_an_invalid_index_of_any_relation_is_reported_and_kept(
    pg: Server, shop: str, kind: str
) -> None:
    if kind == "toast":
        invalid_toast(pg, shop)
    else:
        pg.run(
            shop,
            "CREATE TABLE events (id int) PARTITION BY LIST (id)",
            "CREATE TABLE sub PARTITION OF events DEFAULT PARTITION BY LIST (id)",
            "CREATE TABLE leaf PARTITION OF sub DEFAULT",
            f"CREATE INDEX lonely ON ONLY {'events' if kind == 'partitioned' else 'sub'} (id)",
        )

    named = "pg_toast.pg_toast_" if kind == "toast" else "public.lonely"
    result = maintain(pg, {"name": shop, "reindex": {"indexes": ["busy_note"]}})
    again = maintain(pg, {"name": shop, "vacuum": {}})

    assert statuses(again)["invalid_indexes"] == "warning"
    assert named in message(again, "invalid_indexes")
    assert not [one for one in outcomes(result) if named in one[0]], "it is not ours to drop"


def test_what_somebody_rebuilds_now_is_not_reported(pg: Server, shop: str) -> None:
    watched = (
        "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
        " AND starts_with(indexrelid::regclass::text, 'pg_toast.')"
    )
    with (
        holding(pg, shop, "SELECT 1 FROM calm LIMIT 1") as reader,
        in_background(pg, shop, "REINDEX TABLE CONCURRENTLY calm"),
    ):
        wait_until(lambda: pg.query(shop, watched) == [(1,)], "it has begun")
        result = maintain(pg, {"name": shop, "vacuum": {}}, lock_timeout="50ms")
        reader.close()

    assert statuses(result)["invalid_indexes"] == "ok"


def test_names_that_are_not_utf_8_stop_nothing(pg: Server) -> None:
    name = f"ascii_{uuid.uuid4().hex[:8]}"
    pg.run(
        "postgres",
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        " TEMPLATE template0",
    )
    client = pg.connect(name)
    client.set_client_encoding("LATIN1")
    client.cursor().execute('CREATE TABLE "größe" (id int); CREATE TABLE "a""; DROP ü" (id int)')
    client.set_client_encoding("UTF8")
    client.cursor().execute('CREATE TABLE "straße" (id int)')
    client.close()
    pg.run(name, "CREATE EXTENSION pgstattuple", *TABLES)
    entry = {"name": name, **ALL, "index_use": {"least_days": 0}, "long_running": {}}

    result = maintain(pg, entry)

    assert outcomes(result)["public.calm", "vacuum_analyze"] == "done"
    assert outcomes(result)['public."straße"', "vacuum_analyze"] == "done"
    assert outcomes(result)['public."gr\\xf6\\xdfe"', "vacuum_analyze"] == "done"
    assert outcomes(result)['public."a""; DROP \\xfc"', "vacuum_analyze"] == "done"
    assert "critical" not in statuses(result).values()
    assert "unknown" not in statuses(result).values()
    json.dumps(result, ensure_ascii=False).encode("utf-8")

    assert maintain(pg, entry)["actions"] == []
