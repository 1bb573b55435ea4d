# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of a profile are checked by the packages that get them, in words of the profile."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tools import profiles
from upkeep import PROJECT
from upkeep.profile import schema as profile


def problems(variable: str, changes: dict[str, Any]) -> list[str]:
    """Return what is wrong when the first entry of a list has these keys."""
    owners = [
        figures
        for system in profiles.systems(PROJECT)
        if (figures := profiles.load(PROJECT, system)).get(variable)
    ]
    figures = copy.deepcopy(owners[0])
    figures[variable][0].update(changes)

    return profile.problems(figures)


@pytest.mark.parametrize(
    ("variable", "changes", "sentences"),
    [
        ("system_databases", {"analyse": {}}, ["'analyse'", "did you mean 'analyze'?"]),
        ("system_health_checks", {"knid": 1}, ["'knid'", "did you mean 'kind'?"]),
        ("system_health_checks", {"timeout": "5"}, [".timeout is '5'; it must be a number"]),
        ("system_health_checks", {"kind": "untt"}, ["did you mean 'unit'?"]),
        ("system_health_checks", {"component": "ap"}, ["component is 'ap'; did you mean 'app'?"]),
        ("system_log_files", {"keep_day": 1}, ["'keep_day'", "did you mean 'keep_days'?"]),
        ("system_self_heal", {"unti": "x"}, ["'unti'", "did you mean 'unit'?"]),
        (
            "system_self_heal",
            {"checks": ["http:gone"]},
            ["'http:gone'", "not a check of the profile"],
        ),
        ("system_data_quality", {"tabel": "x"}, ["'tabel'", "did you mean 'table'?"]),
        ("system_required_paths", {"mod": "0700"}, ["'mod'", "did you mean 'mode'?"]),
        ("system_models", {"pth": "x"}, ["'pth'", "did you mean 'path'?"]),
        ("system_test_suites", {"path": "x"}, ["'path'", "did you mean 'paths'?"]),
        ("system_sqlite_databases", {"path": "a.db"}, [".path is 'a.db'; it must begin with /"]),
    ],
)
def test_a_problem_names_list_entry_key_and_nearest_name(
    variable: str, changes: dict[str, Any], sentences: list[str]
) -> None:
    found = problems(variable, changes)

    assert len(found) == 1
    assert found[0].startswith(variable)
    assert [sentence for sentence in sentences if sentence not in found[0]] == []


def test_all_problems_of_all_lists_come_at_once() -> None:
    figures = copy.deepcopy(profiles.load(PROJECT, "fairedge"))
    figures["system_api_port"] = "7"
    figures["system_databases"][0] |= {"analyse": {}, "vacuum": {"freeze_age": 1}}
    figures["system_log_files"][0]["keep_days"] = 0

    assert len(profile.problems(figures)) == 4


def test_a_list_that_is_something_else_is_named_once() -> None:
    figures = {**profiles.load(PROJECT, "fairedge"), "system_health_checks": "all"}

    assert profile.problems(figures) == ["system_health_checks is ***; it must be a list"]
