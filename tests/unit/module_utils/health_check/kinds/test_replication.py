# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind replication, against a real server without, with and with lost replicas, and a standby."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

import psycopg2
import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check.attempt import observe

from tests.unit.module_utils.health_check.checks import parse
from tests.unit.module_utils.postgresql.server import PORT, Server, binaries

#: The options of a check with every aspect.
SAMPLE: t.Final[dict[str, t.Any]] = {"database": "d", "warning": 9}

SLOT: t.Final = "planted"
AS_OWNER: t.Final = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def asked(folder: str, port: int = PORT, user: str = "postgres", **options: t.Any) -> Finding:
    """Return the finding on a server."""
    raw = {
        "name": "x",
        "kind": "replication",
        "database": "postgres",
        "login_host": folder,
        "login_port": port,
        "login_user": user,
    }
    [found] = list(observe(parse({**raw, "timeout": 5, **options})))

    return found


@pytest.fixture
def folder() -> t.Iterator[Path]:
    """Return a folder of the server's user."""
    made = Path(tempfile.mkdtemp(prefix="upkeep-pg-copy-"))
    if AS_OWNER:
        shutil.chown(made, "postgres")

    yield made
    shutil.rmtree(made)


@contextlib.contextmanager
def copying(pg: Server, folder: Path) -> t.Iterator[None]:
    """Copy the server's log as somebody called ``copier`` until the end of the block."""
    source = f"host={pg.login['host']} port={PORT} user=postgres application_name=copier"
    command = [
        *AS_OWNER,
        str(binaries() / "pg_receivewal"),
        "-D",
        str(folder),
        "-d",
        source,
        "--synchronous",
    ]
    copier = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL)

    try:
        until(
            lambda: (
                pg.query("postgres", "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")
                != []
            )
        )
        yield
    finally:
        copier.terminate()
        copier.wait()
        until(lambda: pg.query("postgres", "SELECT 1 FROM pg_stat_replication") == [])


def until(holds: t.Callable[[], bool]) -> None:
    """Come back as soon as something holds; fails after 20 s."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.requirement("R-trailblaze-25")
def test_where_nobody_copies_there_is_no_lag_and_no_praise(pg: Server) -> None:
    found = asked(pg.login["host"], warning=300)

    assert (found["status"], found["message"]) == (
        "info",
        "no replica copies this server, so there is no lag",
    )

    found = asked(pg.login["host"], replicas=1)

    assert (found["status"], found["observed"], found["expected"]) == ("critical", 0, "at least 1")


@pytest.mark.requirement("R-trailblaze-25")
def test_the_lag_of_who_copies_is_told_and_judged(pg: Server, folder: Path) -> None:
    with copying(pg, folder):
        found = asked(pg.login["host"], replicas=1, warning=300)

        assert (found["status"], found["expected"], found["unit"]) == ("ok", "at most 300", "s")
        assert found["message"].startswith("copier (streaming) ")
        assert asked(pg.login["host"], warning=-1)["status"] == "warning"
        assert asked(pg.login["host"], replicas=2)["status"] == "critical"


@pytest.mark.requirement("R-trailblaze-25")
def test_a_slot_that_nobody_uses_is_a_replica_that_is_gone(pg: Server) -> None:
    pg.run("postgres", f"SELECT pg_create_physical_replication_slot('{SLOT}', true)")
    try:
        found = asked(pg.login["host"])
        assert (
            found["status"],
            f"nobody uses the replication slot {SLOT}" in found["message"],
        ) == ("warning", True)
        assert f"slot {SLOT} waits for one" in asked(pg.login["host"], replicas=1)["message"]
    finally:
        pg.run("postgres", f"SELECT pg_drop_replication_slot('{SLOT}')")

    assert asked(pg.login["host"])["status"] == "info"


def test_who_may_not_see_replicas_does_not_say_that_there_are_none(pg: Server) -> None:
    pg.run("postgres", "CREATE ROLE onlooker LOGIN")
    try:
        found = asked(pg.login["host"], user="onlooker")

        assert (found["status"], "grant it pg_monitor" in found["message"]) == ("unknown", True)

        pg.run("postgres", "GRANT pg_monitor TO onlooker")

        assert asked(pg.login["host"], user="onlooker")["status"] == "info"
    finally:
        pg.run("postgres", "DROP ROLE onlooker")


@pytest.mark.requirement("R-trailblaze-25")
def test_a_standby_tells_how_far_it_is_behind_and_whether_it_has_a_primary(
    pg: Server, folder: Path
) -> None:
    tools, port, data = binaries(), PORT + 1, folder / "data"
    login = ["-h", str(pg.login["host"]), "-p", str(PORT), "-U", "postgres"]
    copy = [
        *AS_OWNER,
        str(tools / "pg_basebackup"),
        *login,
        "-D",
        str(data),
        "-R",
        "-c",
        "fast",
        "--no-sync",
    ]
    subprocess.run(copy, check=True, capture_output=True, cwd="/")
    control = [*AS_OWNER, str(tools / "pg_ctl"), "-D", str(data), "-w"]
    options = f"-p {port} -k {folder} -c listen_addresses='' -c fsync=off -c hot_standby=on"
    subprocess.run(
        [*control, "-l", str(folder / "log"), "-o", options, "start"],
        check=True,
        capture_output=True,
        cwd="/",
    )

    try:
        pg.run("postgres", "SELECT txid_current()")
        until(lambda: asked(str(folder), port, warning=300)["status"] == "ok")

        assert "this server is a replica, " in asked(str(folder), port)["message"]

        connection = psycopg2.connect(
            dbname="postgres", user="postgres", host=str(folder), port=port
        )
        connection.autocommit = True
        connection.cursor().execute("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'")
        connection.cursor().execute("SELECT pg_reload_conf()")
        connection.close()
        until(lambda: asked(str(folder), port)["status"] == "critical")

        assert "no connection to its primary" in asked(str(folder), port)["message"]
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/"
        )
