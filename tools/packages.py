# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Debian packages behind demo fleet and tests: which are missing, and how to install them."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

#: Package -> what it is for; shown before it is installed.
PACKAGES: t.Final = {
    "podman": "demo hosts",
    "runc": "demo hosts",
    "mmdebstrap": "base image of the demo hosts",
    "debian-archive-keyring": "base image of the demo hosts",
    "netavark": "network of the demo hosts",
    "aardvark-dns": "network of the demo hosts",
    "iptables": "network of the demo hosts",
    "uidmap": "demo hosts",
    "openssh-client": "ssh to hosts",
    "make": "the commands of this project",
    "git": "tests, which ask it for the project's files",
    "logrotate": "tests",
    "procps": "tests, which look for processes and kill them",
    "postgresql": "tests; binaries only, no server is started",
    "pgbouncer": "tests; binaries only, no pooler is started",
    "redis-tools": "tests; its checker of dump files is the server, too, and none is started",
    "python3-celery": "tests, which run workers",
    "python3-redis": "tests, which run workers",
    "openssl": "tests, which make certificates",
    "zstd": "tests, which make backup sets",
    "age": "demo fleet and tests, which encrypt parts of backup sets",
}
NO_CLUSTER: t.Final = Path("/etc/postgresql-common/createcluster.d/upkeep.conf")


class PackageError(Exception):
    """Packages are missing and cannot be installed from here; the message names them."""


def missing(requested: t.Iterable[str], installed: t.Container[str]) -> list[str]:
    """Return the requested packages that are not installed, in their order, each once."""
    return [name for name in dict.fromkeys(requested) if name not in installed]


def parse_installed(listing: str) -> set[str]:
    """Return the installed packages of a listing; a line is a three-letter state and a name."""
    return {line[3:].strip() for line in listing.splitlines() if line.startswith("ii")}


def ensure(requested: t.Sequence[str]) -> list[str]:
    """Install what is missing, saying so.

    Returns what was installed, raises PackageError naming what is missing.
    """
    if shutil.which("dpkg-query") is None:
        raise PackageError(
            "this is not Debian or Ubuntu; make sure that you have the like of:"
            f" {' '.join(requested)}"
        )

    query = ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}${Package}\n"]
    listing = subprocess.run(query, check=True, capture_output=True, text=True).stdout  # noqa: S603
    names = missing(requested, parse_installed(listing))
    if names:
        _install(names, _as_root(names))

    return names


def _succeeds(argv: list[str]) -> bool:
    """Return whether a command of this file ends with 0."""
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0  # noqa: S603


def _as_root(names: list[str]) -> list[str]:
    """Return the prefix that makes a command run as root."""
    if os.geteuid() == 0:
        return []

    sudo = shutil.which("sudo")
    if sudo and _succeeds([sudo, "-n", "true"]):
        return [sudo, "-n"]

    raise PackageError(
        f"please run: sudo apt-get install --no-install-recommends {' '.join(names)}"
    )


def _install(names: list[str], prefix: list[str]) -> None:
    for name in names:
        print(
            f"setup: installing the package {name} ({PACKAGES.get(name, 'virtual environments')})",
            flush=True,
        )

    if "postgresql" in names:
        print(
            f"setup: writing {NO_CLUSTER}, so that the installation creates no server", flush=True
        )
        _run([*prefix, "mkdir", "-p", str(NO_CLUSTER.parent)])
        _run([*prefix, "tee", str(NO_CLUSTER)], "create_main_cluster = false\n")

    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    _run([*apt, "update"])
    _run([*apt, "install", "--yes", "--no-install-recommends", *names])


def _run(argv: list[str], text: str = "") -> None:
    result = subprocess.run(  # noqa: S603 - commands of this file
        argv, check=False, input=text, capture_output=True, text=True
    )
    if result.returncode:
        raise PackageError(f"`{' '.join(argv)}` failed: {(result.stderr or result.stdout).strip()}")
