# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module sqlite_maintenance on files that an application uses, or used when it crashed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from library import sqlite_maintenance
from tests.unit.library.module_calls import Call, caller
from tests.unit.library.sqlite_files import Application, Start, ask, entry, make, statuses, verbs


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(sqlite_maintenance, capsys)


@pytest.fixture
def neglected(tmp_path: Path) -> Path:
    """Return a file of which most pages hold nothing and that was never analysed."""
    return make(tmp_path / "app.db", delete=2500)


@pytest.fixture
def application() -> Iterator[Callable[[Path], Application]]:
    """Return a function that starts an application on a file."""
    started: list[Application] = []

    def start(path: Path) -> Application:
        started.append(Application(path))
        return started[-1]

    yield start
    for running in started:
        running.end()


@pytest.fixture
def logging_app(tmp_path: Path, application: Start) -> Application:
    """Give an application that keeps its write-ahead log long."""
    path = make(tmp_path / "app.db", "PRAGMA journal_mode = WAL", rows=10, after=("ANALYZE",))
    running = application(path)
    running.execute("PRAGMA wal_autocheckpoint = 0")
    for i in range(60):
        running.execute(f"UPDATE visits SET name = '{i:0900d}'")  # noqa: S608

    return running


class TestWriteAheadLog:
    """A file in WAL mode, with its application running."""

    def test_a_long_log_is_written_back(
        self, call: Call, tmp_path: Path, logging_app: Application
    ) -> None:
        path, log = tmp_path / "app.db", tmp_path / "app.db-wal"
        size = log.stat().st_size

        assert size > 200_000

        foretold = call(databases=[entry(path)], _ansible_check_mode=True)

        assert log.stat().st_size == size

        done = call(databases=[entry(path)])

        assert (verbs(foretold), verbs(done)) == (
            [("checkpoint", "planned")],
            [("checkpoint", "done")],
        )
        assert log.stat().st_size == 0
        assert call(databases=[entry(path)])["changed"] is False
        assert logging_app.execute("SELECT count(*) FROM visits") == "(10,)"

    def test_a_reader_in_the_way_is_a_warning(
        self, call: Call, tmp_path: Path, logging_app: Application, application: Start
    ) -> None:
        reader = application(tmp_path / "app.db")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM visits")
        logging_app.execute("UPDATE visits SET name = 'x'")
        answer = call(databases=[entry(tmp_path / "app.db", wal={"max_mb": 0.1})], busy_timeout=50)

        assert (answer["changed"], verbs(answer)) == (False, [("checkpoint", "skipped")])
        assert statuses(answer)["app.wal"] == "warning"

    def test_a_vacuum_leaves_no_long_log(
        self, call: Call, tmp_path: Path, application: Start
    ) -> None:
        path = make(tmp_path / "app.db", "PRAGMA journal_mode = WAL", delete=2500)
        application(path).execute("SELECT count(*) FROM visits")
        assert verbs(call(databases=[entry(path)])) == [("vacuum", "done"), ("analyze", "done")]
        assert path.with_name("app.db-wal").stat().st_size < 100_000
        assert call(databases=[entry(path)])["changed"] is False

    def test_a_log_that_a_vacuum_could_not_write_back_is_told(
        self, call: Call, tmp_path: Path, application: Start
    ) -> None:
        path = make(tmp_path / "app.db", "PRAGMA journal_mode = WAL", delete=2500)
        reader = application(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM visits")
        answer = call(databases=[entry(path)], busy_timeout=50)

        assert ("vacuum", "done") in verbs(answer)
        assert statuses(answer)["app.wal"] == "warning"

    def test_check_mode_leaves_no_log_behind(self, call: Call, tmp_path: Path) -> None:
        path = make(tmp_path / "app.db", "PRAGMA journal_mode = WAL", delete=2500)
        before = path.read_bytes()
        assert call(databases=[entry(path)], _ansible_check_mode=True)["changed"] is True
        assert path.read_bytes() == before
        assert [item.name for item in tmp_path.iterdir()] == ["app.db"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_locked_file_is_a_warning(
    call: Call, neglected: Path, application: Start, check_mode: bool
) -> None:
    application(neglected).execute("BEGIN EXCLUSIVE")
    answer = call(databases=[entry(neglected)], busy_timeout=50, _ansible_check_mode=check_mode)
    assert (answer["changed"], statuses(answer)) == (False, {"app": "warning"})


def test_a_writer_in_the_way_only_puts_off_what_writes(
    call: Call, neglected: Path, application: Start
) -> None:
    application(neglected).execute("BEGIN IMMEDIATE")
    answer = call(databases=[entry(neglected)], busy_timeout=50)
    assert answer["changed"] is False
    assert verbs(answer) == [("vacuum", "skipped"), ("analyze", "skipped")]
    assert statuses(answer)["app"] == "ok"


def test_a_lock_that_is_soon_given_back_is_waited_for(
    call: Call, neglected: Path, application: Start
) -> None:
    running = application(neglected)
    running.execute("BEGIN EXCLUSIVE")
    giving_back = threading.Timer(0.3, running.execute, ["COMMIT"])
    giving_back.start()
    answer = call(databases=[entry(neglected)], busy_timeout=20_000)
    giving_back.join()

    assert verbs(answer) == [("vacuum", "done"), ("analyze", "done")]


def test_a_crashed_writer_is_undone_by_a_run_and_left_by_check_mode(
    call: Call, neglected: Path, application: Start
) -> None:
    crashing = application(neglected)
    for statement in ("PRAGMA cache_size = 1", "BEGIN", "UPDATE visits SET name = 'half'"):
        crashing.execute(statement)

    crashing.end()
    journal = neglected.with_name("app.db-journal")

    assert journal.stat().st_size

    foretold = call(databases=[entry(neglected)], _ansible_check_mode=True)

    assert statuses(foretold) == {"app": "unknown"}
    assert journal.stat().st_size

    call(databases=[entry(neglected)])

    assert not journal.exists()
    assert ask(neglected, "SELECT count(*) FROM visits WHERE name = 'half'") == 0
