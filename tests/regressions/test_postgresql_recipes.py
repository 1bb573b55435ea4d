# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guides' way to maintain PostgreSQL goes wrong here, ours does not."""

from __future__ import annotations

import typing as t

import pytest
from psycopg2 import errors

from tests.unit.module_utils.postgresql.running import (
    in_background,
    maintain,
    start,
    statuses,
    wait_until,
)
from tests.unit.module_utils.postgresql.server import Server, server

BLOATED: t.Final = (
    "CREATE EXTENSION pgstattuple",
    "CREATE TABLE strategies (id bigint PRIMARY KEY, symbol text)",
    "INSERT INTO strategies SELECT i, md5(i::text) FROM generate_series(1, 60000) i",
    "CREATE INDEX idx_strategies_symbol ON strategies (symbol)",
    "DELETE FROM strategies WHERE id % 10 <> 0",
    "VACUUM ANALYZE strategies",
)
NAMED: t.Final = {"indexes": ["idx_strategies_symbol"]}
LOOK_UP: t.Final = "SELECT count(*) FROM strategies WHERE symbol = 'x'"
WRITE: t.Final = "INSERT INTO strategies VALUES (-1, 'new') ON CONFLICT DO NOTHING"
PROGRESS: t.Final = "SELECT 1 FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%%'"


@pytest.fixture(scope="module")
def pg() -> Server:
    return server()


@pytest.fixture
def database(pg: Server) -> str:
    return pg.create_database("", *BLOATED)


@pytest.fixture
def writer(pg: Server, database: str) -> t.Iterator[t.Any]:
    """A client in the middle of a transaction that has written, as any busy service has."""
    client = pg.connect(database)
    client.cursor().execute("BEGIN; UPDATE strategies SET symbol = 'x' WHERE id = 10")
    yield client
    client.close()


def impatient(pg: Server, database: str) -> t.Any:
    """Return the cursor of a client that waits half a second for a lock."""
    return pg.connect(database, options="-c lock_timeout=500ms").cursor()


@pytest.mark.requirement("R-hyperopt-19")
def test_plain_reindex_blocks_readers_and_writers(pg: Server, database: str, writer: t.Any) -> None:
    waiting = (
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'REINDEX%%'"
    )
    with in_background(pg, database, "REINDEX INDEX idx_strategies_symbol"):
        wait_until(lambda: pg.query(database, waiting), "the rebuild waits for the writer")
        with pytest.raises(errors.LockNotAvailable):
            impatient(pg, database).execute(WRITE)

        writer.cursor().execute("ROLLBACK")

    rebuilder = pg.connect(database)
    rebuilder.cursor().execute("BEGIN; REINDEX INDEX idx_strategies_symbol")

    with pytest.raises(errors.LockNotAvailable):
        impatient(pg, database).execute(LOOK_UP)

    rebuilder.close()


@pytest.mark.requirement("R-hyperopt-19")
def test_our_rebuild_blocks_nobody(pg: Server, database: str, writer: t.Any) -> None:
    process = start(pg, {"name": database, "reindex": NAMED}, lock_timeout="1min")
    wait_until(lambda: pg.query(database, PROGRESS), "the rebuild waits for the writer")
    impatient(pg, database).execute(LOOK_UP)
    impatient(pg, database).execute(WRITE)
    writer.cursor().execute("COMMIT")

    assert process.wait(timeout=30) == 0
    assert not maintain(pg, {"name": database, "reindex": NAMED})["changed"]


def test_reindex_of_a_fixed_database_name_fails_elsewhere(pg: Server, database: str) -> None:
    with pytest.raises(errors.FeatureNotSupported):
        pg.run(database, "REINDEX DATABASE student_success")
    assert maintain(pg, {"name": database, "reindex": {}})["failed_actions"] == []


@pytest.mark.requirement("R-hyperopt-17", "R-hyperopt-18")
def test_the_guide_analyses_twice_and_every_time_we_once_and_when_due(
    pg: Server, database: str
) -> None:
    counts = "SELECT sum(analyze_count) FROM pg_stat_user_tables"
    pg.run(database, "SELECT pg_stat_reset()")
    pg.run(database, "ANALYZE strategies", "VACUUM (ANALYZE) strategies")

    assert pg.query(database, counts) == [(2,)]

    pg.run(database, "SELECT pg_stat_reset()")
    for _ in range(2):
        maintain(pg, {"name": database, "analyze": {}, "vacuum": {}})

    assert pg.query(database, counts) == [(1,)]


def test_the_guide_stops_at_the_first_missing_index_we_do_the_others(
    pg: Server, database: str
) -> None:
    names = ["idx_gone", "idx_strategies_symbol"]

    with pytest.raises(errors.UndefinedTable):
        pg.run(database, *(f"REINDEX INDEX {name}" for name in names))

    result = maintain(pg, {"name": database, "reindex": {"indexes": names}})

    assert [(action["object"], action["status"]) for action in result["actions"]] == [
        ("public.idx_strategies_symbol", "done")
    ]
    assert statuses(result)["reindex"] == "warning"


@pytest.mark.requirement("R-fairedge-38")
def test_the_guides_list_of_long_queries_counts_idle_clients_and_misses_open_transactions(
    pg: Server,
) -> None:
    name = pg.create_database("", "CREATE TABLE t (id int)")
    guide = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE now() - query_start > interval '1 s' AND datname = %s"
    )
    idle, forgetful = pg.connect(name), pg.connect(name)
    idle.cursor().execute("SELECT 1")
    forgetful.cursor().execute("BEGIN; SELECT count(*) FROM t")
    age = (
        "SELECT min(clock_timestamp() - state_change) > '1 s'"
        " FROM pg_stat_activity WHERE datname = %s"
    )
    wait_until(lambda: pg.query("postgres", age, name) == [(True,)], "both clients have been quiet")
    forgetful.cursor().execute("SELECT 1")
    pids = [row[0] for row in pg.query("postgres", guide, name)]

    assert pids == [idle.info.backend_pid], "the guide's query"

    result = maintain(pg, {"name": name, "long_running": {"warning_seconds": 1}})
    (found,) = [
        item["message"] for item in result["findings"] if item["check"].endswith(".long_running")
    ]

    assert f"pid {forgetful.info.backend_pid} " in found
    assert f"pid {idle.info.backend_pid} " not in found

    for client in (idle, forgetful):
        client.close()
