# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Maintenance of a real server: check mode predicts a run, and the next run finds nothing."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from tests.unit.module_utils.postgresql.running import maintain, message, statuses, work
from tests.unit.module_utils.postgresql.server import Server

ALL: t.Final[dict[str, t.Any]] = {
    "analyze": {},
    "vacuum": {},
    "reindex": {},
    "sizes": {},
    "connections": {"warning_percent": 80, "critical_percent": 95},
    "long_running": {},
}
ORDERS: t.Final = (
    "CREATE TABLE orders (id bigint PRIMARY KEY, note text)",
    "INSERT INTO orders SELECT i, md5(i::text) FROM generate_series(1, 60000) i",
    "CREATE INDEX idx_orders_note ON orders (note)",
)
THINNED: t.Final = (*ORDERS, "DELETE FROM orders WHERE id % 10 <> 0")
#: A quote, a statement, a line break and a percent sign: everything that would break out of a
#: string.
HOSTILE: t.Final = """a"b'; DROP TABLE orders; --\n%s {x}"""


def due(pg: Server, name: str) -> dict[str, t.Any]:
    """Return what is due in a database, by check mode."""
    return maintain(pg, {"name": name, **ALL}, check_mode=True)


@pytest.mark.requirement("R-hyperopt-17", "R-hyperopt-18", "R-hyperopt-19")
def test_check_mode_foretells_the_run_and_a_second_run_does_nothing(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    foretold = due(pg, name)
    done = maintain(pg, {"name": name, **ALL})

    assert work(foretold) == work(done)
    assert foretold["diff"] == done["diff"]
    assert [action[:2] for action in work(done)] == [
        ("pgstattuple", "create_extension"),
        ("public.orders", "vacuum_analyze"),
        ("public.idx_orders_note", "reindex"),
        ("public.orders_pkey", "reindex"),
    ]
    assert {action["status"] for action in foretold["actions"]} == {"planned"}
    assert {action["status"] for action in done["actions"]} == {"done"}
    assert (foretold["changed"], done["changed"], done["failed_actions"]) == (True, True, [])

    again = maintain(pg, {"name": name, **ALL})

    assert (again["changed"], again["actions"], again["diff"]) == (
        False,
        [],
        {"before": "", "after": ""},
    )
    assert set(statuses(again).values()) <= {"ok", "info"}


def test_check_mode_leaves_nothing_behind(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    look = (
        "SELECT last_vacuum, last_analyze, pg_relation_filenode('idx_orders_note')"
        " FROM pg_stat_user_tables"
    )
    before = pg.query(name, look)

    assert due(pg, name)["changed"]
    assert pg.query(name, look) == before
    assert pg.query(name, "SELECT count(*) FROM pg_extension WHERE extname = 'pgstattuple'") == [
        (0,)
    ]


def test_an_index_that_the_vacuum_empties_is_rebuilt_in_the_same_run(pg: Server) -> None:
    name = pg.create_database(
        "", *ORDERS, "CREATE EXTENSION pgstattuple", "DELETE FROM orders WHERE id % 2 = 0"
    )
    ((density,),) = pg.query(name, "SELECT avg_leaf_density FROM pgstatindex('idx_orders_note')")

    assert density > 90 * 0.7, "entries of dead rows still fill it, so today's bloat is no reason"

    foretold = due(pg, name)
    first = maintain(pg, {"name": name, **ALL})

    assert work(foretold) == work(first)
    assert ("public.idx_orders_note", "reindex") in [action[:2] for action in work(first)]
    assert not maintain(pg, {"name": name, **ALL})["changed"]


@pytest.mark.requirement("R-hyperopt-19")
def test_a_rebuild_is_concurrent_and_gives_space_back(pg: Server) -> None:
    name = pg.create_database("", *THINNED)
    size = "SELECT pg_relation_size('idx_orders_note')"
    ((before,),) = pg.query(name, size)
    result = maintain(pg, {"name": name, "vacuum": {}, "reindex": {"indexes": ["idx_orders_note"]}})
    ((after,),) = pg.query(name, size)

    assert after < before / 5
    assert [action["object"] for action in result["actions"] if action["action"] == "reindex"] == [
        "public.idx_orders_note"
    ]


@pytest.mark.parametrize("width", [300, 1400, 2600])
def test_a_new_index_of_wide_keys_is_not_rebuilt_for_ever(pg: Server, width: int) -> None:
    # Random letters do not compress, so the keys are as wide on the page as they are here.
    letters = (
        "SELECT string_agg(chr(33 + (random() * 90)::int), '')"
        " FROM generate_series(1, {}) WHERE i > 0"
    )
    name = pg.create_database(
        "",
        "CREATE TABLE wide (note text)",
        "ALTER TABLE wide ALTER note SET STORAGE EXTERNAL",
        f"INSERT INTO wide SELECT ({letters.format(width)})"  # noqa: S608 - a number
        f" FROM generate_series(1, 3000000 / {width}) i",
        "CREATE INDEX idx_wide ON wide (note)",
        "CREATE EXTENSION pgstattuple",
    )
    entry = {"name": name, "reindex": {"indexes": ["idx_wide"]}}
    pg.run(name, "REINDEX INDEX idx_wide")
    result = maintain(pg, entry)

    assert message(result, "reindex").startswith("1 of 1 indexes")
    assert result["actions"] == []


def test_dead_rows_that_an_old_transaction_keeps_do_not_make_every_run_vacuum(pg: Server) -> None:
    name = pg.create_database("", *ORDERS)
    reader = pg.connect(name)
    reader.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders")
    pg.run(name, "DELETE FROM orders WHERE id % 10 <> 0")
    entry = {"name": name, "analyze": {}, "vacuum": {}}

    assert maintain(pg, entry)["changed"]

    ((dead,),) = pg.query(name, "SELECT n_dead_tup FROM pg_stat_user_tables")

    assert dead > 50_000
    assert not maintain(pg, entry)["changed"]

    reader.close()


def test_partitions_are_analysed_once_and_rebuilt_by_the_name_of_their_parent(pg: Server) -> None:
    name = pg.create_database(
        "",
        "CREATE TABLE logs (id int, day int) PARTITION BY RANGE (day)",
        "CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (10) TO (20)",
        "CREATE INDEX idx_logs ON logs (id)",
        "INSERT INTO logs SELECT i, i % 20 FROM generate_series(1, 200000) i",
        "DELETE FROM logs WHERE id % 10 <> 0",
    )
    entry = {"name": name, "analyze": {}, "vacuum": {}, "reindex": {"indexes": ["idx_logs"]}}
    foretold = maintain(pg, entry, check_mode=True)
    result = maintain(pg, entry)

    assert work(foretold) == work(result)
    assert sorted(action[:2] for action in work(result)) == [
        ("pgstattuple", "create_extension"),
        ("public.logs", "analyze"),
        ("public.logs_1", "vacuum"),
        ("public.logs_1_id_idx", "reindex"),
        ("public.logs_2", "vacuum"),
        ("public.logs_2_id_idx", "reindex"),
    ]
    assert {action["status"] for action in result["actions"]} == {"done"}

    ((never,),) = pg.query(
        name, "SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NULL"
    )

    assert never == 0
    assert not maintain(pg, entry)["changed"]


def test_hostile_names_are_only_names(pg: Server) -> None:
    quoted = HOSTILE.replace('"', '""')
    name = pg.create_database(
        f"{HOSTILE} dbname=postgres",
        *ORDERS,
        f'CREATE SCHEMA "{quoted}"',
        f'CREATE TABLE "{quoted}"."{quoted}" (id int)',
        f'INSERT INTO "{quoted}"."{quoted}" SELECT generate_series(1, 200000)',
        f'CREATE INDEX "{quoted} idx" ON "{quoted}"."{quoted}" (id)',
        f'DELETE FROM "{quoted}"."{quoted}" WHERE id % 10 <> 0',  # noqa: S608 - quoted above
    )
    entry = {
        "name": name,
        **ALL,
        "reindex": {"indexes": [f"{HOSTILE} idx", "x'; DROP TABLE orders; --"]},
    }
    result = maintain(pg, entry)

    assert result["failed_actions"] == []
    assert sorted(action["action"] for action in result["actions"]) == [
        "create_extension",
        "reindex",
        "vacuum_analyze",
        "vacuum_analyze",
    ]
    assert pg.query(name, "SELECT count(*) FROM orders") == [(60000,)]
    assert not any("\n" in item["check"] + item["message"] for item in result["findings"])
    assert "correct reindex.indexes" in message_of(result, ".reindex")
    assert not maintain(pg, entry)["changed"]


def message_of(result: dict[str, t.Any], ending: str) -> str:
    return next(
        str(item["message"]) for item in result["findings"] if item["check"].endswith(ending)
    )


def test_functions_of_the_database_cannot_stand_in_for_those_of_the_server(pg: Server) -> None:
    name = pg.create_database(
        "",
        *ORDERS,
        "CREATE TABLE caught (who text)",
        """CREATE FUNCTION public.pg_is_in_recovery() RETURNS bool LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN true; END $$""",
    )
    pg.run(name, f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')

    assert pg.query(name, "SELECT pg_is_in_recovery()") == [(True,)], "the trap is set"

    pg.run(name, "TRUNCATE caught")

    assert maintain(pg, {"name": name, **ALL})["changed"]
    assert pg.query(name, "SELECT count(*) FROM caught") == [(0,)]


@pytest.mark.requirement("R-fairedge-39", "R-hyperopt-20", "R-trailblaze-24")
def test_sizes_are_reported_largest_first(pg: Server) -> None:
    name = pg.create_database("", *ORDERS, "CREATE TABLE tiny (id int)")
    result = maintain(pg, {"name": name, "sizes": {"requirements": ["R-fairedge-39"]}})
    by_check = {item["check"]: item for item in result["findings"]}
    whole, tables = by_check[f"database:{name}"], by_check[f"database:{name}.table_sizes"]
    ((bytes_,),) = pg.query(name, "SELECT pg_database_size(current_database())")

    assert whole["observed"] == pytest.approx(bytes_ / 2**20, rel=0.05)
    assert (whole["unit"], whole["requirements"]) == ("MB", ["R-fairedge-39"])
    assert tables["message"].index("public.orders") < tables["message"].index("public.tiny")


@pytest.mark.requirement("R-hyperopt-20", "R-student_success-24", "R-student_success-69")
def test_every_table_has_its_sizes_and_its_growth(pg: Server, tmp_path: Path) -> None:
    many = [f"CREATE TABLE t{number} (id int PRIMARY KEY)" for number in range(7)]
    name = pg.create_database("", *many)
    entry = {"name": name, "sizes": {}}
    state = str(tmp_path / "sizes.json")

    def tables(**options: t.Any) -> dict[str, t.Any]:
        result = maintain(pg, entry, **options)

        return next(one for one in result["findings"] if one["check"].endswith(".table_sizes"))

    first = tables(state_file=state)

    assert len(first["lines"]) == 7
    assert first["lines"][0] == "0.0 MB public.t0 (table 0.0 MB, indexes 0.0 MB)"
    assert "known from the next run on" in first["message"]

    fill = "INSERT INTO t3 SELECT generate_series(1, 100000)"
    pg.run(name, fill, "DROP TABLE t0", "CREATE TABLE fresh (id int)")
    second = tables(state_file=state, check_mode=True)

    assert re.fullmatch(
        r"[5-7]\.\d MB public\.t3 \(table 3\.\d MB, indexes 2\.\d MB\), \+[5-7]\.\d MB",
        second["lines"][0],
    )
    assert "0.0 MB public.fresh (table 0.0 MB, indexes 0.0 MB), new" in second["lines"]
    assert tables(state_file=state)["lines"] == second["lines"], "check mode kept nothing"
    assert ", +0.0 MB" in tables(state_file=state)["lines"][0]


def test_a_state_that_is_damaged_is_said_and_replaced(pg: Server, tmp_path: Path) -> None:
    entry = {"name": pg.create_database("", *ORDERS), "sizes": {}}
    state = tmp_path / "sizes.json"
    state.write_text("{")
    first = message(maintain(pg, entry, state_file=str(state)), "table_sizes")
    second = message(maintain(pg, entry, state_file=str(state)), "table_sizes")

    assert "growth is not known" in first
    assert "is not JSON" in first
    assert "since the run of" in second


@pytest.mark.requirement("R-fairedge-37")
def test_active_connections_are_counted_against_the_limit(pg: Server) -> None:
    name = pg.create_database()
    idle, busy = pg.connect(name), pg.connect(name, async_=False)
    busy.cursor().execute("SELECT 1")
    entry = {"name": name, "connections": {"warning_percent": 5, "critical_percent": 99}}
    result = maintain(pg, entry)

    assert statuses(result)["connections"] == "warning"
    assert "0 active and 3 open connections" in message(result, "connections")

    idle.close(), busy.close()


@pytest.mark.requirement("R-fairedge-38")
def test_an_open_transaction_is_found_even_when_its_client_does_nothing(pg: Server) -> None:
    name = pg.create_database("", *ORDERS)
    client = pg.connect(name, application_name="forgetful")
    client.cursor().execute("BEGIN; SELECT 'secret figure' FROM orders LIMIT 1")
    result = maintain(pg, {"name": name, "long_running": {"warning_seconds": 0.001}})

    assert statuses(result)["long_running"] == "warning"
    assert f"pid {client.info.backend_pid} of postgres (idle in transaction" in message(
        result, "long_running"
    )
    assert "secret" not in message(result, "long_running")

    client.close()

    assert (
        statuses(maintain(pg, {"name": name, "long_running": {"warning_seconds": 300}}))[
            "long_running"
        ]
        == "ok"
    )


def test_the_extension_is_taken_away_only_where_it_is_ours(pg: Server) -> None:
    ours, theirs = (
        pg.create_database("", *ORDERS),
        pg.create_database("", "CREATE EXTENSION pgstattuple"),
    )

    assert maintain(pg, {"name": ours, **ALL})["changed"]

    entries = [{"name": ours}, {"name": theirs}]
    foretold = maintain(pg, *entries, state="absent", check_mode=True)
    removed = maintain(pg, *entries, state="absent")

    assert work(foretold) == work(removed)
    assert [(a["database"], a["action"], a["status"]) for a in removed["actions"]] == [
        (ours, "drop_extension", "done")
    ]
    assert not maintain(pg, *entries, state="absent")["changed"]


def test_no_extension_is_created_for_small_indexes_or_against_the_wish(pg: Server) -> None:
    small = pg.create_database("", "CREATE TABLE tiny (id int PRIMARY KEY)", "VACUUM ANALYZE")

    assert not maintain(pg, {"name": small, "reindex": {}})["changed"]

    large = pg.create_database("", *ORDERS)
    result = maintain(pg, {"name": large, "reindex": {"create_extension": False}})

    assert not result["changed"]
    assert statuses(result)["reindex"] == "unknown"
    assert "reindex.create_extension" in message(result, "reindex")


def test_a_host_without_databases_says_so(pg: Server) -> None:
    result = maintain(pg)
    assert [(item["check"], item["status"]) for item in result["findings"]] == [
        ("database:none", "info")
    ]
