# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sets of a small host, and the restores of what they hold."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.restore import run as runs
from ansible.module_utils.upkeep.restore.settings import parse

from tests.unit.module_utils.backup.conftest import Shop, stand_in
from tests.unit.module_utils.data_quality.conftest import make_reader
from tests.unit.module_utils.postgresql.server import Server, binaries, server

__all__ = ["stand_in"]


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
