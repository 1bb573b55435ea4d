# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The suites of the shipped profiles: all pass, one fails, and every number at its boundary.

How a suite ended is replaced; its paths are there.
"""

from __future__ import annotations

import typing as t
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.app_tests import databases
from ansible.module_utils.upkeep.app_tests import run as app_tests
from ansible.module_utils.upkeep.app_tests.junit import JunitReport, MeasuredFigure
from ansible.module_utils.upkeep.app_tests.supervisor import SuiteJob, SuiteOutcome
from ansible.module_utils.upkeep.findings import Finding

from tests import evidence
from tests.unit.library.app_projects import USER
from tests.unit.profiles.limits import Entry, numbers, profile
from tools import PROJECT, profiles

Patch = pytest.MonkeyPatch
SUITES: t.Final = [
    pytest.param(system, entry, id=f"{system}-{entry['name']}")
    for system in profiles.systems(PROJECT)
    for entry in profile(system).get("system_test_suites", [])
]
USUAL: t.Final = 10.0
#: Where the baseline of a figure comes from.
APPROVED: t.Final = {"unit": "ms", "value": USUAL, "approved_by": "A. Reviewer"}


def judged(
    patch: Patch, folder: Path, system: str, entry: Entry, outcome: SuiteOutcome
) -> dict[str, Finding]:
    """Return the findings of the module's run when a suite ends like this."""
    for path in entry["paths"]:
        (folder / path).mkdir(parents=True, exist_ok=True)

    setup = {**profile(system).get("system_test_setup", {}), "user": USER, "folder": str(folder)}
    asked = {key: value for key, value in entry.items() if key not in ("on_demand", "component")}
    today = datetime.now(UTC).date().isoformat()
    names = [figure["name"] for figure in entry.get("figures", [])]
    patch.setattr(databases, "environment_of", lambda *_: {})
    patch.setattr(app_tests, "run_suite", lambda _job: outcome)
    values = {
        "suites": [asked],
        "setup": setup,
        "baseline": {name: {**APPROVED, "date": today} for name in names},
    }

    return {one["check"]: one for one in app_tests.run(values)["findings"]}


def ended(failed: int = 0, coverage: float = 100.0, figure: float = USUAL, *names: str) -> t.Any:
    """Return how a suite of nine tests ended."""
    figures = {name: MeasuredFigure(figure, "ms") for name in names}
    wrong = [f"test_{number}" for number in range(failed)]
    report = JunitReport(tests=9, failed=failed, names=wrong, figures=figures)

    return SuiteOutcome("itself", code=int(failed > 0), report=report, coverage=coverage)


@pytest.mark.parametrize(("system", "entry"), SUITES)
def test_a_suite_that_passes_is_fine_and_one_that_fails_is_critical(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    name = f"tests:{entry['name']}"
    well, ill = (
        judged(monkeypatch, tmp_path, system, entry, ended(failed))[name] for failed in (0, 1)
    )

    assert well["status"] == "ok"
    assert ill["status"] == "critical"

    evidence.add(system, [well], "all pass")
    evidence.add(system, [ill], "one fails")


def test_the_release_tests_of_a_profile_are_suites_of_it() -> None:
    unknown = []
    for system in profiles.systems(PROJECT):
        known = {suite["name"] for suite in profile(system).get("system_test_suites", [])}
        for names in profile(system).get("system_release_tests", {}).values():
            unknown += [f"{system}: {name}" for name in names if name not in known]

    assert unknown == []
    assert profile("racing")["system_release_tests"] == {"gate": ["predictor"]}


@pytest.mark.parametrize(
    ("system", "entry"),
    [one for one in SUITES if "coverage" in one.values[1]],  # type: ignore[operator]
)
def test_coverage_at_its_limit(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    limit, name = entry["coverage"]["minimum"], f"tests:{entry['name']}.coverage"
    inside, outside = (
        judged(monkeypatch, tmp_path, system, entry, ended(coverage=share))[name]
        for share in (limit, limit - 0.1)
    )

    assert inside["status"] == "ok"
    assert outside["status"] == "warning"

    evidence.add(system, [outside], f"coverage/minimum {limit:g}")


FIGURES: t.Final = [
    pytest.param(system, entry, figure, key, id=f"{system}-{figure['name']}-{key}")
    for system, entry in (one.values for one in SUITES)
    for figure in t.cast(Entry, entry).get("figures", [])
    for key, _ in numbers(figure)
]


@pytest.mark.parametrize(("system", "entry", "figure", "key"), FIGURES)
def test_a_figure_at_its_limit(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry, figure: Entry, key: str
) -> None:
    limit, name = USUAL * (1 + figure[key] / 100), figure["name"]
    names = [one["name"] for one in entry["figures"]]

    def status(value: float) -> Finding:
        outcome = ended(0, 100.0, value, *names)
        return judged(monkeypatch, tmp_path, system, entry, outcome)[f"performance:{name}"]

    level = key.removesuffix("_percent")
    inside, outside = status(limit), status(limit + 0.001)

    assert inside["status"] in ("ok", "warning")
    assert inside["status"] != level
    assert outside["status"] == level

    evidence.add(system, [outside], f"{name}/{key} {figure[key]:g}")


@pytest.mark.parametrize(
    ("system", "entry"),
    [one for one in SUITES if "seconds" in one.values[1]],  # type: ignore[operator]
)
def test_a_suite_has_its_seconds(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    jobs: list[SuiteJob] = []
    judged(monkeypatch, tmp_path, system, entry, ended())
    monkeypatch.setattr(app_tests, "run_suite", lambda job: jobs.append(job) or ended())
    setup = profile(system).get("system_test_setup", {})
    setup = {**setup, "user": USER, "folder": str(tmp_path), "seconds": 3600}
    app_tests.run(
        {"suites": [{k: v for k, v in entry.items() if k != "component"}], "setup": setup}
    )

    assert [job.seconds for job in jobs] == [entry["seconds"]]


def test_every_number_of_a_suite_is_reached_here() -> None:
    paths = {path for one in SUITES for path, _ in numbers(t.cast(Entry, one.values[1]))}

    assert paths == {"coverage/minimum", "seconds"}
