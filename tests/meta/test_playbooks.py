# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Playbooks parse, need no collection, and every inventory is sound."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import PROJECT, yamlfiles

Ansible = Callable[..., subprocess.CompletedProcess[str]]


def is_inventory(path: Path) -> bool:
    """Tell whether a YAML file is shaped like an inventory."""
    content = yamlfiles.read(path)
    groups = content.values() if isinstance(content, dict) else ()
    return any(isinstance(group, dict) and {"hosts", "children"} & group.keys() for group in groups)


PLAYBOOKS = sorted(path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("playbooks/*.yml"))
INVENTORIES = sorted(
    f"inventory/{path.name}" for path in PROJECT.glob("inventory/*.yml") if is_inventory(path)
)
ANSIBLE_DATA = [
    path
    for pattern in (
        "roles/*/tasks/*.yml",
        "roles/*/handlers/*.yml",
        "playbooks/**/*.yml",
        "molecule/**/*.yml",
    )
    for path in sorted(PROJECT.glob(pattern))
]


def test_the_shipped_playbooks_and_inventories_are_seen() -> None:
    assert "playbooks/weekly.yml" in PLAYBOOKS
    assert {"inventory/demo.yml", "inventory/production.yml"} <= set(INVENTORIES)


@pytest.mark.slow
@pytest.mark.parametrize("inventory", INVENTORIES)
def test_every_playbook_passes_the_syntax_check(ansible: Ansible, inventory: str) -> None:
    result = ansible("ansible-playbook", "--syntax-check", "--inventory", inventory, *PLAYBOOKS)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [name for name in PLAYBOOKS if f"playbook: {name}" not in result.stdout] == []


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_host_belongs_to_one_system(ansible: Ansible, inventory: str) -> None:
    listing = ansible("ansible-inventory", "--inventory", inventory, "--list")

    assert listing.returncode == 0, listing.stderr

    groups = json.loads(listing.stdout)
    systems = groups["systems"]["children"]
    hosts = [host for system in systems for host in groups.get(system, {}).get("hosts", [])]

    assert hosts
    assert sorted(hosts) == sorted(set(hosts)), "a host stands in two systems"
    assert not groups["systems"].get("hosts"), "a host stands in `systems` itself, so in no system"


def qualified_names(node: Any) -> Iterator[str]:
    """Yield every mapping key that looks like a fully qualified name of a plugin."""
    if isinstance(node, dict):
        yield from (
            key for key in node if isinstance(key, str) and key.count(".") == 2 and " " not in key
        )
        for value in node.values():
            yield from qualified_names(value)

    if isinstance(node, list):
        for item in node:
            yield from qualified_names(item)


def collections_used(paths: list[Path]) -> set[str]:
    """Return the collections whose plugins these files name, without ansible.builtin."""
    names = {name for path in paths for name in qualified_names(yamlfiles.read(path))}

    return {name.rpartition(".")[0] for name in names} - {"ansible.builtin"}


def test_what_runs_on_hosts_needs_no_collection() -> None:
    assert collections_used(ANSIBLE_DATA) == set()


def files_of(folder: str) -> list[Path]:
    """Return the playbooks of a folder."""
    return sorted(PROJECT.joinpath(folder).glob("*.yml"))


def test_required_collections_are_those_that_are_used() -> None:
    others = [path for name in ("bench/playbooks", "controller") for path in files_of(name)]
    everything = [*ANSIBLE_DATA, *others]
    required = yamlfiles.read(PROJECT / "requirements.yml")["collections"]

    assert {entry["name"] for entry in required} == collections_used(everything)
