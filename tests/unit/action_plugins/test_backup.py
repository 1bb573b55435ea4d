# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lies on a host while a set is made there, seen by the set itself: it holds those folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import PROJECT


def made(folder: Path, password: str) -> list[str]:
    """Make a set of Ansible's folder of temporary files, and return the names that are in it."""
    for name in ("remote", "jobs"):
        (folder / name).mkdir(mode=0o700)
    (folder / "remote" / "file").write_text("always there")
    # Of its two artefacts, one is for another reason.
    cache = {"name": "cache", "redis": {"password": "{{ password }}"}, "reasons": ["change"]}
    files = {"name": "files", "files": {"paths": [str(folder / "remote")]}}
    task = {
        "backup": {
            "system": "shop",
            "root": str(folder / "sets"),
            "free_percent": 0,
            "artefacts": "{{ artefacts }}",
        }
    }
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"artefacts": [files, cache], "password": password},
        "tasks": [task],
    }
    (folder / "play.yml").write_text(json.dumps([play]))
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "--inventory=localhost,",
            f"--extra-vars=ansible_python_interpreter={sys.executable}",
            folder / "play.yml",
        ],
        cwd=PROJECT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_ASYNC_DIR": str(folder / "jobs"),
            "UPKEEP_STORE": str(folder / "store"),
        },
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert not password or password not in done.stdout + done.stderr

    [archive] = (folder / "sets").glob("2*/files/files.tar.zst")
    listed = subprocess.run(["tar", "-tf", archive], capture_output=True, text=True, check=True)

    return [Path(name).name for name in listed.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("password", ["", "s3cret"])
def test_options_with_a_password_are_in_no_file_of_the_host(tmp_path: Path, password: str) -> None:
    found = made(tmp_path, password)

    assert ("AnsiballZ_backup.py" in found) is not bool(password), found
