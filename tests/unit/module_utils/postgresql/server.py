# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A throw-away PostgreSQL server for tests: own folder, unix socket only, gone at exit."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
import typing as t
import uuid
from pathlib import Path

import psycopg2
from psycopg2 import sql

PORT: t.Final = 54399
#: From this version on a session can hand its statistics over before it ends. Without that the
#: server does it some time after the client has gone, and tests see rows that are not counted yet.
FLUSHES: t.Final = 150_000
_SETTINGS: t.Final = {
    "listen_addresses": "",
    "fsync": "off",
    "autovacuum": "off",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "shared_preload_libraries": "pg_stat_statements",
}
#: Settings of the file, which a replica takes over with the data.
_IN_FILE: t.Final = "max_prepared_transactions = 10\nwal_level = logical\n"


class Server:
    """A running server; databases made through it vanish with it."""

    def __init__(self, socket_folder: str) -> None:
        self.login = {"user": "postgres", "host": socket_folder, "port": PORT}

    def connect(self, database: str = "postgres", **options: t.Any) -> t.Any:
        """Return an autocommit connection."""
        connection = psycopg2.connect(dbname=database, **self.login, **options)
        connection.autocommit = True
        return connection

    def create_database(self, name: str = "", *statements: str) -> str:
        """Create a database, run statements in it and return its name."""
        name = name or f"db_{uuid.uuid4().hex[:8]}"
        self.run("postgres", sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self.run(name, *statements)
        return name

    def run(self, database: str, *statements: t.Any) -> None:
        """Run statements, each in its own transaction; their statistics count at once."""
        connection = self.connect(database)
        try:
            for statement in statements:
                connection.cursor().execute(statement)
            if connection.server_version >= FLUSHES:
                connection.cursor().execute("SELECT pg_stat_force_next_flush()")
        finally:
            connection.close()

    def query(self, database: str, text: str, *values: t.Any) -> list[tuple[t.Any, ...]]:
        """Return the rows of a query."""
        connection = self.connect(database)
        try:
            cursor = connection.cursor()
            cursor.execute(text, values)
            return list(cursor.fetchall())
        finally:
            connection.close()


@functools.cache
def server() -> Server:
    """Start the one server of this test session."""
    return start_server(PORT, _SETTINGS)


def start_server(
    port: int, settings: t.Mapping[str, str], files: t.Mapping[str, bytes] | None = None
) -> Server:
    """Start a server that is gone at exit; ``files`` are put into its data folder."""
    tools = binaries()
    folder = Path(tempfile.mkdtemp(prefix="upkeep-pg-"))
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_owner:
        shutil.chown(folder, "postgres")

    data = folder / "data"
    create = ["-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]
    _call([*as_owner, str(tools / "initdb"), *create])
    with (data / "postgresql.conf").open("a") as file:
        file.write(_IN_FILE)

    for name, content in (files or {}).items():
        path = data / name
        path.write_bytes(content)
        path.chmod(0o600)
        if as_owner:
            shutil.chown(path, "postgres")

    options = " ".join(f"-c {key}={value or chr(39) * 2}" for key, value in settings.items())
    control = [*as_owner, str(tools / "pg_ctl"), "-D", str(data)]
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options += f" -p {port} -k {folder}"
    _call([*control, "-w", "-l", str(folder / "log"), "-o", options, "start"])
    stop = [*control, "-m", "immediate", "stop"]
    atexit.register(subprocess.run, stop, capture_output=True, check=False, cwd="/")
    started = Server(str(folder))
    started.login["port"] = port

    return started


def binaries() -> Path:
    """Return the folder of the newest installed server.

    Set-up installs one, so its absence is an error.
    """
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise RuntimeError(
            "no PostgreSQL server for the tests: install the package postgresql (make setup does)"
        )

    return found[-1].parent if found else Path(str(on_path)).parent


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
