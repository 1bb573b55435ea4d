# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slips in the names of roles' variables."""

from __future__ import annotations

import re

import pytest
import yaml

from upkeep import PROJECT
from upkeep.profile.role_names import misspelled, options

ROLES = [
    path.name for path in (PROJECT / "roles").iterdir() if (path / "defaults" / "main.yml").exists()
]


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("preflight_acept", "preflight_accept"),
        ("gate_allow_unsen", "gate_allow_unseen"),
        ("verdict_failon", "verdict_fail_on"),
        ("lock_steel", "lock_steal"),
        ("upkeep_stroe", "upkeep_store"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(slip: str, meant: str) -> None:
    assert misspelled([slip, "ansible_host"]) == [
        f"'{slip}' is not a variable of a role; did you mean '{meant}'?"
    ]


@pytest.mark.parametrize(
    "name", ["lock_states", "profile_picture", "gate_keeper", "system_name", "log_rotation_of_ours"]
)
def test_names_of_others_are_left_alone(name: str) -> None:
    assert misspelled([name]) == []


@pytest.mark.parametrize("role", ROLES)
def test_every_default_of_every_role_is_known(role: str) -> None:
    defaults = (
        yaml.safe_load((PROJECT / "roles" / role / "defaults" / "main.yml").read_text()) or {}
    )
    assert set(defaults) <= options()


def test_every_input_that_the_inventory_maps_is_one_of_a_role() -> None:
    text = (PROJECT / "inventory" / "group_vars" / "all" / "role_inputs.yml").read_text()
    assert set(re.findall(r"^(\w+):", text, re.MULTILINE)) <= options()
