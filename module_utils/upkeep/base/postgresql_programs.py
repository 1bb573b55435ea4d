# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PostgreSQL's own programs: where they are, and how they are told which server they talk to."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from pathlib import Path

from .login import Login, connection_parameters

_FOLDERS: t.Final = Path("/usr/lib/postgresql")
#: A password is given or none is needed; libpq must not look for one on the host.
_NO_FILE: t.Final = "/nonexistent/pgpass"
_VARIABLES: t.Final[Mapping[str, str]] = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


def program_path(name: str, folder: str = "", version: int = 0) -> str:
    """Return a program of this major version where it is installed, else of the newest.

    A newer client makes dumps that the server's own cannot read, and loads them with settings that
    the server does not know. Debian's wrapper on PATH would choose the version by the cluster.
    """
    if folder:
        return f"{folder}/{name}"
    if (fitting := _FOLDERS / str(version) / "bin" / name).exists():
        return str(fitting)
    found = sorted(
        _FOLDERS.glob(f"*/bin/{name}"),
        key=lambda path: (path.parts[-3].isdecimal(), len(path.parts[-3]), path.parts[-3]),
    )

    return str(found[-1]) if found else name


def login_environment(login: Login, database: str) -> dict[str, str]:
    """Return the environment of a client; as arguments everybody on the host could read them."""
    given = connection_parameters(login)
    named = {variable: str(given[name]) for name, variable in _VARIABLES.items() if name in given}

    return {**named, "PGDATABASE": database, "PGPASSFILE": _NO_FILE}


def connection_string(database: str) -> str:
    """Return the argument that names a database, whatever characters it has."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")

    return f"dbname='{quoted}'"
