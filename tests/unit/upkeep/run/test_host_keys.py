# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run is refused when it would believe any host key."""

from __future__ import annotations

from typing import Any

import pytest

from upkeep.run import host_keys


def unchecked(by_default: bool = True, **variables: Any) -> list[str]:
    """Return what is found of one host with these variables."""
    return host_keys.unchecked({"h": variables}, by_default=by_default)


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_host_key_checking": False},
        {"ansible_ssh_host_key_checking": "no"},
        {"ansible_ssh_common_args": "-o StrictHostKeyChecking=no"},
        {"ansible_ssh_extra_args": "-oStrictHostKeyChecking=off"},
        {"ansible_ssh_extra_args": '-o "stricthostkeychecking no"'},
        {"ansible_ssh_args": "-o StrictHostKeyChecking=accept-new"},
        {"ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null"},
        {"ansible_connection": "ansible.builtin.ssh", "ansible_host_key_checking": "False"},
    ],
)
def test_what_switches_the_check_off_is_found(variables: dict[str, Any]) -> None:
    assert unchecked(**variables) == ["h"]


def test_the_environment_counts_unless_a_variable_says_otherwise() -> None:
    assert unchecked(by_default=False) == ["h"]
    assert unchecked(by_default=False, ansible_host_key_checking=True) == []


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"ansible_ssh_common_args": "-o StrictHostKeyChecking=yes -o UserKnownHostsFile=/k"},
        {"ansible_connection": "local", "ansible_host_key_checking": False},
        {"upkeep_environment": "demo", "ansible_host_key_checking": False},
    ],
)
def test_a_host_whose_key_is_checked_is_fine(variables: dict[str, Any]) -> None:
    assert unchecked(**variables) == []


def test_the_sentence_names_hosts_and_the_way_out() -> None:
    text = host_keys.sentence(["a", "b"])

    assert "a, b" in text
    assert "upkeep_known_hosts" in text
