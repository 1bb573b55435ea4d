# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What databases and applications do meanwhile: no set is wrong, and no alarm is false."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
import typing as t
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from tests.faults.conftest import (
    FULL,
    bad_sets,
    command_artefact,
    dump_artefact,
    is_loud,
    leftovers,
    real_path,
)
from tests.unit.module_utils.backup.conftest import Shop, message, statuses
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, start_server

TABLES: t.Final = 2_000 if FULL else 150
CLEAN_SETS: t.Final = 100 if FULL else 2
PORT: t.Final = 54397
_WRITER: t.Final = """
import sqlite3, sys, time
while True:
    writer = sqlite3.connect(sys.argv[1], timeout=60)
    writer.execute('INSERT INTO "Odd ""name" (note) VALUES (1)')
    writer.commit()
    writer.close()
    time.sleep(0.01)
"""


@contextlib.contextmanager
def beside(work: Callable[[int], None]) -> Iterator[None]:
    """Do a piece of work again and again while something else goes on."""
    done = threading.Event()

    def again() -> None:
        number = 0
        while not done.is_set():
            number += 1
            work(number)
            done.wait(0.01)  # an application, not all of the machine

    worker = threading.Thread(target=again, daemon=True)
    worker.start()
    try:
        yield
    finally:
        done.set()
        worker.join()


@contextlib.contextmanager
def writing(database: Path) -> Iterator[None]:
    """Let an application open a SQLite file, write and close it, again and again.

    In a process of its own: SQLite's locks in a process that forks are not those of two processes.
    """
    argv = [sys.executable, "-c", _WRITER, str(database)]
    writer = subprocess.Popen(argv)
    try:
        yield
    finally:
        failed = writer.poll()
        writer.kill()
        writer.wait()
        assert failed is None


def slow_dump(folder: Path, seconds: float) -> None:
    """Put programs there of which pg_dump takes its time before it writes."""
    for program in ("pg_dumpall", "pg_restore"):
        (folder / program).symlink_to(real_path(program))
    real = real_path("pg_dump")
    text = f'#!/bin/sh\n[ "$1" = --version ] || sleep {seconds}\nexec {real} "$@"\n'
    (folder / "pg_dump").write_text(text)
    (folder / "pg_dump").chmod(0o755)


def test_a_database_that_is_stopped_during_its_dump_leaves_no_set(
    shop: Shop, tmp_path: Path
) -> None:
    settings = {"listen_addresses": "", "fsync": "off", "shared_buffers": "16MB"}
    stopping = start_server(PORT, settings)
    make_reader(stopping)
    database = stopping.create_database("", "CREATE TABLE orders AS SELECT generate_series(1, 9) n")
    programs = tmp_path / "programs"
    programs.mkdir()
    slow_dump(programs, 2)

    [(pid,)] = stopping.query("postgres", "SELECT pg_read_file('postmaster.pid', 0, 20)::text")
    stop = threading.Timer(1, lambda: os.kill(int(pid.split()[0]), 3))  # SIGQUIT: at once
    stop.start()
    loud = is_loud(shop, artefacts=[dump_artefact(stopping, database, programs)])
    stop.join()

    assert loud
    assert shop.names() == []
    assert leftovers(shop) == []


def test_tables_that_come_and_go_during_dumps_are_no_alarm(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", "CREATE TABLE orders (id integer)")

    def change(number: int) -> None:
        pg.run(
            database,
            "INSERT INTO orders SELECT generate_series(1, 50)",
            f"CREATE TABLE made_{number} AS SELECT generate_series(1, 9) n",
            f"DROP TABLE made_{number}",
        )

    with beside(change):
        for _ in range(20 if FULL else 2):
            shop.later(days=1)
            answer = shop.backup(artefacts=[dump_artefact(pg, database, binaries())])

            assert message(answer, "backup:database") == "postgresql was kept and read back"

    assert bad_sets(shop) == {}


def test_many_tables_of_odd_names_are_all_counted(shop: Shop, pg: Server) -> None:
    database = pg.create_database()
    odd = '"Upper ""quoted""\nline; COPY x FROM stdin; {}"'
    for begin in range(0, TABLES, 50):  # a transaction holds so many locks
        pg.run(
            database,
            *(
                f"CREATE TABLE {odd.format(number)} AS SELECT generate_series(1, {number % 7}) n"
                for number in range(begin, begin + 50)
            ),
        )

    answer = shop.backup(artefacts=[dump_artefact(pg, database, binaries())])

    assert statuses(answer)["backup:database"] == "ok", message(answer, "backup:database")

    with shop.catalogue() as catalogue:
        manifest = catalogue.sets()[0].manifest
        assert manifest
        tables = manifest.artefacts[0].facts["tables"]

    assert len(tables) == TABLES
    assert sum(table["rows"] for table in tables) == sum(n % 7 for n in range(TABLES))


def test_a_live_writer_of_sqlite_disturbs_no_copy(shop: Shop) -> None:
    with writing(shop.database):
        for _ in range(20 if FULL else 3):
            shop.later(days=1)
            answer = shop.backup(artefacts=[shop.sqlite_artefact()])

            assert statuses(answer)["backup:orders"] == "ok", answer

    assert bad_sets(shop) == {}


def test_clean_sets_under_load_raise_no_alarm(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", "CREATE TABLE orders (id integer)")
    entries = [
        dump_artefact(pg, database, binaries()),
        shop.files_artefact(),
        shop.sqlite_artefact(),
        command_artefact(),
    ]

    def work(number: int) -> None:
        pg.run(database, "INSERT INTO orders SELECT generate_series(1, 20)")
        (shop.app / f"log {number % 10}").write_text(f"line {number}\n" * (450 + number % 50))

    alarms: list[t.Any] = []
    with writing(shop.database), beside(work):
        for _ in range(CLEAN_SETS):
            shop.later(days=1)
            made = shop.backup(artefacts=entries, retention={"last": 2, "days": 3})
            alarms += [one["message"] for one in made["findings"] if one["status"] != "ok"]
            alarms += list(bad_sets(shop).items())

    assert alarms == []


CANARY: t.Final = "canary-0b9d1c"


def test_what_data_hold_is_in_no_answer(shop: Shop, pg: Server) -> None:
    database = pg.create_database("", f"CREATE TABLE orders (note text DEFAULT '{CANARY}')")
    pg.run(database, "INSERT INTO orders DEFAULT VALUES")
    (shop.app / ".env").write_text(f"PASSWORD={CANARY}\n")
    with closing(sqlite3.connect(shop.database)) as writer:
        writer.execute('INSERT INTO "Odd ""name" (note) VALUES (?)', (CANARY,))
        writer.commit()
    entries = [
        dump_artefact(pg, database, binaries()),
        shop.files_artefact(),
        shop.sqlite_artefact(),
    ]
    begun = time.time()

    answers = [shop.backup(artefacts=entries), shop.verify(reread_days=0)]
    (shop.root / shop.names()[0] / "files" / "files.tar.zst").write_bytes(CANARY.encode())
    answers.append(shop.verify(reread_days=0))

    assert CANARY not in str(answers)

    kept = [*shop.root.glob("*/manifest.json"), *(shop.root / ".records").iterdir()]

    assert len(kept) == 2
    assert [path for path in kept if CANARY in path.read_text()] == []

    staging = [
        path
        for path in Path("/var/tmp").glob(".upkeep-staging-*")  # noqa: S108
        if path.stat().st_mtime > begun
    ]

    assert [path for path in staging if list(path.rglob("database.sqlite"))] == []
