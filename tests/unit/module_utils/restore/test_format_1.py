# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A set of catalogue format 1 that was made once is restored by every later version."""

from __future__ import annotations

import shutil

import pytest

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.backup.test_format_1 import FROZEN
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.restore.conftest import Rehearse, RestoringShop, login_of


@pytest.fixture
def frozen(shop: RestoringShop) -> RestoringShop:
    """Return a host with a copy of the frozen catalogue, with the modes of a real one."""
    shutil.copytree(FROZEN, shop.root)
    for path in (shop.root, *shop.root.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    shop.later(hours=1)

    return shop


def test_its_database_is_put_in_place(frozen: RestoringShop, pg: Server) -> None:
    answer = frozen.restore(artefacts=["database"], postgresql=login_of(pg))
    try:
        assert statuses(answer)["restore:database"] == "ok", answer
        assert pg.query("shop", "SELECT count(*) FROM orders") == [(25,)]
    finally:
        pg.run("postgres", "DROP DATABASE IF EXISTS shop")


def test_all_of_it_passes_a_rehearsal(frozen: RestoringShop, rehearsed: Rehearse) -> None:
    answer = rehearsed()

    assert set(statuses(answer).values()) == {"ok"}, answer
    assert "25 rows in 2 tables as in the manifest" in message(answer, "rehearsal:database")
