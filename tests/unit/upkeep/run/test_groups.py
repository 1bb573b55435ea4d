# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The groups that a run fills itself are empty when it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from tools import PROJECT
from upkeep.run import groups


@pytest.fixture
def inventory(tmp_path: Path) -> InventoryManager:
    """Return an inventory with a system of two hosts."""
    hosts = tmp_path / "hosts.ini"
    hosts.write_text("[alpha]\na1\na2\n[systems:children]\nalpha\n")

    return InventoryManager(loader=DataLoader(), sources=[str(hosts)])


def put(inventory: InventoryManager, group: str, host: str) -> None:
    """Put a host into a group, as group_by does."""
    inventory.add_group(group)
    inventory._inventory.add_child(group, host)
    inventory.clear_caches()


def matched(inventory: InventoryManager, pattern: str) -> list[str]:
    """Return the names of the hosts that a pattern of a play matches."""
    return sorted(host.name for host in inventory.get_hosts(pattern))


def test_every_role_has_a_group() -> None:
    assert "upkeep_cleared" in groups.names(PROJECT)
    assert "job_log_rotation" in groups.names(PROJECT)


def test_groups_are_made_so_that_patterns_match(inventory: InventoryManager) -> None:
    groups.prepare(inventory, ["upkeep_cleared", "job_x"])

    assert matched(inventory, "job_x:&upkeep_cleared") == []
    assert {"upkeep_cleared", "job_x"} <= set(inventory.groups)


def test_hosts_of_an_earlier_playbook_are_taken_out(inventory: InventoryManager) -> None:
    put(inventory, "upkeep_cleared", "a1")

    assert matched(inventory, "upkeep_cleared") == ["a1"]

    groups.prepare(inventory, ["upkeep_cleared"])

    assert matched(inventory, "upkeep_cleared") == []
    assert inventory.get_groups_dict()["upkeep_cleared"] == []
    assert "upkeep_cleared" not in {g.name for g in inventory.get_host("a1").get_groups()}
    assert matched(inventory, "systems") == ["a1", "a2"]


def test_a_group_below_is_cut_off_and_keeps_its_hosts(inventory: InventoryManager) -> None:
    """Also one of the inventory itself, which a person put below by mistake or on purpose."""
    inventory.add_group("upkeep_cleared")
    inventory._inventory.add_child("upkeep_cleared", "alpha")
    inventory.clear_caches()

    assert matched(inventory, "upkeep_cleared") == ["a1", "a2"]

    groups.prepare(inventory, ["upkeep_cleared"])

    assert matched(inventory, "upkeep_cleared") == []
    assert matched(inventory, "alpha") == ["a1", "a2"]
    assert "upkeep_cleared" not in {g.name for g in inventory.get_host("a1").get_groups()}


def test_one_host_is_taken_out(inventory: InventoryManager) -> None:
    put(inventory, "upkeep_cleared", "a1")
    put(inventory, "upkeep_cleared", "a2")

    groups.take_out(inventory, "upkeep_cleared", "a1")
    groups.take_out(inventory, "upkeep_cleared", "localhost")

    assert matched(inventory, "upkeep_cleared") == ["a2"]


def test_a_host_that_was_taken_out_can_get_in_again(inventory: InventoryManager) -> None:
    put(inventory, "upkeep_cleared", "a1")
    groups.prepare(inventory, ["upkeep_cleared"])
    put(inventory, "upkeep_cleared", "a1")

    assert matched(inventory, "upkeep_cleared") == ["a1"]
