# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs on inventories with several names for one machine, each with a part of it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

from demo import containers, fleet
from demo.fleet import PROJECT, Fleet, Host

Record = dict[str, t.Any]

FLEET: t.Final = os.environ.get("UPKEEP_FLEET", fleet.DEFAULT)
#: Components that keep data; hosts with them are the database hosts of a system.
DATA: t.Final = frozenset({"postgresql", "redis", "sqlite"})
DATA_HOSTS, OTHER_HOSTS = 2, 3


def running() -> Fleet:
    """Return the fleet whose machines the aliases name.

    One beside the default may have been started in part.
    """
    whole = fleet.select(fleet.load(), FLEET, [], PROJECT / ".demo")
    if whole.fixed_ports:
        return whole

    return whole._replace(
        hosts=tuple(host for host in whole.hosts if containers.inspect(whole, host.name))
    )


def spread(hosts: t.Iterable[Host]) -> dict[str, list[tuple[Host, str]]]:
    """Return system -> (alias, name of the real host): two with its data, three others.

    What starts runs is one host in any fleet, so it is left out.
    """
    by_system: dict[str, list[tuple[Host, str]]] = {}
    spreading = sorted(
        (host for host in hosts if "control" not in host.components), key=lambda host: host.system
    )
    for system, group in itertools.groupby(spreading, lambda host: host.system):
        own = list(group)
        by_system[system] = _aliases(own, "db", DATA_HOSTS, DATA.__contains__)
        by_system[system] += _aliases(
            own, "app", OTHER_HOSTS, lambda component: component not in DATA
        )

    return by_system


def _aliases(
    hosts: list[Host], kind: str, count: int, wanted: t.Callable[[str], bool]
) -> list[tuple[Host, str]]:
    """Return aliases of those hosts that have a wanted component, in turn."""
    carriers = [host for host in hosts if any(map(wanted, host.components))]
    made = []
    for number, host in zip(range(1, count + 1), itertools.cycle(carriers), strict=False):
        name = f"{host.system.replace('_', '-')}-{kind}-{number}"
        parts = tuple(component for component in host.components if wanted(component))
        made.append((host._replace(name=name, components=parts), host.name))

    return made


def play(
    place: Path, store: Path, playbook: str, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], Record]:
    """Run a playbook of the project on an inventory.

    Returns the process and the record of its run (empty: none).
    """
    tool = str(Path(sys.executable).parent / "ansible-playbook")
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "UPKEEP_"))
    }
    done = subprocess.run(
        [tool, f"--inventory={place}", playbook, *arguments],
        cwd=PROJECT,
        env={**clean, "UPKEEP_STORE": str(store), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    latest = store / "runs" / "latest" / "record.json"

    return done, json.loads(latest.read_text(encoding="utf-8")) if latest.exists() else {}


def statuses(record: Record, check: str) -> dict[str, str]:
    """Return host -> status of one check."""
    return {
        found["host"]: found["status"] for found in record["findings"] if found["check"] == check
    }
