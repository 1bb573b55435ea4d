# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real pgbouncer in front of the throw-away server of the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

import psycopg2

from tests.unit.module_utils.postgresql.running import wait_until
from tests.unit.module_utils.postgresql.server import Server

PORT: t.Final = 54398
_CONFIGURATION: t.Final = """
[databases]
* = host={server} port={port} user=postgres
[pgbouncer]
listen_addr =
listen_port = {own_port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = {mode}
default_pool_size = 1
ignore_startup_parameters = {ignored}
logfile = {folder}/log
"""


@contextlib.contextmanager
def pooler(server: Server, mode: str, ignored: str) -> t.Iterator[dict[str, t.Any]]:
    """Start a pooler with one connection and yield the login that leads to it."""
    binary = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if binary is None:
        raise RuntimeError("no pooler for the tests: install pgbouncer (make setup does)")

    folder = Path(tempfile.mkdtemp(prefix="upkeep-pgbouncer-"))
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        _CONFIGURATION.format(
            server=server.login["host"],
            port=server.login["port"],
            own_port=PORT,
            folder=folder,
            mode=mode,
            ignored=ignored,
        )
    )
    as_owner = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]

    process = subprocess.Popen([*as_owner, binary, "-q", str(configuration)])
    try:
        wait_until((folder / f".s.PGSQL.{PORT}").exists, "the pooler listens")
        yield {"login_host": str(folder), "login_port": PORT}
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def through(login: dict[str, t.Any], database: str) -> t.Any:
    """Return an application's connection through the pooler."""
    connection = psycopg2.connect(
        dbname=database, user="postgres", host=login["login_host"], port=login["login_port"]
    )
    connection.autocommit = True

    return connection
