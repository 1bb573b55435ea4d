# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Units and their states, for tests."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible.module_utils.upkeep.self_heal.settings import HealedUnit, HealSettings, parse
from ansible.module_utils.upkeep.self_heal.unit_state import UnitState

UP: t.Final = UnitState("loaded", "active", "running", "success", "a1")
DEAD: t.Final = replace(UP, active="inactive", sub="dead", invocation="")
FAILED: t.Final = replace(UP, active="failed", sub="failed", result="exit-code")
LOOPING: t.Final = replace(UP, active="activating", sub="auto-restart", result="exit-code")
STARTING: t.Final = replace(UP, active="activating", sub="start")
CLEANING: t.Final = replace(UP, active="maintenance", sub="cleaning")
MASKED: t.Final = replace(DEAD, load="masked")
API: t.Final = HealedUnit(
    "api",
    "shop-api.service",
    at_most=2,
    window=3600,
    checks=(),
    needs=(),
    settle=30.0,
    stable=5.0,
    requirements=("R-racing-59",),
)


def settings(*units: HealedUnit, **values: t.Any) -> HealSettings:
    """Return settings with these units and the module's options ``values``."""
    return replace(parse({"units": [], **values}), units=units)
