# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The typed form of what the module schedule takes; ``parse`` is the one way to it."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..base import options
from ..base.text import duplicates
from .options import OPTIONS


class TimerOptionError(options.OptionError):
    """Settings that cannot work; one line for each problem."""


@dataclass(frozen=True)
class PlannedStart:
    """What is started when, within how many minutes."""

    system: str
    playbook: str
    on_calendar: str
    words: str
    time_limit: int
    waits: bool
    requirements: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the name in findings and units: ``weekly-fairedge``."""
        return f"{self.playbook}-{self.system}"


@dataclass(frozen=True)
class TimerSettings:
    """All that one call of the module is given; ``starts`` is empty for none at all."""

    starts: tuple[PlannedStart, ...]
    is_absent: bool
    checkout: Path
    python: Path
    user: str
    inventory: str
    environment_file: str
    keep: int
    lock_wait: int
    random_delay: int
    memory_max: str
    on_failure: str
    unit_folder: Path
    max_seconds: int


def parse(values: Mapping[str, t.Any]) -> TimerSettings:
    """Return the settings; raises TimerOptionError."""
    try:
        filled = options.parse(OPTIONS, values)
    except options.OptionError as error:
        raise TimerOptionError(str(error)) from error

    starts = tuple(_start(entry) for entry in filled["starts"])
    if doubles := duplicates([start.name for start in starts]):
        raise TimerOptionError(f"starts: duplicate start {doubles[0]!r}")

    is_absent = filled["state"] == "absent"

    return TimerSettings(
        starts=() if is_absent else starts,
        is_absent=is_absent,
        checkout=Path(filled["checkout"]),
        python=Path(filled["python"] or f"{filled['checkout']}/.venv/bin/python"),
        user=filled["user"],
        inventory=filled["inventory"] or "",
        environment_file=filled["environment_file"],
        keep=filled["keep"],
        lock_wait=filled["lock_wait"],
        random_delay=filled["random_delay"],
        memory_max=filled["memory_max"],
        on_failure=filled["on_failure"] or "",
        unit_folder=Path(filled["unit_folder"]),
        max_seconds=filled["max_seconds"],
    )


def _start(entry: Mapping[str, t.Any]) -> PlannedStart:
    return PlannedStart(**{**entry, "requirements": tuple(entry["requirements"])})
