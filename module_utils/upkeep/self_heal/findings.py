# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What self_heal reports of a unit."""

from __future__ import annotations

import typing as t

from ..findings import Finding, Subject, finding
from .settings import HealedUnit

#: For a host of which no unit may be restarted.
NOTHING: t.Final = finding("heal:units", "info", "no unit of this host may be restarted")


def unit_finding(
    unit: HealedUnit, status: str, message: str, *, aspect: str = "", state: object = None
) -> Finding:
    """Return the finding on a unit; ``state`` is the one that it was seen in."""
    subject = Subject(f"heal:{unit.name}", unit.requirements)
    observed = None if state is None else str(state)

    return subject.finding(status, message, aspect=aspect, observed=observed, expected="active")
