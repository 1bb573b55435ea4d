# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Updates of models as the shipped profiles have them, with the limit of the guide.

A small application stands for the system's, with a model, a reference and a socket of its own;
limits, what is kept and the ids are the profile's.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.model_update.settings import parse
from ansible.module_utils.upkeep.model_verification import drift

from tests import evidence
from tests.unit.module_utils.model_update.conftest import Answer, Shop, shop
from tests.unit.profiles.limits import Entry, profile

__all__ = ["shop"]

(ENTRY,) = profile("racing")["system_updated_models"]


def update(shop: Shop, new: str) -> Answer:
    """Return what an update with the profile's limits answers."""
    own = shop.options()["evaluation"]
    limits = {key: ENTRY["evaluation"][key] for key in ("r2", "requirements")}
    entry = {"evaluation": {**own, **limits}, "requirements": ENTRY["requirements"]}

    return shop.call("live", shop.make(new), **entry)


def keep(answer: Answer, figure: str, *aspects: str) -> None:
    """Keep what was seen, under the name that production has for the model."""
    name = f"model:{ENTRY['name']}"
    found = [
        {**one, "check": one["check"].replace("model:slope", name)}
        for one in answer["findings"]
        if one["check"].partition(".")[2] in aspects
    ]
    evidence.add("racing", found, figure)


@pytest.mark.requirement("R-racing-44", "R-racing-45")
@pytest.mark.parametrize(("r2", "is_accepted"), [(0.95, True), (0.9499, False)])
def test_a_candidate_is_accepted_from_the_limit_of_the_guide(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, r2: float, is_accepted: bool
) -> None:
    before = shop.answer()
    monkeypatch.setattr(drift, "r_squared", lambda *_: r2)

    answer = update(shop, "new")

    assert answer["done"] is is_accepted, answer["findings"]
    assert shop.answer() == ("new" if is_accepted else before)
    keep(answer, "an R2 of at least 0.95", "evaluation")


@pytest.mark.requirement("R-racing-46", "R-racing-47", "R-racing-48")
def test_the_old_model_is_kept_and_the_new_one_is_loaded(shop: Shop) -> None:
    first = shop.model.read_text()
    update(shop, "second")
    answer = update(shop, "third")

    versions = shop.versions()
    kept = [Path(versions.files(one).path).read_text() for one in versions.all()]
    assert len(kept) == 2, "two updates on one day keep two models"
    assert first in kept
    assert shop.answer() == "third", "it was restarted"
    keep(answer, "kept, renamed, restarted, confirmed", "update")


def test_the_entry_is_that_of_the_system() -> None:
    (model,) = parse({"models": [ENTRY]}).models

    assert model.path == "/srv/racing_analytics/data/models/lightgbm_baseline.pkl"
    assert model.server.unit == "racing-dashboard.service"
    assert model.server.window.seconds == 900
    assert t.cast(Entry, profile("racing"))["system_models"][0]["path"] == ENTRY["path"]
