# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rendered inventories, read back by Ansible itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from demo import fleet, inventory
from tools import PROJECT

SHARED = PROJECT / "inventory" / "group_vars" / "all" / "main.yml"


@pytest.fixture
def other(tmp_path: Path) -> fleet.Fleet:
    return fleet.select(fleet.load(), "mol-x", [], tmp_path)


def read(path: Path) -> dict[str, t.Any]:
    tool = (
        shutil.which("ansible-inventory", path=str(Path(sys.executable).parent))
        or "ansible-inventory"
    )
    done = subprocess.run(
        [tool, "-i", str(path), "--list"],
        capture_output=True,
        text=True,
        check=True,
        cwd=path.parent,
    )
    return t.cast(dict[str, t.Any], json.loads(done.stdout))


def test_the_committed_inventory_is_up_to_date() -> None:
    default = fleet.select(fleet.load(), fleet.DEFAULT, [], Path("unused"))
    assert default.inventory.read_text() == inventory.render(
        default, inventory.fixed_ports(default)
    )


def test_ansible_sees_hosts_groups_and_profiles(other: fleet.Fleet) -> None:
    ports = {
        host.name: {inside: 40000 + 100 * number + inside % 100 for inside in host.publish}
        for number, host in enumerate(other.hosts)
    }
    inventory.link_profiles(other)
    inventory.link_profiles(other)
    other.inventory.write_text(inventory.render(other, ports))
    seen = read(other.inventory)

    assert set(seen["systems"]["children"]) == {host.system for host in other.hosts}
    assert set(seen["demo"]["hosts"]) == set(ports)

    for host in other.hosts:
        variables = seen["_meta"]["hostvars"][host.name]

        assert variables["ansible_port"] == ports[host.name][22]
        assert host.name in seen[host.system]["hosts"]
        assert variables["system_name"] == host.system, "the profile applies"
        assert all(host.name in seen[component]["hosts"] for component in host.components)


def test_what_is_public_is_asked_at_the_port_of_this_fleet(other: fleet.Fleet) -> None:
    ports = {host.name: {inside: inside + 30000 for inside in host.publish} for host in other.hosts}
    inventory.link_profiles(other)
    other.inventory.write_text(inventory.render(other, ports))
    seen = read(other.inventory)["_meta"]["hostvars"]

    assert seen["racing-1"]["system_public_address"] == "http://127.0.0.1:38050/"
    assert seen["fairedge-1"]["system_public_address"] == "http://127.0.0.1:30080/"


def test_variables_of_a_release_win_over_the_profile(other: fleet.Fleet) -> None:
    inventory.link_profiles(other)
    unit = "postgresql@17-main.service"
    other.inventory.write_text(
        inventory.render(other, inventory.fixed_ports(other), {"system_postgresql_unit": unit})
    )

    assert (
        read(other.inventory)["_meta"]["hostvars"]["hyperopt-db"]["system_postgresql_unit"] == unit
    )


def test_a_host_belongs_to_one_system(other: fleet.Fleet) -> None:
    groups = yaml.safe_load(inventory.render(other, inventory.fixed_ports(other)))["all"][
        "children"
    ]
    members = [host for group in groups["systems"]["children"].values() for host in group["hosts"]]

    assert sorted(members) == sorted(groups["demo"]["hosts"])
    assert sorted(members) == sorted(host.name for host in other.hosts)


def test_host_keys_are_checked(other: fleet.Fleet) -> None:
    groups = yaml.safe_load(inventory.render(other, inventory.fixed_ports(other)))["all"][
        "children"
    ]
    variables = groups["demo"]["vars"]

    assert variables["upkeep_known_hosts"].endswith("/known_hosts")
    assert "upkeep_known_hosts:" not in SHARED.read_text(), "group_vars/all would win over it"
    assert not {"ansible_host_key_checking", "ansible_ssh_common_args"} & set(variables), (
        "what group_vars/all says about host keys counts"
    )


def test_a_part_of_the_fleet_has_no_empty_groups(tmp_path: Path) -> None:
    part = fleet.select(fleet.load(), "mol-x", ["hyperopt-db"], tmp_path)
    groups = yaml.safe_load(inventory.render(part, inventory.fixed_ports(part)))["all"]["children"]
    assert set(groups) == {"systems", "postgresql", "redis", "demo"}
