# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures for the tests of all scenarios: their hosts, and the findings of their last run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
import testinfra


@pytest.fixture(scope="session")
def fleet_host() -> t.Callable[[str], t.Any]:
    """Return a function from host name, e.g. ``hyperopt-db``, to its testinfra host."""
    scenario = os.environ["MOLECULE_SCENARIO_NAME"]

    def get(name: str) -> t.Any:
        return testinfra.get_host(f"podman://upkeep-mol-{scenario}-{name}")

    return get


@pytest.fixture(scope="session")
def postgresql_unit() -> t.Callable[[t.Any], str]:
    """Return a function from a host to the unit of its one cluster, named after the release."""

    def find(host: t.Any) -> str:
        [version] = host.file("/etc/postgresql").listdir()
        return f"postgresql@{version}-main.service"

    return find


@pytest.fixture(scope="session")
def runs() -> t.Callable[[str], list[Path]]:
    """Return a function from playbook stem, e.g.

    ``converge``, to the folders of its runs, oldest first.
    """
    folder = Path(os.environ["UPKEEP_STORE"]) / "runs"

    def find(playbook: str) -> list[Path]:
        return sorted(folder.glob(f"*-{playbook}-*"), key=lambda run: run.stat().st_mtime_ns)

    return find


@pytest.fixture(scope="session")
def findings(runs: t.Callable[[str], list[Path]]) -> list[dict[str, t.Any]]:
    """Return the findings that the last converge recorded, in order."""
    made = runs("converge")
    assert made, "converge left no event log: is the callback plugin switched on?"
    lines = (made[-1] / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]

    return [event["finding"] for event in events if event["event"] == "finding"]


@pytest.fixture(scope="session")
def records(runs: t.Callable[[str], list[Path]]) -> t.Callable[[str], list[dict[str, t.Any]]]:
    """Return a function from playbook stem to the records of its runs, oldest first."""
    return lambda playbook: [
        json.loads((run / "record.json").read_text(encoding="utf-8")) for run in runs(playbook)
    ]


@pytest.fixture(scope="session")
def record(
    records: t.Callable[[str], list[dict[str, t.Any]]],
) -> t.Callable[[str], dict[str, t.Any]]:
    """Return a function from playbook stem to the record of its last run."""
    return lambda playbook: records(playbook)[-1]


@pytest.fixture(scope="session")
def play() -> t.Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs a playbook on this scenario's hosts.

    It runs the scenario's converge, or one of playbooks/ by its stem.

    All it said stands in ``stdout``, with line breaks made spaces, since Ansible wraps messages
    where it likes. With ``retry_until`` it runs again (at most 30 s) until that function says yes:
    services need a moment to come back.
    """
    project = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
    scenario = os.environ["MOLECULE_SCENARIO_NAME"]
    own = project / "molecule" / scenario / "converge.yml"
    shared = project / "molecule" / "shared" / "converge.yml"

    def run(
        stem: str, *args: str, retry_until: t.Callable[[], bool] = lambda: True
    ) -> subprocess.CompletedProcess[str]:
        converge = own if own.exists() else shared
        path = converge if stem == "converge" else project / "playbooks" / f"{stem}.yml"
        fleet = project / ".demo" / f"mol-{scenario}" / "inventory" / "hosts.yml"
        inventories = (f"--inventory={fleet}", f"--inventory={shared.parent / 'inventory'}")
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"),
            *inventories,
            str(path),
            *args,
        ]
        give_up = time.monotonic() + 30

        while True:
            done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
            if retry_until() or time.monotonic() > give_up:
                done.stdout = " ".join((done.stdout + done.stderr).split())
                return done

    return run


@pytest.fixture(scope="session")
def reboot() -> t.Callable[[str], None]:
    """Return a function that boots a host again and waits until its boot is over.

    Its systemd ends, what is in /run and /tmp goes, and all starts anew. The kernel stays, and with
    it the id of its boot.
    """
    scenario = os.environ["MOLECULE_SCENARIO_NAME"]

    def boot(name: str) -> None:
        container = f"upkeep-mol-{scenario}-{name}"
        subprocess.run(["podman", "restart", "--time", "60", container], check=True)
        command = ["podman", "exec", container, "systemctl", "is-system-running", "--wait"]
        give_up = time.monotonic() + 120
        while True:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.stdout.strip() in ("running", "degraded"):
                return
            assert time.monotonic() < give_up, f"{name} did not boot: {done.stdout}{done.stderr}"
            time.sleep(0.3)

    return boot
