# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A set of catalogue format 1 that was made once is restored by every later version."""

from __future__ import annotations

import subprocess

import pytest
from ansible.module_utils.upkeep.base.deadline import Deadline
from ansible.module_utils.upkeep.restore.sealed import unsealed

from tests.unit.module_utils.backup.conftest import message, statuses
from tests.unit.module_utils.backup.test_format_1 import (
    FROZEN,
    FROZEN_LATER,
    IDENTITY,
    copy_frozen,
)
from tests.unit.module_utils.postgresql.server import Server
from tests.unit.module_utils.restore.conftest import Rehearse, RestoringShop, login_of


@pytest.fixture
def frozen(shop: RestoringShop) -> RestoringShop:
    """Return a host with a copy of the frozen catalogue."""
    copy_frozen(FROZEN, shop.root)
    shop.later(hours=1)

    return shop


@pytest.fixture
def frozen_later(shop: RestoringShop) -> RestoringShop:
    """Return a host with a copy of the one that has the later kinds."""
    copy_frozen(FROZEN_LATER, shop.root)
    shop.later(days=1, hours=1)

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


def test_its_later_kinds_are_put_in_place_and_compared(
    frozen_later: RestoringShop, pg: Server, rehearsed: Rehearse
) -> None:
    rehearsal = rehearsed()
    answer = frozen_later.restore(artefacts=["database"], postgresql=login_of(pg))
    try:
        found = pg.query("shop2", "SELECT count(*), current_setting('work_mem') FROM orders")
    finally:
        pg.run("postgres", "DROP DATABASE IF EXISTS shop2")

    assert set(statuses(rehearsal).values()) == {"ok"}, rehearsal
    assert "7 keys in 1 databases" in message(rehearsal, "rehearsal:redis")
    assert statuses(answer)["restore:database"] == "ok"
    assert found == [(25, "8MB")]


def test_what_it_has_encrypted_is_opened_with_its_key(frozen_later: RestoringShop) -> None:
    with frozen_later.catalogue() as catalogue:
        [one] = catalogue.sets()
        assert one.manifest
        artefact = one.manifest.artefact("secrets")
        assert artefact
        plain = unsealed(
            artefact,
            lambda file: catalogue.open_file(one.name, file),
            IDENTITY.read_text(),
            Deadline(60),
        )
        with plain.open_file(plain.artefact.files[0]) as stream:
            archive = stream.read()
    argv = ["tar", "--zstd", "-xOf", "-"]
    done = subprocess.run(argv, input=archive, capture_output=True, check=True)

    assert done.stdout == b"PASSWORD=of this test\n"
