# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixtures for the tests of all scenarios: their hosts, and the findings that their last run recorded."""

from __future__ import annotations

import json
import os
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
def runs() -> t.Callable[[str], list[Path]]:
    """Return a function from playbook stem, e.g. ``converge``, to the folders of its runs, oldest first."""
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
