# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a run is that makes a set, as another process sees it."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.backup import making

from tests.unit.module_utils.backup.conftest import Shop


def progress(shop: Shop) -> str:
    """Return what the module says."""
    entries = [shop.files_artefact(), shop.sqlite_artefact()]
    answer = shop.backup(state="progress", artefacts=entries)

    assert not answer["changed"]
    assert answer["findings"] == []

    return str(answer["progress"])


def test_there_is_none_where_nothing_is_made(shop: Shop) -> None:
    assert progress(shop) == ""
    assert not shop.root.exists()

    shop.backup()

    assert progress(shop) == ""


def test_the_artefact_that_is_being_made_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = making.hash_of

    def looking(*arguments: t.Any) -> t.Any:
        seen.append(progress(shop))
        return real(*arguments)

    monkeypatch.setattr(making, "hash_of", looking)

    shop.backup(artefacts=[shop.files_artefact(), shop.sqlite_artefact()])

    assert seen == [
        "files, 1 of 2, has 0 MiB, the set 0 MiB",
        "orders, 2 of 2, has 0 MiB, the set 0 MiB",
    ]


def test_what_is_not_of_the_run_is_no_progress(shop: Shop) -> None:
    shop.backup()
    for name in (".making-20260101T000000Z", ".making-odd", "somebody_else"):
        (shop.root / name).mkdir(mode=0o700)
    (shop.root / ".making-20260101T000000Z" / "odd").write_text("x")

    assert progress(shop) == ""
