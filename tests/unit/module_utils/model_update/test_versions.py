# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kept models: complete or not there, never overwritten, and never the last of them deleted."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from ansible.module_utils.upkeep.model_update import copies

from tests.unit.module_utils.model_update.conftest import Shop

NOW = dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC)


def keep(shop: Shop, slope: float, now: dt.datetime = NOW) -> str:
    """Let a model serve, keep it, and return its id."""
    shop.model.write_text(json.dumps({"version": "x", "slope": slope}))
    versions = shop.versions()

    return versions.keep(copies.mark_of(versions.model), now=now).id


def test_repeats_on_the_same_second_overwrite_nothing(shop: Shop) -> None:
    names = [keep(shop, slope) for slope in (1, 2, 3)]

    assert len(set(names)) == 3
    slopes = [
        json.loads(Path(shop.versions().files(one).path).read_text())["slope"]
        for one in shop.versions().all()
    ]
    assert sorted(slopes) == [1, 2, 3]


def test_what_is_kept_already_is_not_kept_again(shop: Shop) -> None:
    assert keep(shop, 1) == keep(shop, 1, NOW + dt.timedelta(days=1))
    assert len(shop.versions().all()) == 1


def test_a_damaged_copy_does_not_stand_for_what_serves(shop: Shop) -> None:
    first = keep(shop, 1)
    Path(shop.versions().path, first, "model").write_text("damaged")

    second = keep(shop, 1)

    assert second != first
    shop.versions().require_intact(shop.versions().all()[-1])


def test_a_version_without_its_facts_does_not_count(shop: Shop) -> None:
    name = keep(shop, 1)
    Path(shop.versions().path, name, "version.json").unlink()

    assert shop.versions().all() == []


def test_the_oldest_go_and_the_spared_stay(shop: Shop) -> None:
    names = [keep(shop, slope, NOW + dt.timedelta(hours=slope)) for slope in range(5)]

    gone = shop.versions().prune(2, [names[0]])

    assert gone == names[1:4]
    assert [one.id for one in shop.versions().all()] == [names[0], names[4]]


def test_only_root_can_read_what_is_kept(shop: Shop) -> None:
    name = keep(shop, 1)
    place = Path(shop.versions().path)

    modes = {path.stat().st_mode & 0o777 for path in (place, place / name, place / name / "model")}

    assert modes <= {0o700, 0o600}
