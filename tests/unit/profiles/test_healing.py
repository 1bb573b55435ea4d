# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the shipped profiles restart, how often and within which time.

What systemd and the checks say is replaced; the restarts so far are in a real file.
"""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.upkeep.base import systemd
from ansible.module_utils.upkeep.findings import Finding
from ansible.module_utils.upkeep.self_heal import history, unit_state
from ansible.module_utils.upkeep.self_heal import run as healing
from ansible.module_utils.upkeep.self_heal.check_runner import CheckResults
from ansible.module_utils.upkeep.self_heal.settings import parse
from ansible.module_utils.upkeep.self_heal.unit_state import UnitState

from tests import evidence
from tests.unit.profiles.limits import Entry, numbers, profile
from tools import PROJECT, profiles

Patch = pytest.MonkeyPatch
UNITS: t.Final = [
    pytest.param(system, entry, id=f"{system}-{entry['name']}")
    for system in profiles.systems(PROJECT)
    for entry in profile(system).get("system_self_heal", ())
]
DOWN: t.Final = UnitState("loaded", "inactive", "dead", "success", "")
UP: t.Final = UnitState("loaded", "active", "running", "success", "a")


class Checks:
    """All checks are fine once the unit is up."""

    def __init__(self, *_: t.Any) -> None:
        pass

    def counted(self, _ids: t.Sequence[str]) -> CheckResults:
        """Return that nothing failed."""
        return CheckResults()

    now = counted


def healed(
    patch: Patch, folder: Path, system: str, entry: Entry, *minutes_ago: float
) -> dict[str, Finding]:
    """Return the findings of the module's run on a unit that is down until it is restarted.

    It was restarted so many minutes ago already.
    """
    state = folder / "heal.json"
    now = time.time()
    history.save(state, {entry["unit"]: [now - 60 * one for one in minutes_ago]}, now)
    states = {"unit": DOWN}
    patch.setattr(healing, "CheckRunner", Checks)
    patch.setattr(healing, "PAUSE", 0.001)
    patch.setattr(unit_state, "read_state", lambda _unit: states["unit"])
    patch.setattr(systemd, "restart", lambda *_: states.update(unit=UP))
    values = {
        "units": [{**entry, "stable_seconds": 0.001}],
        "checks": profile(system)["system_health_checks"],
        "require_acceptance": False,
        "state_file": str(state),
        "health_state_file": str(folder / "health.json"),
    }
    found = healing.run(parse(values), check_mode=False)["findings"]

    return {one["check"].removeprefix(f"heal:{entry['name']}"): one for one in found}


@pytest.mark.parametrize(("system", "entry"), UNITS)
def test_what_is_down_is_restarted_as_often_as_allowed(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    often = entry["at_most"]
    inside = healed(monkeypatch, tmp_path, system, entry, *[1.0] * (often - 1))
    outside = healed(monkeypatch, tmp_path, system, entry, *[1.0] * often)

    assert inside[".was_down"]["status"] == "warning"
    assert inside[""]["status"] == "ok"
    assert outside[""]["status"] == "critical"
    assert ".was_down" not in outside

    evidence.add(system, inside.values(), "restarted")
    evidence.add(system, [outside[""]], f"at_most {often}")


@pytest.mark.parametrize(("system", "entry"), UNITS)
def test_restarts_count_within_their_window(
    monkeypatch: Patch, tmp_path: Path, system: str, entry: Entry
) -> None:
    window, often = entry["window_minutes"], entry["at_most"]
    inside = healed(monkeypatch, tmp_path, system, entry, *[window - 0.5] * often)
    outside = healed(monkeypatch, tmp_path, system, entry, *[window + 0.5] * often)

    assert inside[""]["status"] == "critical"
    assert outside[""]["status"] == "ok"

    evidence.add(system, [inside[""]], f"window_minutes {window}")


def test_every_number_is_reached_here() -> None:
    paths = {path for one in UNITS for path, _ in numbers(t.cast(Entry, one.values[1]))}

    # How long a unit may take to come up is a pause of the run, not a limit.
    assert paths == {"at_most", "window_minutes", "settle_seconds"}
