# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is given to model_update is checked before anything is done."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.upkeep.model_update.settings import UpdateOptionError, parse

SHA: t.Final = "a" * 64
MODEL: t.Final[dict[str, t.Any]] = {
    "name": "risk",
    "root": "/srv/shop",
    "path": "models/risk.pkl",
    "user": "shop",
    "server": {
        "unit": "shop-api.service",
        "listen": ["127.0.0.1:8000"],
        "probes": [{"name": "health", "path": "/health", "equals": {".sha": "{sha256}"}}],
    },
}
TRAINING: t.Final = {"name": "fast", "command": ["x"], "output": "new/risk.pkl"}
LIVE: t.Final = {"state": "live", "candidate": "/x", "sha256": SHA, "approved_by": "A. Reviewer"}


def test_paths_are_below_the_root() -> None:
    model = parse({"models": [{**MODEL, "root": "/srv/shop/"}]}).model

    assert model.path == "/srv/shop/models/risk.pkl"
    assert model.folder == "/srv/shop/models"
    assert model.kept == "/var/lib/upkeep/models/risk"


def test_a_probe_expects_the_checksum_of_what_must_serve() -> None:
    probes = MODEL["server"]["probes"]
    model = parse({"models": [{**MODEL, "server": {**MODEL["server"], "probes": [*probes]}}]}).model

    (probe,) = model.server_with(SHA).probes

    assert probe.equals == {".sha": SHA}
    assert probe.same_as_before == ()


@pytest.mark.parametrize(
    ("model", "more", "problem"),
    [
        ({"path": "../etc/passwd"}, {}, ".path is '../etc/passwd'"),
        ({"path": "models/../../x"}, {}, "it must not have '..'"),
        ({"root": "/srv/a b"}, {}, ".root"),
        ({"root": "/srv/%n"}, {}, ".root"),
        ({"path": "m;reboot.pkl"}, {}, ".path"),
        ({"user": "root"}, {}, ".user is 'root'"),
        ({"name": "../x"}, {}, ".name"),
        ({"workers": ["shop-*.service"]}, {}, "'shop-*.service' is not the name"),
        ({"server": {"unit": "x.service", "listen": ["1:2"]}}, {}, "probes is empty"),
        ({"metadata": {"name": "../f.json"}}, {}, ".metadata.name"),
        ({"metadata": {"name": "f.json"}}, LIVE, "candidate_metadata is missing"),
        ({"trainings": [{**TRAINING, "output": "models/risk.pkl"}]}, {}, "is the file that"),
        ({"trainings": [{**TRAINING, "output": "../risk.pkl"}]}, {}, "output"),
        ({"trainings": [{**TRAINING, "output": "new/../x"}]}, {}, "it must not have '..'"),
        ({"trainings": [TRAINING, TRAINING]}, {}, "duplicate name 'fast'"),
        (
            {"metadata": {"name": "f.json"}, "trainings": [{**TRAINING, "output": "models/new"}]},
            {},
            "beside the metadata that serve",
        ),
        (
            {"trainings": [TRAINING]},
            {"state": "trained", "training": "x"},
            "training is 'x'; those of 'risk' are: fast",
        ),
        (
            {"trainings": [TRAINING, {**TRAINING, "name": "slow"}]},
            {"state": "trained"},
            "training is ''; those of 'risk' are: fast, slow",
        ),
        ({"keep": 0}, {}, ".keep is 0"),
        ({}, {**LIVE, "sha256": ""}, "sha256 is empty"),
        ({}, {**LIVE, "sha256": "A" * 64}, "sha256"),
        ({}, {**LIVE, "approved_by": " "}, "approved_by is empty"),
        ({}, {"state": "trained"}, "trainings is empty"),
        ({}, {**LIVE, "upload": "/x"}, "upload is set; only the action"),
        ({}, {"state": "back", "version": "../x"}, "version"),
        ({}, {**LIVE, "max_seconds": 900}, "raise model_update_max_seconds to at least"),
    ],
)
def test_what_cannot_work_is_named(
    model: dict[str, t.Any], more: dict[str, t.Any], problem: str
) -> None:
    with pytest.raises(UpdateOptionError) as error:
        parse({"models": [{**MODEL, **model}], **more})

    assert problem in str(error.value)


def test_one_of_several_models_is_named() -> None:
    models = [MODEL, {**MODEL, "name": "stock"}]

    assert parse({"models": models, "name": "stock", "state": "back"}).model.name == "stock"
    assert len(parse({"models": models}).models) == 2
    for name in ("", "other"):
        with pytest.raises(UpdateOptionError, match="the models of this host are: risk, stock"):
            parse({"models": models, "name": name, "state": "back"})


def test_the_only_training_need_not_be_named() -> None:
    model = {**MODEL, "trainings": [TRAINING]}

    assert parse({"models": [model], "state": "trained"}).training.name == "fast"

    model["trainings"] = [TRAINING, {**TRAINING, "name": "slow"}]
    given = {"models": [model], "state": "trained", "training": "slow"}

    assert parse(given).training.output == "/srv/shop/new/risk.pkl"


def test_two_models_of_one_name_are_refused() -> None:
    with pytest.raises(UpdateOptionError, match="duplicate name 'risk'"):
        parse({"models": [MODEL, MODEL]})
