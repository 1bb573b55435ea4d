# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Profiles against their schema."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest

from tools import profiles, trace
from upkeep import PROJECT
from upkeep.profile import schema as profile

SYSTEMS = profiles.systems(PROJECT)


def load(system: str) -> dict[str, Any]:
    return profiles.load(PROJECT, system)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(profile.schema())


@pytest.mark.parametrize("system", SYSTEMS)
def test_shipped_profiles_fit(system: str) -> None:
    assert profile.problems(load(system)) == []
    assert load(system)["system_name"] == system


def changed(path: list[Any], value: Any) -> list[str]:
    figures = copy.deepcopy(load("fairedge"))
    place: Any = figures
    for part in path[:-1]:
        place = place[part]

    place[path[-1]] = value

    return profile.problems(figures)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (
            ["system_api_prot"],
            1,
            "'system_api_prot' is not a known name; did you mean 'system_api_port'?",
        ),
        (["system_api_port"], "7", "system_api_port: '7' is text, but must be a whole number"),
        (["system_jobs", "weekly"], ["db_maintenence"], "did you mean 'db_maintenance'?"),
        (
            ["system_health_checks", 0, "knid"],
            "unit",
            "system_health_checks 'nginx' (unit): 'knid' is not a known name; did you mean 'kind'?",
        ),
        (["system_components"], [], "system_components"),
        (
            ["system_jobs", "hourly"],
            ["db_maintenance"],
            "'db_maintenance' is not known; choose one of",
        ),
        (
            ["system_health_checks", 0, "expect"],
            "up",
            "system_health_checks 'nginx' (unit).expect is 'up'; it must be a list",
        ),
        (
            ["system_health_checks", 0, "name"],
            "-x",
            "system_health_checks '-x' (unit).name is '-x'; it must match",
        ),
        (
            ["system_databases", 0, "reindex", "bloat_percent"],
            29,
            "system_databases 'fairedge_prod'.reindex.bloat_percent is 29; from 30 to 100, since",
        ),
        (
            ["system_databases", 0, "reindex", "min_size_mb"],
            0,
            "reindex.min_size_mb is 0; at least 1, smaller",
        ),
        (
            ["system_databases", 0, "analyze", "due_after_days"],
            0,
            "analyze.due_after_days is 0; at least 1, or every run would find work",
        ),
        (
            ["system_databases", 0, "vacuum", "due_after_days"],
            -1,
            "system_databases 'fairedge_prod'.vacuum.due_after_days is -1",
        ),
    ],
)
def test_what_does_not_fit_is_named(path: list[Any], value: Any, sentence: str) -> None:
    found = changed(path, value)
    assert len(found) == 1
    assert sentence in found[0]


def test_everything_the_guides_ask_for_has_a_place() -> None:
    found = trace.collect(PROJECT)
    asked = {row.id for row in found.rows if row.kind != "D"}
    assert sorted(asked - found.data.keys() - found.planned.keys()) == []


def test_a_missing_figure_is_named() -> None:
    figures = load("fairedge")
    del figures["system_user"]
    assert profile.problems(figures) == ["profile: 'system_user' is missing"]


def test_every_mapped_figure_is_in_the_schema() -> None:
    mapping = (PROJECT / "inventory" / "group_vars" / "all" / "role_inputs.yml").read_text()
    used = {word.strip('"{}|,') for word in mapping.split() if word.startswith("system_")}

    assert used <= set(profile.schema()["properties"])
