# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rehearsal really restores, finds what a verification cannot, and touches nothing that lives."""

from __future__ import annotations

import fcntl
import os
import pwd
import signal
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.backup.artefacts.kind import Workplace
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.restore import rehearsal, throwaway
from ansible.module_utils.upkeep.restore.choose import RestoreError

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.postgresql.server import Server, binaries
from tests.unit.module_utils.restore.conftest import (
    ACCOUNT,
    ORDERS,
    Rehearse,
    RestoringShop,
    dump_artefact,
    login_of,
)

QUERY = {"name": "newest order", "query": "SELECT max(id) FROM public.orders", "at_least": 1000}


@pytest.fixture
def database(shop: RestoringShop, pg: Server) -> str:
    """Return a database that was backed up, with files and a SQLite file."""
    name = pg.create_database("", *ORDERS)
    shop.backup(artefacts=[dump_artefact(pg, name), shop.files_artefact(), shop.sqlite_artefact()])
    return name


def listing(folder: Path) -> set[tuple[str, int]]:
    """Return the files below a folder with their sizes."""
    return {(str(path), path.lstat().st_size) for path in folder.rglob("*")}


def servers(staging: Path) -> str:
    """Return the servers that run from a staging folder."""
    done = subprocess.run(["pgrep", "-f", str(staging)], capture_output=True, text=True)
    return done.stdout


@pytest.mark.usefixtures("database")
def test_a_whole_set_is_restored_compared_asked_and_thrown_away(
    shop: RestoringShop, rehearsed: Rehearse, staging: Path
) -> None:
    before = listing(shop.root)

    answer = rehearsed(queries=[{**QUERY, "requirements": ["R-hyperopt-74"]}])

    assert set(statuses(answer).values()) == {"ok"}, answer
    assert "1000 rows in 1 tables as in the manifest" in message(answer, "rehearsal:database")
    assert message(answer, "rehearsal:database.newest_order").endswith("with 1000")
    assert message(answer, "rehearsal:age") == "a set was restored and compared 0 days ago"
    assert {"database.load", "database.amcheck", "database.analyze", "whole"} <= set(
        answer["seconds"]
    )
    assert {path for path, _ in listing(shop.root)} == {path for path, _ in before}
    assert list(staging.iterdir()) == []
    assert servers(staging) == ""

    with shop.catalogue() as catalogue:
        record = catalogue.sets()[-1].record

    assert record
    assert record.rehearsed == shop.now


@pytest.mark.usefixtures("database")
def test_it_is_done_once_a_period(shop: RestoringShop, rehearsed: Rehearse) -> None:
    first, second = rehearsed(), rehearsed()
    shop.later(days=7)
    third = rehearsed(rehearse=False)
    fourth = rehearsed()

    assert [one["changed"] for one in (first, second, third, fourth)] == [True, False, False, True]
    assert statuses(third) == {"rehearsal:age": "ok"}


@pytest.mark.usefixtures("database")
def test_check_mode_only_says_that_one_is_due(rehearsed: Rehearse) -> None:
    answer = rehearsed(check_mode=True)

    assert answer["due"]
    assert answer["changed"]
    assert statuses(answer) == {"rehearsal:age": "info"}


@pytest.mark.usefixtures("database")
def test_without_one_it_is_a_note_for_one_period_and_critical_then(
    shop: RestoringShop, rehearsed: Rehearse
) -> None:
    found = [statuses(rehearsed(rehearse=False))["rehearsal:age"]]
    shop.later(days=7)
    found.append(statuses(rehearsed(rehearse=False))["rehearsal:age"])
    shop.later(days=2)
    found.append(statuses(rehearsed(rehearse=False))["rehearsal:age"])

    assert found == ["info", "info", "critical"]


def test_a_host_without_sets_is_a_note(rehearsed: Rehearse) -> None:
    assert statuses(rehearsed()) == {"rehearsal:age": "info"}


@pytest.mark.usefixtures("database")
def test_an_old_rehearsal_is_critical(shop: RestoringShop, rehearsed: Rehearse) -> None:
    rehearsed()
    shop.later(days=8.1)

    answer = rehearsed(rehearse=False)

    assert statuses(answer)["rehearsal:age"] == "critical"
    assert answer["findings"][0]["limits"]["critical"] == 8


@pytest.mark.usefixtures("database")
def test_a_failure_stays_until_one_passes(rehearsed: Rehearse) -> None:
    failed = rehearsed(queries=[{**QUERY, "at_least": 1001}])
    later = rehearsed(rehearse=False)
    mended = rehearsed(queries=[QUERY])

    assert statuses(failed)["rehearsal:database"] == "critical"
    assert "answered 1000; at least 1001" in message(failed, "rehearsal:database")
    assert statuses(failed)["rehearsal:files"] == "ok"
    assert statuses(later) == {"rehearsal:age": "critical"}
    assert statuses(mended)["rehearsal:age"] == "ok"


def test_a_set_that_verifies_and_cannot_be_restored_is_found(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse, staging: Path
) -> None:
    # Whole, hashed, with all rows; but a constraint cannot be made again.
    name = pg.create_database(
        "",
        *ORDERS,
        "CREATE FUNCTION small() RETURNS integer LANGUAGE sql AS 'SELECT 5000'",
        "CREATE TABLE checked (id integer CHECK (id < public.small()))",
        "INSERT INTO checked VALUES (10)",
        "CREATE OR REPLACE FUNCTION small() RETURNS integer LANGUAGE sql AS 'SELECT 5'",
    )
    shop.backup(artefacts=[dump_artefact(pg, name)])

    answer = rehearsed()

    assert statuses(shop.verify())["backup:age"] != "critical"
    assert statuses(answer)["rehearsal:database"] == "critical"
    assert "cannot be restored" in message(answer, "rehearsal:database")
    assert servers(staging) == ""


def test_what_a_restore_would_refuse_is_a_warning(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    pg.run("postgres", "CREATE ROLE shop_part")
    name = pg.create_database(
        "",
        "CREATE TABLE whole (n integer) PARTITION BY RANGE (n)",
        "CREATE TABLE part PARTITION OF whole FOR VALUES FROM (1) TO (9)",
        "INSERT INTO whole VALUES (1)",
        "ALTER TABLE part OWNER TO shop_part",
    )
    try:
        shop.backup(artefacts=[dump_artefact(pg, name)])
        answer = rehearsed()
        with pytest.raises(RestoreError, match="must be owner of table whole"):
            shop.restore(postgresql=login_of(pg))
    finally:
        pg.run("postgres", f"DROP DATABASE {name} WITH (FORCE)", "DROP ROLE shop_part")

    assert statuses(answer)["rehearsal:database"] == "warning"
    assert "a restore would be refused, since public.part is" in message(
        answer, "rehearsal:database"
    )
    assert statuses(answer)["rehearsal:age"] == "ok"


def test_a_materialized_view_that_its_owner_cannot_fill_is_found(
    pg: Server, shop: RestoringShop, rehearsed: Rehearse
) -> None:
    pg.run("postgres", "CREATE ROLE shop_view")
    name = pg.create_database(
        "",
        *ORDERS,
        "CREATE MATERIALIZED VIEW numbers AS SELECT id FROM orders",
        "ALTER MATERIALIZED VIEW numbers OWNER TO shop_view",
    )
    try:
        shop.backup(artefacts=[dump_artefact(pg, name)])
        answer = rehearsed()
    finally:
        pg.run("postgres", f"DROP DATABASE {name} WITH (FORCE)", "DROP ROLE shop_view")

    assert statuses(answer)["rehearsal:database"] == "critical"
    assert "permission denied for table orders" in message(answer, "rehearsal:database")


def test_an_index_that_does_not_fit_its_table_is_found(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    # Each row is there, and every query without the index answers.
    name = pg.create_database(
        "",
        *ORDERS,
        "CREATE FUNCTION wobble(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS"
        " 'SELECT (pg_catalog.random() * 1e9)::integer'",
        "CREATE INDEX wobbling ON orders (public.wobble(id))",
    )
    shop.backup(artefacts=[dump_artefact(pg, name)])

    answer = rehearsed(queries=[QUERY])

    assert statuses(answer)["rehearsal:database"] == "critical"
    assert "pg_amcheck ended with 2: btree index " in message(answer, "rehearsal:database")
    assert "wobbling" in message(answer, "rehearsal:database")


@pytest.mark.usefixtures("database")
def test_it_may_take_a_limited_time(rehearsed: Rehearse) -> None:
    answer = rehearsed(recovery_seconds=0.01)

    assert statuses(answer)["rehearsal:time"] == "warning"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_an_account_that_can_read_the_live_server_is_refused(
    shop: RestoringShop, database: str, rehearsed: Rehearse
) -> None:
    guarded = shop.folder / "clusters"
    cluster = guarded / "15" / "main"
    cluster.mkdir(parents=True)
    for folder in (shop.folder, *shop.folder.parents):
        folder.chmod(folder.stat().st_mode | 0o055) if folder != Path("/") else None
    (cluster / "PG_VERSION").write_text("15")
    throwaway.require_apart(ACCOUNT, [])

    with pytest.raises(RestoreError, match="can reach the live server"):
        throwaway.require_apart(ACCOUNT, [str(guarded)])

    cluster.chmod(0o700)
    throwaway.require_apart(ACCOUNT, [str(guarded)])
    entry = pwd.getpwnam(ACCOUNT)
    os.chown(cluster, entry.pw_uid, entry.pw_gid)

    with pytest.raises(RestoreError, match="can reach the live server"):
        throwaway.require_apart(ACCOUNT, [str(guarded)])


def test_the_server_listens_nowhere_and_archives_nothing(shop: RestoringShop, pg: Server) -> None:
    place = Workplace(Deadline(60), "/var/tmp")  # noqa: S108 - the default
    chosen = throwaway.ServerPrograms(str(binaries()))
    names = ("listen_addresses", "archive_mode", "wal_level", "max_wal_senders")
    with throwaway.running(place, ACCOUNT, chosen, []) as server:
        shown = server.ask(
            lambda session: [session.value(f"SELECT current_setting('{name}')") for name in names]
        )
        mode = Path(server.folder).stat().st_mode & 0o777

    assert shown == ["", "off", "minimal", "0"]
    assert mode == 0o700


def test_what_a_recovery_test_left_is_found(pg: Server, rehearsed: Rehearse) -> None:
    pg.create_database("shop_dr_test")

    found = rehearsed(left_behind=["shop_dr_test", "other"])
    pg.run("postgres", "DROP DATABASE shop_dr_test")
    clean = rehearsed(left_behind=["shop_dr_test", "other"])

    assert statuses(found)["restore:left_behind"] == "warning"
    assert statuses(clean)["restore:left_behind"] == "ok"
    assert (
        statuses(rehearsed(left_behind=["x"], live={"login_host": "/nowhere", "run_as": ""}))[
            "restore:left_behind"
        ]
        == "unknown"
    )


def kill_within(rehearsed: Rehearse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rehearse in a process that is killed while the database is there."""

    def end(*_: t.Any) -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""

    pid = os.fork()
    if pid == 0:
        monkeypatch.setattr(rehearsal, "_compare", end)
        try:
            rehearsed()
        finally:
            os._exit(1)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.usefixtures("database")
def test_what_a_killed_rehearsal_left_is_removed(
    rehearsed: Rehearse, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_within(rehearsed, monkeypatch)
    [left] = staging.iterdir()

    assert servers(staging) != ""

    rehearsed(due_days=0)

    assert list(staging.iterdir()) == [left], "it could be one that is just beginning"

    os.utime(left, (0, 0))
    answer = rehearsed(due_days=0)

    assert statuses(answer)["rehearsal:database"] == "ok"
    assert list(staging.iterdir()) == []
    assert servers(staging) == ""


@pytest.mark.usefixtures("database")
def test_folders_of_others_and_of_a_rehearsal_that_runs_are_left_alone(
    rehearsed: Rehearse, staging: Path
) -> None:
    running, foreign = (staging / f"{throwaway.PREFIX}{name}" for name in ("running", "foreign"))
    for folder in (running, foreign):
        folder.mkdir()
        os.utime(folder, (0, 0))
    if os.geteuid() == 0:
        os.chown(foreign, 4321, 4321)
    descriptor = os.open(running, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        rehearsed()
    finally:
        os.close(descriptor)

    assert running.is_dir()
    assert os.geteuid() != 0 or foreign.is_dir()


@pytest.mark.usefixtures("database")
def test_a_server_that_ends_at_once_is_not_waited_for(
    rehearsed: Rehearse, staging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throwaway, "_SETTINGS", "no_such_setting = '{folder}'\n")
    monkeypatch.setattr(throwaway, "_START_SECONDS", 3600.0)

    answer = rehearsed()

    assert statuses(answer)["rehearsal:database"] == "critical"
    assert "postgres ended with 1" in message(answer, "rehearsal:database")
    assert "no_such_setting" in message(answer, "rehearsal:database")
    assert list(staging.iterdir()) == []


@pytest.mark.usefixtures("database")
def test_check_mode_of_a_restore_says_how_long_its_rehearsal_took(
    shop: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    state = shop.folder / "rehearsals.json"
    options = {"postgresql": login_of(pg), "state_file": str(state)}
    before = shop.restore(check_mode=True, **options)
    phases = rehearsed()["seconds"]
    files = sum(phases[name] for name in phases if name.startswith("files."))
    after = shop.restore(check_mode=True, **options)
    alone = shop.restore(check_mode=True, artefacts=["files"], **options)
    one = shop.restore(check_mode=True, table="public.orders", **options)
    state.write_text("damaged")
    damaged = shop.restore(check_mode=True, **options)

    assert "how long that takes is not known" in message(before, "restore:set")
    assert "that takes about " in message(after, "restore:set")
    assert f"takes about {files:.0f} s, as its rehearsal" in message(alone, "restore:set")
    assert "that takes at most about " in message(one, "restore:set")
    assert "how long that takes is not known" in message(damaged, "restore:set")
