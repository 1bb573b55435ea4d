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
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.model_update.run import run
from ansible.module_utils.upkeep.model_update.settings import parse
from ansible.module_utils.upkeep.model_verification import drift

from tests import evidence
from tests.unit.module_utils.model_update.conftest import Answer, Shop, shop
from tests.unit.profiles.limits import Entry, profile

__all__ = ["shop"]

(ENTRY,) = profile("racing")["system_updated_models"]
TRAINED: t.Final[list[Entry]] = profile("student_success")["system_updated_models"]
TRAININGS: t.Final = [
    (entry["name"], training["name"]) for entry in TRAINED for training in entry["trainings"]
]
#: Runs what stands behind the options where they say, as systemd-run does, without its limits.
SYSTEMD_RUN: t.Final = """#!/bin/sh
while [ "$1" != -- ]; do
    case "$1" in --property=WorkingDirectory=*) cd "${1#*=*=}" || exit 9 ;; esac
    shift
done
shift
exec "$@"
"""
#: Stands for each script of the profile: leaves both models and their figures, or reads them.
SCRIPT: t.Final = """
import json, pathlib, sys
script, folder = pathlib.Path(sys.argv[0]), pathlib.Path(sys.argv[1])
if script.stem == "k12_ultra_predictor":
    sys.exit(0 if "made by" in (folder / "binary_model.pkl").read_text() else 5)
folder.mkdir(parents=True, exist_ok=True)
for name in ("binary_model", "multi_model"):
    (folder / f"{name}.pkl").write_text(f"{name} made by {script.name}")
figures = {"binary_accuracy": 0.9, "multi_f1_score": 0.8, "feature_count": 3}
(folder / "model_metadata.json").write_text(json.dumps({**figures, "training_date": "2026-11-01"}))
"""


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


@pytest.fixture
def school(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Return a host with the models and the scripts that the profile of student_success names."""
    program = tmp_path / "systemd-run"
    program.write_text(SYSTEMD_RUN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for entry in TRAINED:
        file = shop.home / entry["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{entry['name']} that serves")
        for training in entry["trainings"]:
            for command in (training["command"], training["test"]):
                script = shop.home / command[1]
                script.parent.mkdir(parents=True, exist_ok=True)
                script.write_text(SCRIPT)
    (shop.home / "results" / "models" / "model_metadata.json").write_text("{}")

    return shop


def train(school: Shop, name: str, training: str) -> Answer:
    """Return what a training of the profile answers; only the folder and the user are others."""
    own = school.options()
    models = [
        {**entry, "root": own["root"], "user": own["user"], "versions": own["versions"]}
        for entry in TRAINED
    ]
    given = {"models": models, "name": name, "state": "trained", "training": training}

    return run(parse(given), check_mode=False)


def about(answer: Answer, aspect: str, requirement: str) -> list[Finding]:
    """Return the findings of an aspect as what they show of one of their requirements."""
    found = [one for one in answer["findings"] if one["check"].endswith(f".{aspect}")]
    assert all(requirement in one["requirements"] for one in found)

    return [{**one, "requirements": [requirement]} for one in found]


@pytest.mark.requirement("R-student_success-77", "R-student_success-78", "R-student_success-79")
@pytest.mark.parametrize(("name", "training"), TRAININGS)
def test_each_training_of_the_guide_makes_a_candidate(
    school: Shop, name: str, training: str
) -> None:
    entry = next(one for one in TRAINED if one["name"] == name)
    own = next(one for one in entry["trainings"] if one["name"] == training)
    script = own["command"][1]

    answer = train(school, name, training)

    assert answer["done"], answer["findings"]
    made = Path(answer["candidate"]["path"]).read_text()
    assert made == f"{name} made by {script.rpartition('/')[2]}"
    assert (school.home / entry["path"]).read_text() == f"{name} that serves"
    found = about(answer, "training", own["requirements"][0])
    evidence.add("student_success", found, "trained apart from what serves, kept as a candidate")


@pytest.mark.requirement("R-student_success-80")
@pytest.mark.parametrize(("name", "training"), TRAININGS)
def test_what_a_training_made_is_tested(school: Shop, name: str, training: str) -> None:
    answer = train(school, name, training)

    found = about(answer, "test", "R-student_success-80")
    assert [one["status"] for one in found] == ["ok"]
    assert "src/models/k12_ultra_predictor.py" in found[0]["message"]
    evidence.add("student_success", found, "tested by the guide's command before anybody has it")


@pytest.mark.requirement("R-student_success-80")
def test_a_candidate_that_its_test_refuses_is_not_handed_over(school: Shop) -> None:
    for script in (school.home / "src" / "models").glob("train_*"):
        script.write_text(SCRIPT.replace("made by", "spoiled by"))

    answer = train(school, "binary_model", "k12")

    assert not answer["done"]
    assert answer["candidate"] == {}
    assert "the test ended with 5" in answer["findings"][-1]["message"]


@pytest.mark.requirement("R-student_success-81")
def test_both_models_and_their_metadata_are_copied_before_a_training(school: Shop) -> None:
    train(school, "multi_model", "original")
    answer = train(school, "binary_model", "k12")

    found = about(answer, "copy", "R-student_success-81")
    assert [one["check"] for one in found] == ["model:binary_model.copy", "model:multi_model.copy"]
    for one in found:
        folder = Path(one["observed"]).parent
        assert (folder / "model").read_text().endswith("that serves")
        assert len(list(folder.parent.iterdir())) == 2, "two on one day"
    assert Path(found[0]["observed"]).with_name("metadata").read_text() == "{}"
    evidence.add("student_success", found, "model and metadata under time and checksum")


def test_models_of_the_school_are_those_that_are_verified() -> None:
    models = parse({"models": TRAINED}).models
    verified = profile("student_success")["system_models"]

    assert [(one.name, one.path) for one in models] == [
        (one["name"], f"{one['root']}/{one['path']}") for one in verified
    ]
    assert {one.server.unit for one in models} == {"student-success-api.service"}
    assert {one.server.window.seconds for one in models} == {900}
