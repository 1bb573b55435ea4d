# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Days on which no run that changes something starts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from upkeep.schedule.load import CONTROL_FILE, control_host
from upkeep.schedule.settings import CHANGING


def reason_today(cadence: str, now: datetime | None = None, control: Path = CONTROL_FILE) -> str:
    """Return why a cadence does not start today; '' when it may.

    A checkout without the file has no frozen days. Raises ScheduleError, OSError.
    """
    if cadence not in CHANGING or not control.exists():
        return ""

    settings = control_host(control)
    day = (now or datetime.now(UTC)).astimezone(settings.zone).date()

    return settings.frozen_on(day)
