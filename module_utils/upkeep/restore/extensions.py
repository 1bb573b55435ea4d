# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a server has the files of the extensions that a dump needs."""

from __future__ import annotations

import typing as t
from collections.abc import Collection, Iterable

from .choose import RestoreError

#: Debian's packages that are not named like their extension.
_PACKAGES: t.Final = {
    "vector": "pgvector",
    "postgis": "postgis-3",
    "postgis_raster": "postgis-3",
    "postgis_topology": "postgis-3",
    "pg_cron": "cron",
    "hypopg": "hypopg",
    "pg_partman": "partman",
    "pg_repack": "repack",
    "timescaledb": "timescaledb",
}


def require_extensions(needed: Iterable[str], available: Collection[str], version: int) -> None:
    """Raise RestoreError that names each missing extension and the package that should have it."""
    missing = sorted({*needed} - {*available})
    if not missing:
        return

    named = ", ".join(f"{name} ({_package(name, version)})" for name in missing)
    raise RestoreError(
        f"PostgreSQL {version} on this host lacks extensions of the dump: {named}; install the"
        " package in brackets, or the one that the host of the set has them from"
    )


def _package(name: str, version: int) -> str:
    words = _PACKAGES.get(name, name.replace("_", "-"))

    return f"postgresql-{version}-{words}"
