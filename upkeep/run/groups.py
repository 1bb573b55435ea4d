# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The groups that a run fills itself: ``job_<role>`` in Open, ``upkeep_cleared`` at the gate.

Ansible keeps such groups for all playbooks of one command. A playbook must not act on what the gate
of an earlier one decided, so each begins with these groups empty. They are made even when nobody
gets into them, since Ansible warns about groups that do not exist.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

CLEARED: t.Final = "upkeep_cleared"
JOB: t.Final = "job_"
SYSTEMS: t.Final = "systems"


def names(project: Path) -> list[str]:
    """Return the names of the groups that the stages speak of."""
    roles = sorted(path.name for path in (project / "roles").iterdir() if path.is_dir())

    return [CLEARED, *(f"{JOB}{role}" for role in roles)]


def systems(inventory: t.Any) -> list[str]:
    """Return the systems of an ``InventoryManager``: the groups right below ``systems``."""
    group = inventory.groups.get(SYSTEMS)

    return sorted(child.name for child in group.child_groups) if group else []


def prepare(inventory: t.Any, groups: t.Iterable[str]) -> None:
    """Make each group in an ``InventoryManager`` of Ansible, and take all hosts out of it."""
    for name in groups:
        inventory.add_group(name)
        empty(inventory, name)


def empty(inventory: t.Any, name: str) -> None:
    """Take all hosts out of a group; groups below it are no longer below it."""
    group = inventory.groups[name]
    hosts = list(group.get_hosts())
    for child in list(group.child_groups):
        group.child_groups.remove(child)
        child.parent_groups.remove(group)

    for host in hosts:
        _take_out(group, host)

    _forget(inventory)


def take_out(inventory: t.Any, name: str, host_name: str) -> None:
    """Take one host out of a group that has no groups below it."""
    host = inventory.hosts.get(host_name)
    if host is not None:
        _take_out(inventory.groups[name], host)
        _forget(inventory)


def _take_out(group: t.Any, host: t.Any) -> None:
    group.remove_host(host)
    host.groups = [member for member in host.groups if member is not group]
    group.clear_hosts_cache()


def _forget(inventory: t.Any) -> None:
    """Let Ansible ask again which hosts a pattern matches and which hosts a group has."""
    inventory.clear_caches()
    inventory._inventory._groups_dict_cache = {}
