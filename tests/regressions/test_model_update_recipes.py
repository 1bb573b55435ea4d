# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Models replaced by hand, as the guides have it, and by this project: what serves afterwards.

The recipe copies the model to a name with the day, uploads the new one under its production name,
kills what serves and starts it again.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.module_utils.model_update import conftest
from tests.unit.module_utils.model_update.conftest import Shop, message

shop = conftest.shop


@pytest.fixture
def backup(shop: Shop) -> Iterator[Path]:
    """Return the copy that the recipe makes, by its own command."""
    yield shop.model.with_name("app.json.backup.20261127")


def by_hand(shop: Shop, backup: Path, new: Path) -> None:
    """Do what the guide says, up to the upload."""
    subprocess.run(["cp", shop.model, backup], check=True)
    shutil.copyfile(new, shop.model)


@pytest.mark.requirement("R-racing-46")
def test_a_second_try_on_the_same_day_loses_the_good_model(shop: Shop, backup: Path) -> None:
    good = shop.model.read_text()
    first = Path(shop.make("bad", 7.0)["candidate"])
    by_hand(shop, backup, first)
    by_hand(shop, backup, first)

    assert backup.read_text() != good

    shop.model.write_text(good)
    for version in ("one", "two", "three"):
        assert shop.call("live", shop.make(version))["done"]
    kept = [Path(shop.versions().files(each).path).read_text() for each in shop.versions().all()]

    assert good in kept
    assert len(kept) == 3


@pytest.mark.requirement("R-racing-47")
def test_an_upload_that_is_cut_short_serves_at_the_next_restart(shop: Shop, backup: Path) -> None:
    good = shop.model.read_text()
    assert shop.answer() == "old", "it has read its model before that is cut short"
    given = shop.make("new")
    new = Path(given["candidate"])
    whole = new.read_text()
    new.write_text(whole[: len(whole) // 2])
    by_hand(shop, backup, new)

    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(shop.model.read_text())

    shop.model.write_text(good)
    answer = shop.call("live", given)

    assert "was cut short or changed on the way" in message(answer)
    assert shop.model.read_text() == good
    assert shop.answer() == "old"


@pytest.mark.requirement("R-racing-45", "R-racing-48")
def test_a_model_that_is_worse_serves_without_a_word(shop: Shop, backup: Path) -> None:
    good = shop.model.read_text()
    given = shop.make("worse", 5.0)
    by_hand(shop, backup, Path(given["candidate"]))
    shop.systemd.restart(conftest.UNIT)

    assert shop.answer() == "worse"

    shop.model.write_text(good)
    shop.systemd.restart(conftest.UNIT)
    answer = shop.call("live", given)

    assert "at least 0.95 is accepted" in message(answer)
    assert shop.answer() == "old"
