# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures and lists of the house rules."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the root of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def ansible(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a command of Ansible in the project and returns its process.

    Its runs are kept apart from those that people made.
    """
    folder = Path(sys.executable).parent
    env = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "UPKEEP_STORE": str(tmp_path_factory.mktemp("store")),
    }

    def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(folder / command), *arguments]
        return subprocess.run(
            argv, cwd=PROJECT, env=env, check=False, capture_output=True, text=True
        )

    return run


@pytest.fixture(scope="session")
def tracked(project: Path) -> list[Path]:
    """Return every file of the project that git knows or would take."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(argv, cwd=project, check=True, capture_output=True, text=True).stdout
    return [project / name for name in listing.split("\0") if name and (project / name).is_file()]
