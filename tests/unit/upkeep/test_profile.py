# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Profiles against their schema."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema
import pytest
import yaml

from upkeep import PROJECT, profile

SYSTEMS = sorted(p.parent.name for p in (PROJECT / "inventory" / "group_vars").glob("*/health.yml"))


def load(system: str) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for path in sorted((PROJECT / "inventory" / "group_vars" / system).glob("*.yml")):
        figures.update(yaml.safe_load(path.read_text()))
    return figures


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
        (["system_api_prot"], 1, "'system_api_prot' is not a known name; did you mean 'system_api_port'?"),
        (["system_api_port"], "7", "system_api_port: '7' is text, but must be a whole number"),
        (["system_jobs", "weekly"], ["db_maintenence"], "did you mean 'db_maintenance'?"),
        (
            ["system_health_checks", 0, "knid"],
            "unit",
            "system_health_checks[0]: 'knid' is not a known name; did you mean",
        ),
        (["system_components"], [], "system_components"),
        (["system_databases", 0, "vacuum", "due_after_days"], -1, "system_databases[0].vacuum.due_after_days"),
    ],
)
def test_what_does_not_fit_is_named(path: list[Any], value: Any, sentence: str) -> None:
    found = changed(path, value)
    assert len(found) == 1
    assert sentence in found[0]


def test_a_missing_figure_is_named() -> None:
    figures = load("fairedge")
    del figures["system_user"]
    assert profile.problems(figures) == ["profile: 'system_user' is missing"]


def test_every_mapped_figure_is_in_the_schema() -> None:
    mapping = (PROJECT / "inventory" / "group_vars" / "all" / "role_inputs.yml").read_text()
    used = {word.strip('"{}|') for word in mapping.split() if word.startswith("system_")}
    assert used <= set(profile.schema()["properties"])
