# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Both kinds of store keep, list, load and remove runs alike; neither tells a password."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.module_utils.postgresql.server import server
from tests.unit.upkeep import run_log as log
from upkeep import database as database_module
from upkeep.report import facts
from upkeep.report import render as report
from upkeep.run import clean
from upkeep.store import DirectoryStore, Store, StoreError, directory, open_store
from upkeep.store.base import expired


def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/runs.sqlite"


def postgresql(tmp_path: Path) -> str:
    running = server()
    folder, port = running.login["host"], running.login["port"]
    return f"postgresql+psycopg2://postgres@/{running.create_database()}?host={folder}&port={port}"


@pytest.fixture(params=[str, database, postgresql], ids=["directory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(request.param(tmp_path))


def run(folder: Path, name: str, days_ago: float = 0.0, end: bool = True) -> Path:
    """Write and render a run that started some days ago and return its folder."""
    begun = clean.stamp(datetime.now(UTC) - timedelta(days=days_ago))
    start = log.run_started(run_id=name) | {"time": begun}
    closing = [log.verdict() | {"time": begun}, log.run_finished() | {"time": begun}]

    return report.render(
        log.write(folder / "runs" / name, [start, *(closing if end else [])])
    ).parent


def ids(store: Store) -> list[str]:
    return [item["run_id"] for item in store.runs()]


def test_a_saved_run_comes_back_as_it_was(store: Store, tmp_path: Path):
    folder = report.render(log.write(tmp_path / "local/runs" / log.RUN_ID, log.weekly())).parent
    store.save(folder)
    assert store.load(log.RUN_ID) == json.loads((folder / "record.json").read_text())
    assert store.load("latest") == store.load(log.RUN_ID)


def test_saving_twice_keeps_one_run_and_the_newer_record(store: Store, tmp_path: Path):
    folder = run(tmp_path / "local", "a", end=False)
    store.save(folder)
    (folder / "events.jsonl").write_bytes(
        log.lines([log.run_started(run_id="a"), log.verdict(), log.run_finished()])
    )
    report.render(folder)
    store.save(folder)
    store.save(folder)

    assert [(item["run_id"], item["outcome"]) for item in store.runs()] == [("a", "ok")]


def test_runs_are_listed_newest_first_and_limited(store: Store, tmp_path: Path):
    for name, days in (("middle", 2), ("old", 3), ("new", 1)):
        store.save(run(tmp_path / "local", name, days))
    assert ids(store) == ["new", "middle", "old"]
    assert [item["run_id"] for item in store.runs(2)] == ["new", "middle"]
    assert store.load("latest")["run_id"] == "new"


def test_prune_removes_by_the_date_in_the_record_and_keeps_the_newest(store: Store, tmp_path: Path):
    for name, days in (("a", 1), ("b", 40), ("c", 50), ("d", 60)):
        folder = run(tmp_path / "local", name, days)
        os.utime(folder, (0, 0))
        store.save(folder)

    assert store.prune(30, 2, dry_run=True) == ["c", "d"]
    assert len(ids(store)) == 4
    assert store.prune(30, 2) == ["c", "d"]
    assert ids(store) == ["a", "b"]
    assert store.prune(30, 2) == []


@pytest.mark.parametrize(("keep_days", "keep_min"), [(0, 5), (-1, 5), (30, 0)])
def test_prune_refuses_limits_that_could_take_a_run_of_today(
    store: Store, keep_days: int, keep_min: int
):
    with pytest.raises(StoreError, match="keep at least 1 day and 1 run"):
        store.prune(keep_days, keep_min)


def test_a_run_without_a_date_is_never_old():
    ancient = {"a": "2001-01-01T00:00:00.000Z", "b": "2002-01-01T00:00:00.000Z", "c": None, "d": ""}
    assert expired(ancient, 1, 1, datetime.now(UTC)) == ["a"]


@pytest.mark.parametrize("name", ["../outside", "/etc", "", ".hidden", "a/b", "a\nb"])
def test_a_run_id_cannot_lead_out_of_the_store(store: Store, name: str):
    with pytest.raises(StoreError, match="is not a run id"):
        store.load(name)


def test_facts_of_a_run_are_those_of_its_record(store: Store, tmp_path: Path):
    for days, name in enumerate(("new", "old", "older")):
        store.save(run(tmp_path / "local", name, days_ago=days))

    assert list(store.facts()) == [facts.of_record(item) for item in store.runs()]


def test_facts_that_are_older_than_the_record_or_damaged_are_made_anew(tmp_path: Path):
    store = DirectoryStore(tmp_path)
    for name in ("older", "damaged", "another", "missing"):
        store.save(run(tmp_path, name))
    places = {name: tmp_path / "runs" / name / report.FACTS_NAME for name in ids(store)}
    kept = json.loads(places["older"].read_text())
    places["older"].write_text(json.dumps(kept | {"outcome": "failed"}))
    os.utime(places["older"], (1, 1))
    places["damaged"].write_text('{"version": 1, "run_id"')
    places["another"].write_text(json.dumps(kept | {"version": 2, "outcome": "failed"}))
    places["missing"].unlink()

    assert sorted(item["run_id"] for item in store.facts()) == sorted(places)
    assert {item["outcome"] for item in store.facts()} == {"ok"}


def test_a_database_of_an_older_version_has_no_facts_and_lists_its_runs(tmp_path: Path):
    store = open_store(database(tmp_path))
    for name in ("first", "second"):
        store.save(run(tmp_path / "local", name))
    with sa.create_engine(database(tmp_path)).begin() as connection:
        connection.execute(sa.text("DROP TABLE upkeep_run_facts"))

    old = open_store(database(tmp_path), create=False)

    assert sorted(item["run_id"] for item in old.facts()) == ["first", "second"]

    open_store(database(tmp_path)).save(run(tmp_path / "local", "third"))

    assert sorted(item["run_id"] for item in old.facts()) == ["first", "second", "third"]


def test_old_runs_of_a_database_of_an_older_version_are_removed(tmp_path: Path):
    store = open_store(database(tmp_path))
    for name, days in (("new", 0), ("old", 400)):
        store.save(run(tmp_path / "local", name, days_ago=days))
    with sa.create_engine(database(tmp_path)).begin() as connection:
        connection.execute(sa.text("DROP TABLE upkeep_run_facts"))

    assert open_store(database(tmp_path), create=False).prune(30, 1) == ["old"]
    assert ids(store) == ["new"]


def test_facts_go_with_their_run(tmp_path: Path):
    store = open_store(database(tmp_path))
    for name, days in (("new", 0), ("old", 400)):
        store.save(run(tmp_path / "local", name, days_ago=days))
    store.prune(30, 1)

    with sa.create_engine(database(tmp_path)).connect() as connection:
        kept = connection.execute(sa.text("SELECT run_id FROM upkeep_run_facts")).scalars().all()

    assert kept == ["new"]


def test_a_run_that_is_not_there_is_named(store: Store):
    with pytest.raises(StoreError, match="no run 'nothing'"):
        store.load("nothing")
    with pytest.raises(StoreError, match="no run"):
        store.load("latest")
    assert store.runs() == []


def test_a_report_can_be_rendered_from_the_store_alone(store: Store, tmp_path: Path):
    folder = report.render(log.write(tmp_path / "local/runs" / log.RUN_ID, log.weekly())).parent
    store.save(folder)
    page = store.write_report("latest", tmp_path / "out")
    assert page.read_text() == (folder / "report.html").read_text()


def test_a_log_with_zero_bytes_and_other_damage_is_kept(store: Store, tmp_path: Path):
    folder = log.write(tmp_path / "local/runs/odd", log.weekly())
    with (folder / "events.jsonl").open("ab") as file:
        file.write(b'\x00\xff{"v": 1, "ev')

    report.render(folder)
    store.save(folder)

    assert store.load("odd")["log"]["unreadable"] == 1
    assert store.write_report("odd", tmp_path / "out").exists()


# --- a directory


def test_latest_is_one_relative_link_to_the_newest_run(tmp_path: Path):
    store = DirectoryStore(tmp_path)
    for name, days in (("first", 3), ("second", 2), ("older", 9)):
        store.save(run(tmp_path, name, days))

    link = tmp_path / "runs/latest"

    assert link.readlink() == Path("second")
    assert sorted(entry.name for entry in (tmp_path / "runs").iterdir()) == [
        "first",
        "latest",
        "older",
        "second",
    ]


def test_a_killed_run_is_folded_from_its_log(tmp_path: Path):
    folder = log.write(tmp_path / "runs/killed", log.weekly()[:5])
    store = DirectoryStore(tmp_path)
    assert store.load("latest")["outcome"] == "interrupted"
    assert ids(store) == ["killed"]
    assert not (folder / "record.json").exists()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"schema_version": 2}', '{"schema_version": 1}']
)
def test_a_damaged_record_is_folded_again(tmp_path: Path, damage: str):
    folder = run(tmp_path, "a")
    (folder / "record.json").write_text(damage)
    assert DirectoryStore(tmp_path).load("a")["outcome"] == "ok"


def test_what_is_no_run_is_neither_listed_nor_removed(tmp_path: Path):
    run(tmp_path, "a", 90)
    run(tmp_path, "b", 80)
    elsewhere = run(tmp_path / "elsewhere", "c", 99)
    (tmp_path / "runs/empty").mkdir()
    (tmp_path / "runs/linked").symlink_to(elsewhere)
    store = DirectoryStore(tmp_path)

    assert ids(store) == ["b", "a"]
    assert store.prune(30, 1) == ["a"]
    assert (elsewhere / "events.jsonl").exists()
    assert (tmp_path / "runs/empty").is_dir()


def test_prune_finishes_what_a_killed_prune_began(tmp_path: Path):
    run(tmp_path, "a")
    half = tmp_path / "runs/.removing-z"
    half.mkdir()
    DirectoryStore(tmp_path).prune(30, 1)
    assert not half.exists()


# --- a database


def test_a_missing_sqlalchemy_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delitem(sys.modules, "upkeep.store.sql", raising=False)
    with pytest.raises(StoreError, match="pip install SQLAlchemy"):
        open_store("sqlite:///:memory:")


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(StoreError, match="pip install psycopg2-binary"):
        open_store("postgresql+psycopg2://upkeep:geheim@192.0.2.1/runs")


@pytest.mark.parametrize(
    "dsn",
    [
        "nonsense://upkeep:geheim@host/runs",
        "://upkeep:geheim@host",
        "postgresql+psycopg2://upkeep:geheim@host:port/runs",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(dsn: str):
    with pytest.raises(StoreError, match="cannot be read") as error:
        open_store(dsn)
    assert "geheim" not in str(error.value)
    assert error.value.__suppress_context__


@pytest.mark.parametrize(
    "address", ["upkeep:geheim@127.0.0.1:1/runs", "upkeep@127.0.0.1:1/runs?password=geheim"]
)
def test_a_server_that_refuses_is_reported_without_the_password(address: str):
    with pytest.raises(StoreError, match="refused") as error:
        open_store(f"postgresql+psycopg2://{address}")
    assert "geheim" not in str(error.value)
    assert error.value.__suppress_context__


def test_a_server_that_never_answers_is_left_in_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database_module, "WAIT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(StoreError, match="timeout expired"):
            open_store(f"postgresql+psycopg2://upkeep@127.0.0.1:{silent.getsockname()[1]}/runs")

    assert time.monotonic() - begun < 8


def test_a_store_does_not_show_its_password(tmp_path: Path):
    store = open_store(
        f"{database(tmp_path)}?password=geheim&uri=true".replace("sqlite:///", "sqlite:///file:")
    )
    assert "geheim" not in repr(store)


def test_two_runs_that_end_at_the_same_moment_are_both_kept(tmp_path: Path):
    """Neither has a table yet: both make it, and both write."""
    dsn, names = postgresql(tmp_path), [f"run{number}" for number in range(6)]
    folders = [run(tmp_path / "local", name) for name in names]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda folder: open_store(dsn).save(folder), folders))

    assert sorted(ids(open_store(dsn))) == names


def test_fifty_runs_that_end_at_once_are_all_kept(tmp_path: Path):
    """The server has places for 40; the p95 is named when it is too long."""
    dsn, names = postgresql(tmp_path), [f"run{number:02}" for number in range(50)]
    folders = [run(tmp_path / "local", name) for name in names]

    def seconds(folder: Path) -> float:
        began = time.monotonic()
        store = open_store(dsn)
        store.save(folder)
        store._database.engine.dispose()  # type: ignore[attr-defined] # as the end of a run does

        return time.monotonic() - began

    with ThreadPoolExecutor(len(names)) as pool:
        took = sorted(pool.map(seconds, folders))

    assert sorted(ids(open_store(dsn))) == names
    assert took[47] < 20, f"p95 is {took[47]:.2f} s"


@pytest.mark.parametrize("broken", ["{", "null", '{"schema_version": 2}', '{"schema_version": 1}'])
def test_a_record_that_cannot_be_read_is_folded_again_from_the_log(tmp_path: Path, broken: str):
    dsn = database(tmp_path)
    store = open_store(dsn)
    for name in ("a", "b"):
        store.save(run(tmp_path / "local", name))
    with sa.create_engine(dsn).begin() as connection:
        connection.execute(
            sa.text("UPDATE upkeep_runs SET record = :it WHERE run_id = 'a'"), {"it": broken}
        )

    assert sorted(ids(store)) == ["a", "b"]
    assert store.load("a")["outcome"] == "ok"


def test_a_run_that_no_version_can_read_hides_no_other(tmp_path: Path):
    dsn = database(tmp_path)
    store = open_store(dsn)
    for name, days in (("new", 1), ("old", 2)):
        store.save(run(tmp_path / "local", name, days))
    with sa.create_engine(dsn).begin() as connection:
        connection.execute(
            sa.text("UPDATE upkeep_runs SET record = '{}', events = 'x' WHERE run_id = 'new'")
        )

    assert ids(store) == ["old"]
    assert store.load("latest")["run_id"] == "old"
    with pytest.raises(StoreError, match="run 'new' cannot be read by this version"):
        store.load("new")


@pytest.mark.parametrize(
    ("key", "value"), [("seconds", None), ("outcome", "splendid"), ("findings", [{"check": "a"}])]
)
def test_a_damaged_record_in_a_folder_is_folded_again(tmp_path: Path, key: str, value: object):
    place = run(tmp_path, "a") / "record.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), key: value}))
    assert DirectoryStore(tmp_path).load("a")[key] != value  # type: ignore[literal-required]


def test_a_run_from_the_future_is_listed_last_and_never_the_latest(store: Store, tmp_path: Path):
    for name, days in (("future", -900), ("old", 3), ("new", 1)):
        store.save(run(tmp_path / "local", name, days))

    assert ids(store) == ["new", "old", "future"]
    assert store.load("latest")["run_id"] == "new"


def test_the_link_to_the_latest_run_leaves_one_from_the_future(tmp_path: Path):
    for name, days in (("future", -900), ("new", 1)):
        folder = run(tmp_path, name, days)
        DirectoryStore(tmp_path).save(folder)
    assert (tmp_path / "runs/latest").resolve().name == "new"


def test_only_as_many_records_are_read_as_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(9):
        run(tmp_path, f"2026010{number + 1}T000000Z-daily-aaaaaa", 9 - number)
    read: list[str] = []
    real = directory.read_record
    monkeypatch.setattr(
        directory, "read_record", lambda folder: (read.append(folder.name), real(folder))[1]
    )

    assert len(DirectoryStore(tmp_path).runs(3)) == 3
    assert len(read) == 3


def test_a_limit_longer_than_there_are_dates_removes_nothing(store: Store, tmp_path: Path):
    store.save(run(tmp_path / "local", "a", 9))
    assert store.prune(99_999_999, 1) == []


def test_reading_makes_no_database(tmp_path: Path):
    with pytest.raises(StoreError, match="there is no database"):
        open_store(f"sqlite:///{tmp_path}/typo.sqlite", create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_named(tmp_path: Path):
    sa.create_engine(database(tmp_path)).connect().close()
    (tmp_path / "runs.sqlite").touch()
    with pytest.raises(StoreError, match="no run is kept in"):
        open_store(database(tmp_path), create=False)


def test_a_database_needs_a_folder_for_the_report(tmp_path: Path):
    with pytest.raises(StoreError, match="--output"):
        open_store(database(tmp_path)).write_report("latest", None)
