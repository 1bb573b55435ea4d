# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shipped profiles against the figures of the maintenance guides."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tools import PROJECT, evidence, figure_files, guide_figures, profile_errors, profiles, trace

SYSTEMS = guide_figures.systems(PROJECT)
ROWS = {row.id: row for row in trace.read_requirements(PROJECT / "docs" / "requirements.csv")}
#: How the guides call a cadence -> ours; cadences of people ("on demand") are not in it.
CADENCES = {**{cadence: cadence for cadence in guide_figures.CADENCES}, "15 min": "quarter_hourly"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_shipped_profile_has_the_figures_of_its_guide(system: str) -> None:
    assert guide_figures.differences(PROJECT, system) == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_requirement_runs_in_the_cadence_of_its_guide(system: str) -> None:
    late = []
    for requirement, row in guide_figures.expected(PROJECT, system)["requirements"].items():
        cadence = CADENCES.get(ROWS[requirement].cadence.rstrip("*"))
        runs = {run for entry in row["entries"] for run in entry["runs"]}
        if cadence and cadence not in runs:
            late.append(f"{requirement}: {cadence}, runs {sorted(runs)}")

    assert late == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_entry_runs_in_some_cadence_or_by_name(system: str) -> None:
    shipped = profiles.load(PROJECT, system)
    never = [
        entry.at
        for entry in guide_figures.entries(shipped)
        if not entry.runs
        and not entry.at.startswith(("test_suites/", "restore", "rollback", "updated_models/"))
    ]

    assert never == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_deviation_says_what_is_done_instead_and_why(system: str) -> None:
    wrong = [
        requirement
        for requirement, row in guide_figures.expected(PROJECT, system)["requirements"].items()
        if "deviation" in row and set(row["deviation"]) != {"ours", "why"}
    ]

    assert wrong == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_requirement_has_the_words_of_its_guide(system: str) -> None:
    rows = guide_figures.expected(PROJECT, system)["requirements"]
    unknown = [
        item
        for item, row in rows.items()
        if row["guide"] == figure_files.UNKNOWN or "lines" not in row
    ]

    assert unknown == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_files_have_the_form_that_the_tool_writes(system: str) -> None:
    path = PROJECT / guide_figures.FOLDER / f"{system}.yml"

    assert path.read_text(encoding="utf-8") == figure_files.render(PROJECT, system)


def test_a_sample_of_single_errors_in_the_profiles_is_found() -> None:
    assert profile_errors.main([]) == 0


def changed(path: list[Any], value: Any) -> list[str]:
    profile = copy.deepcopy(profiles.load(PROJECT, "racing"))
    place: Any = profile
    for part in path[:-1]:
        place = place[part]

    place[path[-1]] = value

    return guide_figures.differences(PROJECT, "racing", profile)


def test_a_difference_names_requirement_entry_and_both_values() -> None:
    found = changed(["system_log_reviews", 0, "reviews", 0, "window"], "48h")

    assert any(
        "R-racing-07: log_reviews/dashboard/errors: window is '48h'" in line for line in found
    )


def test_a_job_that_is_left_out_is_a_difference() -> None:
    assert any("weekly" in line for line in changed(["system_jobs", "weekly"], []))


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_list_that_delivers_a_requirement_has_its_figures(system: str) -> None:
    used = evidence.variables_in_use(PROJECT)
    shipped = profiles.load(PROJECT, system)
    without = [
        variable
        for variable, value in shipped.items()
        if variable in used and variable not in guide_figures.JOBS and "R-" in str(value)
    ]

    assert without == [], "name the job that reads them in JOBS of tools/guide_figures.py"
