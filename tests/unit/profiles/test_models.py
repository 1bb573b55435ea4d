# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The models of the shipped profiles: approved, swapped, drifted, in use.

Files are real, in a folder that stands for the system's own; R2 of the predictions is replaced.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.model_verification import drift
from ansible.module_utils.upkeep.model_verification.run import run
from ansible.module_utils.upkeep.model_verification.settings import parse

from tests import evidence
from tests.unit.profiles.limits import Entry, numbers, profile
from tools import PROJECT, profiles

Findings = dict[str, Finding]
SYSTEMS: t.Final = [
    name for name in profiles.systems(PROJECT) if profile(name).get("system_models")
]
METADATA: t.Final = {
    "r2": 0.95,
    "binary_accuracy": 0.89,
    "multi_f1_score": 0.8,
    "training_date": "2026-11-01",
    "feature_count": 31,
}
#: What the application writes about the predictor that it uses.
IN_USE: t.Final = "2026-11-27T09:00:00Z INFO app: Using SimplePostRacePredictor\n"


class Host:
    """The files of a system's models below a folder, and the record of the approved ones."""

    def __init__(self, system: str, folder: Path) -> None:
        self.folder = folder
        self.models = [self._here(entry) for entry in profile(system)["system_models"]]
        self.folders = [
            {**entry, "path": f"{folder}{entry['path']}"}
            for entry in profile(system).get("system_model_folders", [])
        ]
        for entry in self.models:
            self.file(entry).parent.mkdir(parents=True, exist_ok=True)
            self.file(entry).write_text(f"the approved {entry['name']}")
            if "metadata" in entry:
                self.describe(entry)

        self.manifest = self._run(state="recorded", approved_by="A. Reviewer")["record"]

    def _here(self, entry: Entry) -> Entry:
        here = {**entry, "root": f"{self.folder}{entry['root']}"}
        if "in_use" in entry:
            log = f"{self.folder}{entry['in_use']['log']}"
            here["in_use"] = {**entry["in_use"], "log": log}

        return here

    def file(self, entry: Entry) -> Path:
        """Return the file of a model."""
        return Path(entry["root"]) / entry["path"]

    def describe(self, entry: Entry, **changes: t.Any) -> None:
        """Write the metadata beside a model."""
        content = json.dumps({**METADATA, **changes})
        (self.file(entry).parent / entry["metadata"]["path"]).write_text(content)

    def write_log(self, text: str) -> None:
        """Write the logs that name what is in use."""
        for entry in self.models:
            if "in_use" in entry:
                Path(entry["in_use"]["log"]).write_text(text)

    def _run(self, **options: t.Any) -> dict[str, t.Any]:
        return run(parse({"models": self.models, "folders": self.folders, **options}))

    def findings(self) -> Findings:
        """Return the findings of the module's run, by check as production has them."""
        answer = self._run(manifest=self.manifest)

        return {one["check"].replace(str(self.folder), ""): one for one in answer["findings"]}


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a system with models, whose predictions are perfect."""
    predict(monkeypatch, 1.0)

    return str(request.param)


def predict(patch: pytest.MonkeyPatch, r2: float) -> None:
    """Let the approved models predict so well."""
    patch.setattr(drift, "read_reference", lambda *_: ("", [0.0] * 20))
    patch.setattr(drift, "predictions", lambda *_: [0.0] * 20)
    patch.setattr(drift, "r_squared", lambda *_: r2)


def keep(system: str, found: Findings, figure: str, *status: str) -> None:
    """Keep what was seen in one of these states, by the checks' names in production."""
    seen = [{**one, "check": check} for check, one in found.items() if one["status"] in status]
    evidence.add(system, seen, figure)


def test_approved_models_are_fine(system: str, tmp_path: Path) -> None:
    host = Host(system, tmp_path)
    host.write_log(IN_USE)
    found = host.findings()

    assert {one["status"] for one in found.values()} == {"ok"}, found

    keep(system, found, "as approved", "ok")


def test_a_model_that_was_swapped_is_critical(system: str, tmp_path: Path) -> None:
    host = Host(system, tmp_path)
    for entry in host.models:
        host.file(entry).write_text("another one")

    found = host.findings()
    names = {f"model:{entry['name']}" for entry in host.models}

    assert {found[name]["status"] for name in names} == {"critical"}

    keep(system, {name: found[name] for name in names}, "not as approved", "critical")


def test_another_predictor_in_use_is_critical(tmp_path: Path) -> None:
    host = Host("racing", tmp_path)
    host.write_log(IN_USE.replace("Simple", "Other"))
    found = host.findings()

    assert found["model:post_race_predictor.in_use"]["status"] == "critical"

    keep("racing", found, "another in use", "critical")


def test_a_folder_without_models_is_a_warning(tmp_path: Path) -> None:
    host = Host("student_success", tmp_path)
    for entry in host.models:
        host.file(entry).unlink()

    found = host.findings()
    [name] = [check for check in found if check.startswith("models:")]

    assert name == "models:/opt/student_success/results/models"
    assert found[name]["status"] == "warning"

    keep("student_success", {name: found[name]}, "no model", "warning")


@pytest.mark.requirement("R-student_success-35")
def test_the_figures_of_the_training_are_told(tmp_path: Path) -> None:
    found = Host("student_success", tmp_path).findings()["model:binary_model.metadata"]
    told = f"{found['observed']} {found['message']}"

    assert all(str(METADATA[key]) in told for key in METADATA if key != "r2"), told


def test_every_number_is_a_limit_that_is_reached_here() -> None:
    paths = {
        (system, path)
        for system in SYSTEMS
        for entry in profile(system)["system_models"]
        for path, _ in numbers(entry)
    }

    assert paths == {("racing", "limits/r2"), ("racing", "drift/r2")}


@pytest.mark.parametrize("aspect", ["limits", "drift"])
def test_a_model_at_its_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aspect: str) -> None:
    host = Host("racing", tmp_path)
    entry = next(one for one in host.models if aspect in one)
    limit = entry[aspect]["r2"]

    def judged(r2: float) -> Finding:
        host.describe(entry, r2=r2)
        predict(monkeypatch, r2)

        return host.findings()[f"model:{entry['name']}.{aspect}"]

    inside, outside = judged(limit), judged(limit - 0.0001)

    assert inside["status"] == "ok", inside
    assert outside["status"] == "warning", outside
    assert outside["limits"]["warning"] == 0.94

    evidence.add("racing", [outside], f"{aspect}/r2 {limit:g}")
