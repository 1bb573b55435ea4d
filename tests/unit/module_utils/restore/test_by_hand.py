# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What docs/restoring.md says of restoring by hand works as it stands there."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import typing as t
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.module_utils.backup.conftest import statuses
from tests.unit.module_utils.postgresql.server import Server, binaries
from tests.unit.module_utils.redis_tune.server import running
from tests.unit.module_utils.restore.conftest import ORDERS, RestoringShop, dump_artefact
from tools import PROJECT

ACCOUNT: t.Final = "root" if os.geteuid() == 0 else Path("~").expanduser().owner()
DATABASE: t.Final = "restored_by_hand"


def commands() -> str:
    """Return the commands of the page, for the places and the server of this test."""
    page = (PROJECT / "docs" / "restoring.md").read_text()
    section = page.partition("\n## By hand\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in section.splitlines() if line.startswith("    ")]

    return (
        "\n".join(lines).replace("runuser -u postgres -- ", "").replace(" restored", f" {DATABASE}")
    )


@pytest.fixture
def made(shop: RestoringShop, pg: Server) -> Iterator[Path]:
    """Return the folder of a set with what the page names."""
    (shop.folder / "redis").mkdir()
    with running(shop.folder / "redis") as redis:
        redis.ask("SET", "key", "value")
        answer = shop.backup(
            artefacts=[
                dump_artefact(pg, pg.create_database("", *ORDERS)),
                {**shop.files_artefact(), "name": "models"},
                {**shop.sqlite_artefact(), "name": "mvp_data"},
                {"name": "redis", "redis": {"port": redis.port, "account": ACCOUNT}},
            ]
        )

    assert set(statuses(answer).values()) == {"ok"}, answer

    yield shop.root / answer["made"]

    pg.run("postgres", f"DROP DATABASE IF EXISTS {DATABASE}")


def test_a_set_is_restored_without_upkeep(shop: RestoringShop, pg: Server, made: Path) -> None:
    out = shop.folder / "out"
    script = commands()
    script = script.replace("/var/backups/upkeep/student_success/20261127T020000Z", str(made))
    script = script.replace("out=/root/restored", f"out={out}")
    script = script.replace("=restored", f"={DATABASE}")
    login = {"PGHOST": pg.login["host"], "PGPORT": pg.login["port"], "PGUSER": "postgres"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PATH": f"{binaries()}:{os.environ['PATH']}"}
        | {name: str(value) for name, value in login.items()},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert '"sha256"' in done.stdout
    assert "CREATE ROLE upkeep_read" in done.stdout
    assert pg.query(DATABASE, "SELECT count(*) FROM orders") == [(1000,)]

    path = out / str(shop.app).lstrip("/") / "main.py"

    assert path.read_bytes() == (shop.app / "main.py").read_bytes()
    assert (out / "dump.rdb").read_bytes().startswith(b"REDIS")

    with closing(sqlite3.connect(out / "mvp_data.db")) as copy:
        assert copy.execute('SELECT count(*) FROM "Odd ""name"').fetchone() == (500,)
