# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fifty runs that end at the same moment, on one PostgreSQL store: how long each waits, none lost.

The server has places for 40 connections. There is no bar for the time, but one for losses: none.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import store as stores
from tests.unit.module_utils.postgresql.server import server
from upkeep.store import open_store
from upkeep.store.sql import SqlStore

WRITERS: t.Final = 50
ROUNDS: t.Final = 5


def address(database: str) -> str:
    """Return the address of a database of the throw-away server."""
    login = server().login

    return f"postgresql+psycopg2://postgres@/{database}?host={login['host']}&port={login['port']}"


def write(target: str, folder: Path, start: threading.Barrier) -> float:
    """Keep a run as its end does, with a connection of its own; return the seconds."""
    start.wait()
    began = time.monotonic()
    store = t.cast(SqlStore, open_store(target))
    store.save(folder)
    store._database.engine.dispose()

    return time.monotonic() - began


def runs(root: Path) -> list[Path]:
    """Return the folders of as many runs as there are writers."""
    first = stores.one_run(root / "one")
    stores.fill_folder(root / "all", first, WRITERS)

    return sorted((root / "all" / "runs").iterdir())


def main() -> int:
    """Write in rounds, each into a new database; return 1 when a run was lost."""
    p95s, lost = [], 0
    with tempfile.TemporaryDirectory(prefix="upkeep-bench-") as root:
        folders = runs(Path(root))
        for _ in range(ROUNDS):
            target, start = address(server().create_database()), threading.Barrier(WRITERS)
            with ThreadPoolExecutor(WRITERS) as pool:
                took = list(pool.map(lambda run: write(target, run, start), folders))  # noqa: B023
            p95s.append(statistics.quantiles(took, n=20)[-1])
            lost += WRITERS - len(list(open_store(target).facts()))

    p95 = statistics.median(p95s)
    spread = json.dumps([round(min(p95s), 2), round(max(p95s), 2)])
    print(
        f"bench store_writers ours={p95:.2f} unit=s writers={WRITERS} lost={lost} spread={spread}"
    )

    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
