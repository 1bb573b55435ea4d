# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Restoring a database: the guides' ``gunzip | psql`` and ours, of the same rows, side by side.

pgbench's tables and a table of events. Both sides take turns; figures are medians of the rounds,
and so is the ratio. The whole restore, with all that it checks and the change to the live name, is
printed beside the loading alone. ``UPKEEP_BENCH_SCALE`` makes it smaller.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from datetime import UTC, datetime, timedelta
from pathlib import Path

import upkeep  # noqa: F401 - importing it makes ansible.module_utils.upkeep known

# isort: split
from ansible.module_utils.upkeep.backup import run as backups
from ansible.module_utils.upkeep.backup import settings as backup_settings
from ansible.module_utils.upkeep.restore import run as restores
from ansible.module_utils.upkeep.restore.settings import parse

from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, start_server

SCALE: t.Final = int(os.environ.get("UPKEEP_BENCH_SCALE", "50"))
EVENTS: t.Final = SCALE * 20_000
ROUNDS: t.Final = 3
BAR: t.Final = 0.95
PORT: t.Final = 54398
#: As on a small host; both sides have the same.
SETTINGS: t.Final = {
    "listen_addresses": "",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
}
EVENT_ROWS: t.Final = (
    "CREATE TABLE events (id bigserial PRIMARY KEY, kind text, at timestamptz, data jsonb)",
    "INSERT INTO events (kind, at, data) SELECT (ARRAY['view','order','pay'])[1 + n % 3],"
    " now() - n * interval '1 second', jsonb_build_object('user', n % 5000, 'value', n % 97)"
    " FROM generate_series(1, current_setting('bench.events')::integer) n",
    "CREATE INDEX events_at ON events (at)",
    "CREATE INDEX events_kind ON events (kind, at)",
)


def shell(text: str, server: Server) -> None:
    """Run a recipe as a guide has it."""
    environment = {
        **os.environ,
        "PGHOST": str(server.login["host"]),
        "PGPORT": str(server.login["port"]),
        "PGUSER": "postgres",
        "PATH": f"{binaries()}:{os.environ['PATH']}",
    }
    subprocess.run(  # noqa: S603
        ["/bin/bash", "-o", "pipefail", "-c", text],
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def by_hand(server: Server, dump: Path) -> float:
    """Return how long the guides' restore into a new database takes, s."""
    server.run("postgres", "DROP DATABASE IF EXISTS by_hand", "CREATE DATABASE by_hand")
    begun = time.perf_counter()
    shell(f"gunzip -c {dump} | psql -q -d by_hand", server)
    return time.perf_counter() - begun


def ours(server: Server, root: Path, moment: datetime) -> dict[str, float]:
    """Return how long the phases of our restore take, s."""
    login = {
        "login_host": server.login["host"],
        "login_port": server.login["port"],
        "run_as": "",
        "restore_as": "nobody",
        "program_folder": str(binaries()),
    }
    values = {"system": "bench", "root": str(root), "action": "replace", "postgresql": login}
    answer = restores.run(parse({**values, "free_percent": 0}), False, lambda: moment)
    [kept] = answer["kept"]["database"]
    server.run("postgres", f'DROP DATABASE "{kept}"')
    return dict(answer["seconds"])


def main() -> int:
    """Measure; returns 1 when the bar is missed."""
    server = start_server(PORT, SETTINGS)
    Path(str(server.login["host"])).chmod(0o711)
    make_reader(server)
    server.create_database("shop")
    shell(f"pgbench -i -q -s {SCALE} shop", server)
    server.run("postgres", f"ALTER DATABASE shop SET bench.events = {EVENTS}")
    server.run("shop", *EVENT_ROWS, "ANALYZE")

    folder = Path(tempfile.mkdtemp(prefix="bench-restore-"))
    try:
        dump = folder / "shop.sql.gz"
        shell(f"pg_dump shop | gzip > {dump}", server)
        moment = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
        login = {"login_host": server.login["host"], "login_port": PORT, "run_as": ""}
        entry = {"database": "shop", "program_folder": str(binaries()), **login}
        values = {
            "system": "bench",
            "root": str(folder / "sets"),
            "artefacts": [{"name": "database", "postgresql": entry}],
            "free_percent": 0,
        }
        backups.run(backup_settings.parse(values), False, lambda: moment)
        hand, phases = [], []
        for number in range(ROUNDS):
            hand.append(by_hand(server, dump))
            server.run("postgres", "DROP DATABASE by_hand")
            moment += timedelta(seconds=1 + number)
            phases.append(ours(server, folder / "sets", moment))
    finally:
        shutil.rmtree(folder)

    loading = [one["database.unpack"] + one["database.load"] for one in phases]
    ratio = statistics.median(mine / theirs for mine, theirs in zip(loading, hand, strict=True))
    whole = statistics.median(one["whole"] for one in phases)
    down = statistics.median(one["down"] for one in phases)
    print(
        f"bench restore_load ours={statistics.median(loading):.2f}"
        f" other={statistics.median(hand):.2f} unit=s ratio={ratio:.2f} bar=<={BAR}"
    )
    print(f"bench restore_whole ours={whole:.2f} down={down:.2f} unit=s scale={SCALE}")

    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
