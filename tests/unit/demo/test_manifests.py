# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The demo's trusted records: made from the image's files, kept as long as their hosts."""

from __future__ import annotations

import hashlib
import json
import typing as t
from pathlib import Path

import pytest
import yaml

from demo import fleet, manifests
from demo.errors import DemoError

ROOT: t.Final = "/srv/racing_analytics"


@pytest.fixture
def carriers(tmp_path: Path) -> fleet.Fleet:
    return fleet.select(fleet.load(), "mol-x", ["racing-1", "fairedge-1"], tmp_path)


def fill(copy: Path) -> None:
    """Make every file that the racing profile names."""
    for model in manifests.profile("racing"):
        path = copy / model["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(model["name"])

    facts = {"r2": 0.96, "training_date": "2026-01-31T12:00:00+00:00"}
    (copy / "data/models/model_metadata.json").write_text(json.dumps(facts))


@pytest.mark.parametrize("system", ["racing", "student_success"])
def test_every_model_of_the_profiles_lies_under_its_home(system: str) -> None:
    homes = {host.system: host.settings["home"] for host in fleet.load().hosts.values()}
    assert {model["root"] for model in manifests.profile(system)} == {homes[system]}


def test_records_are_those_of_the_copy(tmp_path: Path) -> None:
    fill(tmp_path)
    records = manifests.record(manifests.profile("racing"), ROOT, tmp_path)

    assert set(records) == {"lightgbm_baseline", "post_race_predictor"}

    record = records["lightgbm_baseline"]

    assert record["sha256"] == hashlib.sha256(b"lightgbm_baseline").hexdigest()
    assert (record["bytes"], record["metrics"], record["approved_by"]) == (
        17,
        {"r2": 0.96},
        "the demo image",
    )


def test_a_model_that_the_image_lacks_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "data/models/lightgbm_baseline.pkl").unlink()
    with pytest.raises(DemoError, match="lightgbm_baseline"):
        manifests.record(manifests.profile("racing"), ROOT, tmp_path)


def test_a_model_elsewhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="'m' must have the root /srv"):
        manifests.record([{"name": "m", "path": "/etc/m"}], "/srv", tmp_path)


def test_a_manifest_is_made_for_new_hosts_only(
    carriers: fleet.Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "_copy", lambda image, host, home: fill(home))

    assert manifests.ensure(carriers, "image", ["racing-1", "fairedge-1"]) == ["racing"]

    path = manifests.path(carriers, "racing")
    made = path.read_text()
    changed = made.replace("serial: 1", "serial: 2")
    path.write_text(changed)

    assert manifests.ensure(carriers, "image", []) == [], "what somebody approved since stays"
    assert path.read_text() == changed

    path.unlink()

    assert manifests.ensure(carriers, "image", []) == ["racing"]
    assert path.read_text() == made
    assert set(yaml.safe_load(made)["models"]) == {"lightgbm_baseline", "post_race_predictor"}
