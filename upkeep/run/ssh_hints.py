# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do about the failures that a host itself causes before any of our modules runs."""

from __future__ import annotations

import re
import typing as t

#: Words of ssh, sudo and Ansible -> what a person can do. The first that matches counts.
KNOWN: t.Final[tuple[tuple[str, str], ...]] = (
    (
        r"module interpreter '[^']*' was not found",
        "install python3 on the host, or say in the inventory where it is"
        " (ansible_python_interpreter)",
    ),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed",
        "compare the host's key with the one in known_hosts, on the host's own console; replace it"
        " only when you know why it changed",
    ),
    (
        r"Permission denied \((publickey|password|keyboard)",
        "check ansible_user and ansible_ssh_private_key_file, and authorized_keys of that user on"
        " the host",
    ),
    (
        r"[Mm]issing sudo password|a (terminal|password) is required"
        r"|is not in the sudoers file|not allowed to execute",
        "allow that user sudo without a password on the host, or give one by --ask-become-pass",
    ),
    (
        r"Could not resolve hostname|Name or service not known",
        "check ansible_host in the inventory, and name service",
    ),
    (
        r"Connection refused",
        "check ansible_host and ansible_port in the inventory, and whether ssh runs on the host",
    ),
    (
        r"Connection timed out|Operation timed out|Timeout[^\n]{0,200}waiting for"
        r"|No route to host|Network is unreachable",
        "see whether the host is up and whether a firewall lets this controller in",
    ),
    (
        r"No space left on device",
        "free some space on the host; its /tmp and the home of ansible_user are needed",
    ),
)
#: Characters of a message that are searched, since a host may say as much as it likes.
LONGEST: t.Final = 8_000


def advice(message: str) -> str:
    """Return what to do about a failure that is known, as half a sentence; empty for any other."""
    text = message[:LONGEST]

    return next((what for pattern, what in KNOWN if re.search(pattern, text)), "")
