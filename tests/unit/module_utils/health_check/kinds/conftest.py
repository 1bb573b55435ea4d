# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine, and a /proc, of which tests set what is on them."""

from __future__ import annotations

import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.health_check import counters, machine
from ansible.module_utils.upkeep.health_check.attempt import observe
from ansible.module_utils.upkeep.health_check.clients import procfs
from ansible.module_utils.upkeep.health_check.kinds import cpu, disk_io, network

from tests.unit.module_utils.health_check.checks import parse
from tests.unit.module_utils.postgresql.server import Server, server

BOOT: t.Final = counters.BOOT_ID.read_text().strip()
STAT: t.Final = (
    "{pid} ({name}) S 1 1 {session} 0 -1 4194560 1 0 0 0 {user} {system} 0 0 20 0 1 0 100 1000"
    " {pages} 9 1 1\n"
)


@pytest.fixture(scope="session")
def pg() -> Server:
    """Return the running throw-away server."""
    return server()


class Clock:
    """What the machine shows at some time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, 1000.0

    def check(self, kind: str, previous: t.Any = None, **options: t.Any) -> tuple[Finding, t.Any]:
        """Return the last finding of a check, and what it keeps for the next run."""
        check = replace(parse({"name": "x", "kind": kind, **options}), previous=previous)
        outputs = list(observe(check))
        kept = [output["remember"] for output in outputs if "remember" in output]
        findings = [output for output in outputs if "check" in output]

        return findings[-1], kept[0] if kept else None


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a machine whose figures and time the test sets."""
    made = Clock(tmp_path)
    files = ((cpu, "STAT"), (disk_io, "DISKSTATS"), (network, "DEV"), (machine, "CONTAINER"))
    for module, name in files:
        monkeypatch.setattr(module, name, tmp_path / name)

    monkeypatch.setattr(disk_io, "BLOCK", tmp_path / "block")
    for disk in ("vda", "loop0"):
        (tmp_path / "block" / disk).mkdir(parents=True)

    monkeypatch.setattr(counters.time, "clock_gettime", lambda _clock: made.at)

    return made


class Tree:
    """A /proc of our own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(
        self,
        pid: int,
        *,
        unit: str = "",
        exe: str = "",
        ticks: int = 0,
        pages: int = 0,
        session: int = 1,
    ) -> None:
        """Add a process."""
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True)
        text = STAT.format(
            pid=pid, name=f"n{pid}", session=session, user=ticks, system=0, pages=pages
        )
        (folder / "stat").write_text(text)
        groups = f"3:memory:/x\n1:name=systemd:/system.slice/{unit}/inner\n0::/\n"
        (folder / "cgroup").write_text(groups if unit else "")
        if exe:
            (folder / "exe").symlink_to(exe)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """Return an empty /proc that the probes read."""
    monkeypatch.setattr(procfs, "PROC", tmp_path)

    return Tree(tmp_path)
