# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Does a run check the keys of the hosts that it speaks to?

Somebody on the network could pose as a host otherwise, and would get what modules are given. AWX
and ansible-runner switch the check off by environment (ANSIBLE_HOST_KEY_CHECKING=False).
"""

from __future__ import annotations

import re
import typing as t

#: Connections of Ansible that speak ssh.
SSH: t.Final = ("ssh", "smart", "paramiko", "paramiko_ssh")
SWITCHES: t.Final = ("ansible_host_key_checking", "ansible_ssh_host_key_checking")
ARGUMENTS: t.Final = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
OFF: t.Final = re.compile(
    r"StrictHostKeyChecking[\s=\"']{1,4}(no|off|accept-new)\b"
    r"|UserKnownHostsFile[\s=\"']{1,4}/dev/null",
    re.IGNORECASE,
)

HostVars = t.Mapping[str, t.Any]


def unchecked(hosts: t.Mapping[str, HostVars], *, by_default: bool) -> list[str]:
    """Return the hosts whose key would not be checked.

    ``by_default`` is what Ansible's own setting says. The demo fleet may do as it likes.
    """
    return sorted(
        name
        for name, variables in hosts.items()
        if variables.get("upkeep_environment") != "demo"
        and _speaks_ssh(variables)
        and not _checks(variables, by_default)
    )


def _speaks_ssh(variables: HostVars) -> bool:
    connection = str(variables.get("ansible_connection") or "ssh")

    return connection.rpartition(".")[2] in SSH


def _checks(variables: HostVars, by_default: bool) -> bool:
    given = [variables[name] for name in SWITCHES if name in variables] or [by_default]
    if any(str(value).lower() in ("false", "no", "off", "0", "n", "f") for value in given):
        return False

    return not any(OFF.search(str(variables.get(name) or "")) for name in ARGUMENTS)


def sentence(hosts: t.Sequence[str]) -> str:
    """Return why a run with these hosts is refused, and what to do."""
    return (
        f"the ssh host keys of {', '.join(hosts[:5])}{' and others' if len(hosts) > 5 else ''} "
        "would not be checked, so somebody on the network could pose as them. Set "
        "ansible_host_key_checking to true, take StrictHostKeyChecking=no out of the ssh "
        "arguments, and put the keys into the file that upkeep_known_hosts names"
    )
