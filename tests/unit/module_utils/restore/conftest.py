# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets of a small host, and the restores of what they hold."""

from __future__ import annotations

import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore import rehearse
from ansible.module_utils.upkeep.restore import run as runs
from ansible.module_utils.upkeep.restore.settings import parse, parse_rehearsal

from tests.unit.module_utils.backup.conftest import Shop, stand_in
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, server

__all__ = ["stand_in"]

ORDERS = (
    "CREATE TABLE orders (id serial PRIMARY KEY, note text)",
    "INSERT INTO orders (note) SELECT 'n' || n FROM generate_series(1, 1000) n",
)
#: An account that owns nothing; that of the tests' own servers owns those.
ACCOUNT = "nobody"
Rehearse = t.Callable[..., dict[str, t.Any]]


class RestoringShop(Shop):
    """The host of the tests of backups, which can also restore."""

    def restore(self, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """Restore as the module does; options replace those of the shop."""
        values = {
            "system": "shop",
            "root": str(self.root),
            "action": "replace",
            "free_percent": 0,
            **options,
        }
        return runs.run(parse(values), check_mode, lambda: self.now)

    def kept(self, path: Path) -> list[Path]:
        """Return what is kept of a path."""
        return sorted(path.parent.glob(f"{path.name}.before-*"))


@pytest.fixture
def shop(tmp_path: Path) -> RestoringShop:
    """Return the host."""
    return RestoringShop(tmp_path)


@pytest.fixture(scope="session")
def pg() -> Server:
    """Return the throw-away server with the role that reads."""
    running = server()
    make_reader(running)
    Path(str(running.login["host"])).chmod(0o711)  # so that the account that loads can connect

    return running


def dump_artefact(pg: Server, database: str, **options: t.Any) -> dict[str, t.Any]:
    """Return the entry of a database of the server."""
    login = {"login_host": pg.login["host"], "login_port": pg.login["port"], "run_as": ""}
    dump = {"database": database, "program_folder": str(binaries()), **login, **options}
    return {"name": "database", "postgresql": dump}


def login_of(pg: Server, **options: t.Any) -> dict[str, t.Any]:
    """Return how a restore reaches the server."""
    return {
        "login_host": pg.login["host"],
        "login_port": pg.login["port"],
        "run_as": "",
        "restore_as": "nobody",
        "program_folder": str(binaries()),
        **options,
    }


@pytest.fixture
def staging() -> t.Iterator[Path]:
    """Return a staging folder of this test alone, through which other accounts can pass."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def rehearsed(shop: RestoringShop, pg: Server, staging: Path) -> t.Callable[..., dict[str, t.Any]]:
    """Return a function that rehearses as the module does."""

    def run(check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        live = {"login_host": pg.login["host"], "login_port": pg.login["port"], "run_as": ""}
        values = {
            "system": "shop",
            "root": str(shop.root),
            "run_as": ACCOUNT,
            "free_percent": 0,
            "state_file": str(shop.folder / "rehearsals.json"),
            "program_folder": str(binaries()),
            "staging": str(staging),
            "live": live,
            **options,
        }
        return rehearse.run(parse_rehearsal(values), check_mode, lambda: shop.now)

    return run
