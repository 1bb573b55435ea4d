# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The module sqlite_maintenance on real files: due and not due, locked, damaged, missing.

Check mode; second run.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import typing as t
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.sqlite import engine
from ansible.module_utils.upkeep.sqlite import run as maintenance
from ansible.module_utils.upkeep.sqlite.engine import RunLimits
from ansible.module_utils.upkeep.sqlite.locate import LocatedFile, locate
from ansible.module_utils.upkeep.sqlite.settings import parse

from library import sqlite_maintenance
from tests.unit.library.module_calls import Call, caller
from tests.unit.library.sqlite_files import ask, entry, make, statuses, verbs


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    return caller(sqlite_maintenance, capsys)


@pytest.fixture
def neglected(tmp_path: Path) -> Path:
    """Return a file of which most pages hold nothing and that was never analysed."""
    return make(tmp_path / "app.db", delete=2500)


@pytest.mark.requirement("R-student_success-71")
def test_check_run_and_second_run(call: Call, neglected: Path) -> None:
    before = neglected.read_bytes()
    foretold = call(databases=[entry(neglected)], _ansible_check_mode=True)

    assert neglected.read_bytes() == before
    assert [path.name for path in neglected.parent.iterdir()] == ["app.db"]

    done = call(databases=[entry(neglected)])
    again = call(databases=[entry(neglected)])

    assert [answer["changed"] for answer in (foretold, done, again)] == [True, True, False]
    assert verbs(foretold) == [("vacuum", "planned"), ("analyze", "planned")]
    assert verbs(done) == [("vacuum", "done"), ("analyze", "done")]
    assert (
        foretold["diff"]
        == done["diff"]
        == {"before": "app: vacuum\napp: analyze visits\n", "after": ""}
    )
    assert set(statuses(foretold).values()) == {"ok", "info"}
    aspects = ("", ".constraints", ".foreign_keys", ".vacuum", ".analyze", ".wal")

    assert statuses(done) == statuses(again)
    assert statuses(done) == dict.fromkeys((f"app{aspect}" for aspect in aspects), "ok")
    assert len(before) > 2 * neglected.stat().st_size
    assert ask(neglected, "SELECT count(*) FROM visits") == 500
    assert all(found["requirements"] == ["R-student_success-71"] for found in done["findings"])


def test_aspects_that_are_left_out_are_left_alone(call: Call, neglected: Path) -> None:
    bare = {"name": "app", "path": str(neglected)}
    answer = call(databases=[bare])

    assert not answer["changed"]
    assert list(statuses(answer)) == ["app", "app.constraints", "app.foreign_keys"]


def test_statistics_are_due_when_the_number_of_rows_has_changed(call: Call, tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", after=("ANALYZE", "DELETE FROM visits WHERE id <= 300"))

    assert verbs(call(databases=[entry(path, analyze={"changed_percent": 10})])) == []

    answer = call(databases=[entry(path, analyze={"changed_percent": 9})])

    assert answer["actions"][0]["reason"] == "3000 rows when analysed, 2700 now"
    assert ask(path, "SELECT stat FROM sqlite_stat1").startswith("2700 ")

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM visits")

    assert verbs(call(databases=[entry(path, analyze={})])) == [("analyze", "done")]
    assert verbs(call(databases=[entry(path, analyze={})])) == []


def test_odd_tables_settle_too(call: Call, tmp_path: Path) -> None:
    names = ('say "hi"', "x'; DROP TABLE visits; --", "line\nbreak", "größe")
    odd = [f"""CREATE TABLE "{name.replace('"', '""')}" (a)""" for name in names]
    quoted = [name.replace('"', '""') for name in names]
    filled = [f'INSERT INTO "{name}" VALUES (1)' for name in quoted]  # noqa: S608
    extra = (
        "CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "INSERT INTO pairs SELECT id, id FROM visits",
        "CREATE TABLE partly (a)",
        "INSERT INTO partly SELECT id FROM visits",
        "CREATE INDEX partly_a ON partly (a) WHERE a < 10",
        "CREATE TABLE counted (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "INSERT INTO counted DEFAULT VALUES",
        "CREATE VIEW seen AS SELECT * FROM visits",
        "CREATE TABLE bare (a)",
        "CREATE VIRTUAL TABLE texts USING fts5(body)",
        "INSERT INTO texts VALUES ('some words')",
    )
    path = make(tmp_path / "app.db", after=(*odd, *filled, *extra))
    done = call(databases=[entry(path)])

    assert {status for _, status in verbs(done)} == {"done"}
    assert set(names) < {action["object"] for action in done["actions"]}
    assert call(databases=[entry(path)])["actions"] == []


def test_pages_are_given_back_in_steps_where_the_file_allows_it(call: Call, tmp_path: Path) -> None:
    path = make(tmp_path / "app.db", "PRAGMA auto_vacuum = INCREMENTAL", rows=20_000, delete=15_000)
    assert ask(path, "PRAGMA freelist_count") > 1000
    assert verbs(call(databases=[entry(path, vacuum={})])) == [("incremental_vacuum", "done")]
    assert ask(path, "PRAGMA freelist_count") == 0
    assert verbs(call(databases=[entry(path, vacuum={})])) == []


def test_without_room_nothing_is_vacuumed(
    call: Call, neglected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "free_space", lambda path: neglected.stat().st_size)
    before = neglected.read_bytes()
    for check_mode in (True, False):
        answer = call(
            databases=[entry(neglected, vacuum={"min_free_mb": 0})], _ansible_check_mode=check_mode
        )
        assert (answer["changed"], statuses(answer)["app.vacuum"]) == (False, "warning")
        assert "free" in answer["findings"][3]["message"]

    assert neglected.read_bytes() == before


def broken(path: Path) -> None:
    """Overwrite pages in the middle of a file."""
    content = bytearray(path.read_bytes())
    noise = random.Random(7)  # noqa: S311
    for offset in range(8192, len(content) - 4096, 4096):
        content[offset : offset + 64] = noise.randbytes(64)

    path.write_bytes(content)


@pytest.mark.parametrize("kind", ["pages", "no database", "cut"])
def test_a_damaged_file_is_critical_and_stays_as_it_is(
    call: Call, neglected: Path, kind: str
) -> None:
    if kind == "pages":
        broken(neglected)
    elif kind == "cut":
        os.truncate(neglected, 6000)
    else:
        neglected.write_bytes(b"this is no database at all" * 100)

    before = neglected.read_bytes()
    answer = call(databases=[entry(neglected)])

    assert (answer["changed"], statuses(answer)) == (False, {"app": "critical"})
    assert neglected.read_bytes() == before


def test_files_that_are_none(call: Call, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").write_bytes(b"")
    for name, status in (
        ("none", "critical"),
        ("fifo", "critical"),
        ("folder", "critical"),
        ("empty", "warning"),
    ):
        assert statuses(call(databases=[entry(tmp_path / name)]))["app"] == status, name

    assert not (tmp_path / "none").exists()


def test_references_that_lead_nowhere_are_a_warning(call: Call, tmp_path: Path) -> None:
    extra = (
        "CREATE TABLE notes (visit INTEGER REFERENCES visits (id))",
        "INSERT INTO notes VALUES (1), (90000), (90001)",
    )
    answer = call(databases=[entry(make(tmp_path / "app.db", after=extra))])
    found = next(item for item in answer["findings"] if item["check"] == "sqlite:app.foreign_keys")

    assert (found["status"], found["observed"]) == ("warning", 2)
    assert "'notes': 2" in found["message"]


def located(path: Path) -> LocatedFile:
    found = locate(path)

    assert isinstance(found, LocatedFile)

    return found


def test_the_time_of_a_run_is_kept(neglected: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STEPS", 10)
    database = {"name": "app", "path": str(neglected), "analyze": {"changed_percent": 20}}
    settings = parse({"databases": [database]})
    limits = RunLimits(busy_ms=1000, end=0.0, check_mode=False)
    (found,) = maintenance.maintain(settings.databases[0], located(neglected), limits)["findings"]

    assert found["status"] == "unknown"
    assert "max_seconds" in found["message"]


def test_no_action_is_begun_when_the_time_is_up(neglected: Path) -> None:
    database = entry(neglected, vacuum={"free_percent": 20, "min_free_mb": 0})
    settings = parse({"databases": [database]})
    limits = RunLimits(busy_ms=1000, end=0.0, check_mode=False)
    answer = maintenance.maintain(settings.databases[0], located(neglected), limits)

    assert verbs(t.cast(dict[str, t.Any], answer)) == [("vacuum", "not_started")]


def test_a_disk_that_cannot_be_asked_is_unknown(
    call: Call, neglected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(maintenance, "free_space", refuse)
    assert statuses(call(databases=[entry(neglected)])) == {"app": "unknown"}


KEEP_LOG: t.Final = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT 1 FROM visits").fetchone()
print("open", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def log_kept_by_another_process(path: Path) -> Iterator[None]:
    """Keep a database in WAL mode open, so that its log and index stay."""
    argv = [sys.executable, "-c", KEEP_LOG, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield
        process.communicate()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_root_works_as_the_owner_of_the_file(call: Call, tmp_path: Path) -> None:
    nobody = 65534
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.is_relative_to(tempfile.gettempdir()) and parent != Path(tempfile.gettempdir()):
            parent.chmod(0o755)

    folder = tmp_path / "data"
    folder.mkdir()
    path = make(folder / "app.db", "PRAGMA journal_mode = WAL", delete=2500)
    os.chown(folder, nobody, nobody)
    os.chown(path, nobody, nobody)

    with log_kept_by_another_process(path):
        for beside in folder.iterdir():
            os.chown(beside, nobody, nobody)

        assert verbs(call(databases=[entry(path)])) == [("vacuum", "done"), ("analyze", "done")]
        assert {item.stat().st_uid for item in folder.iterdir()} == {nobody}

    foreign = tmp_path / "link.db"
    foreign.symlink_to(make(tmp_path / "root.db"))
    os.lchown(foreign, nobody, nobody)

    assert statuses(call(databases=[entry(foreign)])) == {"app": "critical"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"databases": [{"name": "app", "path": "app.db"}]}, "'app.db'"),
        ({"databases": [{"name": "app", "path": "/app\n.db"}]}, "\\n"),
        ({"databases": [{"name": "app/../x", "path": "/app.db"}]}, "app/../x"),
        (
            {"databases": [{"name": "app", "path": "/a"}, {"name": "app", "path": "/b"}]},
            "duplicate name",
        ),
        (
            {"databases": [{"name": "app", "path": "/a", "vacuum": {"free_percent": 0}}]},
            "free_percent",
        ),
        ({"databases": [{"name": "app", "path": "/a", "analyse": {}}]}, "analyse"),
        ({"databases": [{"name": "app"}]}, "path"),
        ({"databases": [], "busy_timeout": 0}, "busy_timeout"),
        ({"databases": [], "max_seconds": 0}, "max_seconds"),
        ({}, "databases"),
    ],
)
def test_bad_input_fails_and_is_named(call: Call, arguments: dict[str, t.Any], word: str) -> None:
    answer = call(**arguments)
    assert answer["failed"]
    assert word in answer["msg"]


def test_no_file_is_said(call: Call) -> None:
    assert statuses(call(databases=[])) == {"none": "info"}
