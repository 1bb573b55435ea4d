# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was planted is put right, check mode foretold it, and a second run finds nothing."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

Record = dict[str, t.Any]

#: The runs of the scenario before these tests make their own.
CHECK, RUN, AGAIN = 0, 1, 2
CASES = {
    "fairedge-1": ("fairedge_prod", "planted", "idx_planted_note"),
    "hyperopt-db": ("hyperopt", "optimization_results", "idx_results_timestamp"),
}
both = pytest.mark.parametrize("name", CASES)


def psql(host: t.Any, database: str, query: str) -> str:
    """Return the one value of a query."""
    command = "su postgres -c %s"
    return str(
        host.check_output(command, f'psql -XAtq -v ON_ERROR_STOP=1 -d {database} -c "{query}"')
    )


def found(run: Path, host: str) -> dict[str, Record]:
    """Return the findings of a host by check."""
    events = [
        json.loads(line) for line in (run / "events.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    findings = [event["finding"] for event in events if event["event"] == "finding"]

    return {item["check"]: item for item in findings if item["host"] == host}


def changed(record: Record) -> list[tuple[str, str]]:
    return sorted((change["host"], change["task"]) for change in record["changes"])


def test_check_mode_foretold_the_run_and_the_next_run_changed_nothing(records: t.Any) -> None:
    check, run, again = records("converge")[: AGAIN + 1]
    assert (check["check_mode"], run["check_mode"], again["check_mode"]) == (True, False, False)
    assert [host for host, _ in changed(run)] == ["fairedge-1", "fairedge-1", "hyperopt-db"]
    assert changed(check) == changed(run)
    assert changed(again) == []


@both
@pytest.mark.requirement("R-hyperopt-17", "R-hyperopt-18", "R-hyperopt-19")
def test_tables_and_indexes_were_put_right(runs: t.Any, name: str) -> None:
    database = CASES[name][0]
    check, run, again = (found(folder, name) for folder in runs("converge")[: AGAIN + 1])
    for aspect in ("analyze", "vacuum", "reindex"):
        item = f"database:{database}.{aspect}"
        assert (check[item]["status"], run[item]["status"], again[item]["status"]) == (
            "info",
            "ok",
            "ok",
        ), run[item]
        assert check[item]["observed"] > run[item]["observed"] == again[item]["observed"] == 0

    invalid = f"database:{database}.invalid_indexes"

    assert (check[invalid]["status"], run[invalid]["status"]) == ("warning", "ok")


@both
def test_the_server_agrees(fleet_host: t.Any, name: str) -> None:
    database, table, index = CASES[name]
    host = fleet_host(name)

    assert psql(host, database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == "0"
    density = f"SELECT avg_leaf_density::int FROM pgstatindex('{index}')"  # noqa: S608

    assert int(psql(host, database, density)) >= 80

    worked = (
        "SELECT last_vacuum IS NOT NULL AND last_analyze IS NOT NULL AND n_dead_tup = 0"
        " FROM pg_stat_user_tables"
    )

    assert psql(host, database, f"{worked} WHERE relname = '{table}'") == "t"


@pytest.mark.requirement("R-fairedge-37", "R-fairedge-38", "R-fairedge-39", "R-hyperopt-20")
@pytest.mark.requirement("R-fairedge-126", "R-fairedge-127")
def test_what_is_only_looked_at_is_reported(runs: t.Any) -> None:
    fairedge, hyperopt = (found(runs("converge")[AGAIN], name) for name in CASES)

    assert fairedge["database:fairedge_prod"]["observed"] > 1
    assert "R-fairedge-39" in fairedge["database:fairedge_prod"]["requirements"]

    for aspect in ("connections", "long_running"):
        assert fairedge[f"database:fairedge_prod.{aspect}"]["status"] == "ok"

    slowest, indexes = (
        fairedge[f"database:fairedge_prod.{aspect}"] for aspect in ("statements", "index_use")
    )

    assert (slowest["status"] in ("ok", "info"), " since 20" in slowest["message"]) == (
        True,
        True,
    ), slowest
    assert (indexes["status"], "too short to call them unused" in indexes["message"]) == (
        "info",
        True,
    )
    assert "public.backtest_trades" in hyperopt["database:hyperopt.table_sizes"]["message"]


def test_a_run_costs_one_interpreter_start_for_each_kind_of_database(records: t.Any) -> None:
    role = next(
        role for role in records("converge")[AGAIN]["roles"] if role["role"] == "db_maintenance"
    )
    assert role["remote_tasks_by_host"] == {"fairedge-1": 2, "hyperopt-db": 1}


def test_a_stopped_server_is_critical_and_the_run_goes_on(
    host: t.Any, play: t.Any, runs: t.Any, postgresql_unit: t.Callable[[t.Any], str]
) -> None:
    unit = postgresql_unit(host)
    host.check_output("systemctl stop %s", unit)
    try:
        assert play("converge").returncode == 0

        seen = found(runs("converge")[-1], "fairedge-1")

        assert seen["database:fairedge_prod"]["status"] == "critical"
        assert seen["database:fairedge_prod.vacuum"]["status"] == "unknown"
    finally:
        host.check_output("systemctl start %s", unit)


def test_an_unknown_key_is_named(play: t.Any) -> None:
    done = play(
        "converge", "-e", json.dumps({"db_maintenance_databases": [{"name": "x", "vaccum": {}}]})
    )
    assert done.returncode != 0
    assert "vaccum" in done.stdout + done.stderr


def test_it_can_be_taken_away(fleet_host: t.Any, play: t.Any, record: t.Any) -> None:
    for expected in (2, 0):
        assert play("converge", "-e", "db_maintenance_state=absent").returncode == 0
        assert len(changed(record("converge"))) == expected

    left = psql(
        fleet_host("fairedge-1"),
        "fairedge_prod",
        "SELECT count(*) FROM pg_extension WHERE extname = 'pgstattuple'",
    )

    assert left == "0"


@pytest.mark.requirement("R-student_success-71")
def test_the_sqlite_file_was_put_right_and_still_belongs_to_its_user(
    runs: t.Any, host: t.Any
) -> None:
    check, run, again = (found(folder, "fairedge-1") for folder in runs("converge")[: AGAIN + 1])
    for aspect in ("vacuum", "analyze"):
        item = f"sqlite:mvp.{aspect}"
        assert [seen[item]["status"] for seen in (check, run, again)] == ["info", "ok", "ok"], run[
            item
        ]

    assert run["sqlite:mvp"]["observed"] > 5 * again["sqlite:mvp"]["observed"]
    assert (
        host.check_output("find /opt/fairedge/data -printf '%f %u\\n' | sort")
        == "data fairedge\nmvp.db fairedge"
    )
