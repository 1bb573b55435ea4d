# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bringing a model of 200 MB to a host and verifying it, against ``scp`` and ``sha256sum``.

Both sides go through the same sshd of a container, in turn. Ours is the task of the role, up to
where the candidate is known to be what was sent: it is asked for another checksum, so the module
takes the file over, hashes it, and refuses it with the checksum that it found.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable
from pathlib import Path

import yaml

from tools import PROJECT

FLEET: t.Final = "bench-model"
HOST: t.Final = "racing-1"
BYTES: t.Final = 200 << 20
ROUNDS: t.Final = 3
BAR: t.Final = 1.5
#: The task of the role that brings a candidate. What serves and how it is asked is never used.
PLAY: t.Final = f"""
- hosts: {HOST}
  become: true
  gather_facts: false
  tasks:
    - model_update:
        models:
          - name: lightgbm_baseline
            root: /srv/racing_analytics
            path: data/models/lightgbm_baseline.pkl
            user: racing
            versions: /var/lib/upkeep/bench
            server:
              unit: racing-dashboard.service
              listen: ["127.0.0.1:8050"]
              probes: [{{name: health, path: /health}}]
        state: measured
        upload: "{{{{ file }}}}"
        sha256: "{{{{ '0' * 64 }}}}"
        approved_by: bench
      register: answer
    - ansible.builtin.assert:
        that: "('has the checksum ' ~ sha256[:12]) in (answer.findings | last).message"
"""


def demo(*words: str) -> None:
    """Start or end the fleet of this bench."""
    command = [sys.executable, "-m", "demo", *words, "--fleet", FLEET]
    subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def started() -> Path:
    """Start the fleet and return its inventory."""
    command = [sys.executable, "-m", "demo", "up", "--fleet", FLEET, "--hosts", HOST]
    done = subprocess.run(  # noqa: S603
        command, cwd=PROJECT, check=True, capture_output=True, text=True
    )
    printed = done.stdout + done.stderr

    return Path(printed.rpartition("inventory: ")[2].split()[0])


def reached(inventory: Path) -> dict[str, t.Any]:
    """Return how ssh reaches the host."""
    tool = str(Path(sys.executable).with_name("ansible-inventory"))
    done = subprocess.run(  # noqa: S603
        [tool, f"--inventory={inventory}", "--host", HOST],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, t.Any] = yaml.safe_load(done.stdout)
    folder = str(inventory.parent)

    return {
        name: str(value).replace("{{ inventory_dir }}", folder) for name, value in found.items()
    }


def timed(work: Callable[[], None]) -> float:
    """Return the seconds that something takes."""
    began = time.monotonic()
    work()

    return time.monotonic() - began


class Sides:
    """Both ways to bring one file."""

    def __init__(self, inventory: Path, file: Path, folder: Path) -> None:
        self._inventory, self._file = inventory, file
        self._sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        self._variables = reached(inventory)
        self._play = folder / "play.yml"
        self._play.write_text(PLAY)
        self._number = 0

    def ours(self) -> None:
        """Copy and verify as the role does; nothing of it is left, so each time is the first."""
        tool = str(Path(sys.executable).with_name("ansible-playbook"))
        given = {"file": str(self._file), "sha256": self._sha256}
        self._run(
            [tool, f"--inventory={self._inventory}", str(self._play), "-e", json.dumps(given)]
        )

    def theirs(self) -> None:
        """Copy by scp and read once for the checksum."""
        self._number += 1
        place = f"/var/tmp/theirs-{self._number}"  # noqa: S108 - on a host of this bench
        self._run(["scp", "-q", "-P", *self._words(), str(self._file), f"{self._target()}:{place}"])
        check = f"echo '{self._sha256}  {place}' | sha256sum --check --quiet"
        self._run(["ssh", "-p", *self._words(), self._target(), check])

    def _words(self) -> list[str]:
        key, known = (
            self._variables[name] for name in ("ansible_ssh_private_key_file", "upkeep_known_hosts")
        )
        options = ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known}"]

        return [self._variables["ansible_port"], "-i", key, *options]

    def _target(self) -> str:
        return f"{self._variables['ansible_user']}@{self._variables['ansible_host']}"

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(  # noqa: S603
            command, cwd=PROJECT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def main() -> int:
    """Measure, print the figures and the closing line; returns 1 when the bar is missed."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "model"
        file.write_bytes(os.urandom(BYTES))
        try:
            sides = Sides(started(), file, Path(name))
            sides.ours()
            sides.theirs()
            pairs = [(timed(sides.ours), timed(sides.theirs)) for _ in range(ROUNDS)]
        finally:
            demo("down")

    for ours, theirs in pairs:
        print(f"  ours {ours:.1f} s   scp and sha256sum {theirs:.1f} s")
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"bench model_transfer ours={ours:.2f} other={theirs:.2f} unit=s"
        f" ratio={ours / theirs:.2f} bar={BAR}"
    )

    return 0 if ours <= BAR * theirs else 1


if __name__ == "__main__":
    sys.exit(main())
