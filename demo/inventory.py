# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Ansible inventory of a fleet: committed for the default one, else in its folder."""

from __future__ import annotations

import typing as t

import yaml

from . import access, manifests
from .fleet import COMPONENTS, PROJECT, SSH, Fleet, Host

HEADER: t.Final = """\
---
# Rendered from demo/fleet.yml by `python -m demo render-inventory`: change it there.
# The key and the host keys are made by `python -m demo up`.
"""


#: Host name -> port in its container -> port on loopback.
Ports = t.Mapping[str, t.Mapping[int, int]]


def render(fleet: Fleet, ports: Ports, variables: t.Mapping[str, t.Any] | None = None) -> str:
    """Return the inventory as YAML; ``ports`` are those where the hosts can be reached.

    ``variables`` apply to every host and win over the profiles.
    """
    components = {
        component: {
            "hosts": {host.name: None for host in fleet.hosts if component in host.components}
        }
        for component in sorted(COMPONENTS)
    }
    children = {
        "systems": {"children": _by_system(fleet.hosts)},
        **{name: group for name, group in components.items() if group["hosts"]},
        "demo": {
            "hosts": {
                host.name: _variables(host, ports[host.name], variables or {})
                for host in fleet.hosts
            },
            "vars": _connection(fleet),
        },
    }
    rendered: str = yaml.dump(
        {"all": {"children": children}}, Dumper=_Dumper, sort_keys=False, width=90
    )

    return HEADER + rendered


def _variables(
    host: Host, ports: t.Mapping[int, int], variables: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    """Return what the inventory says of one host."""
    public = {}
    if host.public is not None:
        public["system_public_address"] = f"http://127.0.0.1:{ports[host.public]}/"

    return {"ansible_port": ports[SSH], **public, **variables, **host.variables}


def _by_system(hosts: t.Sequence[Host]) -> dict[str, t.Any]:
    systems = sorted({host.system for host in hosts})
    return {
        system: {"hosts": {host.name: None for host in hosts if host.system == system}}
        for system in systems
    }


def _connection(fleet: Fleet) -> dict[str, t.Any]:
    """Return how Ansible reaches the hosts: by key and with strict host keys."""
    folder = (
        f"{{{{ inventory_dir }}}}/../.demo/{fleet.name}"
        if fleet.fixed_ports
        else "{{ inventory_dir }}/.."
    )
    recipient = f"demo_folder ~ '/{access.BACKUP_RECIPIENT}'"
    return {
        "demo_folder": folder,
        "ansible_host": "127.0.0.1",
        "ansible_user": "upkeep",
        "ansible_ssh_private_key_file": f"{folder}/{access.KEY}",
        "upkeep_known_hosts": f"{folder}/{access.KNOWN_HOSTS}",
        "upkeep_ssh_options": "-o IdentitiesOnly=yes",
        "ansible_python_interpreter": "/usr/bin/python3",
        # A fleet that was started by an older version has none: then nothing is encrypted.
        "backup_recipient": (
            f"{{{{ lookup('file', {recipient}, errors='ignore') | default('', true) }}}}"
        ),
        # Nothing starts runs on the demo fleet but people.
        "verdict_missed_starts": False,
        "model_verification_manifest_file": (
            f"{folder}/{manifests.FOLDER}/{{{{ model_verification_system }}}}.yml"
        ),
    }


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes a host without variables as ``name:``, and indents lists as yamllint wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


_Dumper.add_representer(
    type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "")
)


def fixed_ports(fleet: Fleet) -> dict[str, dict[int, int]]:
    """Return the ports that fleet.yml gives."""
    return {host.name: host.publish for host in fleet.hosts}


def link_profiles(fleet: Fleet) -> None:
    """Put the project's group variables beside a fleet's own inventory."""
    link = fleet.inventory.parent / "group_vars"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(PROJECT / "inventory" / "group_vars")
