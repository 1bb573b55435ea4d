# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Podman as argv lists, with settings that fit this machine and leave /etc alone."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import typing as t
from pathlib import Path

from .errors import DemoError
from .files import write_atomically
from .fleet import PROJECT

CACHE: t.Final = PROJECT / ".cache" / "demo"
SETTINGS: t.Final = CACHE / "containers.conf"
PACKAGES: t.Final = (
    "podman runc mmdebstrap netavark aardvark-dns iptables uidmap openssh-client age"
)
_TOOLS: t.Final = ("podman", "mmdebstrap", "ssh-keygen", "age-keygen")


def require() -> None:
    """Raise DemoError unless this machine can run the fleet.

    Write the settings file that podman is to read.
    """
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise DemoError(
            f"{', '.join(missing)} not found: apt-get install --no-install-recommends {PACKAGES}"
        )
    if os.geteuid() != 0:
        raise DemoError("systemd in containers needs root here: run the same command with sudo")

    CACHE.mkdir(parents=True, exist_ok=True)
    write_atomically(SETTINGS, settings(runtime(), *_hard_limits()))


def runtime(cgroup: Path = Path("/sys/fs/cgroup")) -> str:
    """Return the OCI runtime: crun needs pure cgroup v2, runc also runs on the hybrid layout."""
    unified = (cgroup / "cgroup.controllers").exists()
    for name in ("crun", "runc") if unified else ("runc",):
        if shutil.which(name):
            return name

    raise DemoError(
        f"no OCI runtime for this machine: apt-get install --no-install-recommends {PACKAGES}"
    )


def _hard_limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1], resource.getrlimit(resource.RLIMIT_NPROC)[
        1
    ]


def settings(runtime_name: str, files: int, processes: int) -> str:
    """Return containers.conf.

    Podman's own default limits may exceed what the machine allows, so they are capped.
    """
    limits = []
    for name, wanted, hard in (("nofile", 65536, files), ("nproc", 32768, processes)):
        top = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        limits.append(f'"{name}={min(1024, top) if name == "nofile" else top}:{top}"')

    return (
        "# Written by python -m demo for this machine.\n[containers]\n"
        f"default_ulimits = [{', '.join(limits)}]\n"
        f'[engine]\nruntime = "{runtime_name}"\n[network]\nnetwork_backend = "netavark"\n'
    )


def podman(
    *arguments: str, timeout: float = 120, check: bool = True, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run podman.

    Raises DemoError with its last words when it fails or does not come back in ``timeout`` seconds.
    """
    try:
        result = subprocess.run(  # noqa: S603 - argv list, arguments checked against fleet.yml
            ["podman", *arguments],  # noqa: S607
            env={**os.environ, "CONTAINERS_CONF": str(SETTINGS)},
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DemoError(
            f"podman {' '.join(arguments[:2])} did not finish within {timeout:.0f} s"
        ) from error

    if check and result.returncode:
        words = result.stderr.strip().splitlines()[-12:] or [f"exit code {result.returncode}"]
        raise DemoError(f"podman {' '.join(arguments[:2])} failed: " + "\n  ".join(words))

    return result


def podman_json(*arguments: str) -> t.Any:
    """Return what podman prints as JSON, None when the object does not exist."""
    result = podman(*arguments, check=False)
    return json.loads(result.stdout) if result.returncode == 0 and result.stdout.strip() else None
