# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether there is room for what is restored beside what is there."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..base.kernel import read_kernel
from .choose import RestoreError
from .targets.target import TargetPlan


def memory_available() -> int:
    """Return the memory of this host that can be had without taking it from others, bytes."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", read_kernel("/proc/meminfo"), re.MULTILINE)

    return int(found[1]) << 10 if found else 0


def require_space(plans: Sequence[TargetPlan], free_percent: float) -> dict[str, int]:
    """Return the bytes that are needed on each file system, by a folder on it.

    Raises RestoreError as ``require_room`` does.
    """
    needed: dict[int, int] = defaultdict(int)
    folders: dict[int, str] = {}
    for plan in plans:
        for folder, size in plan.needs.items():
            device = Path(folder).stat().st_dev
            needed[device] += size
            folders.setdefault(device, folder)

    needs = {folders[device]: size for device, size in needed.items()}
    require_room(needs, free_percent)

    return needs


def require_room(needs: Mapping[str, int], free_percent: float) -> None:
    """Raise RestoreError unless folders have room, and ``free_percent`` of the disk beyond."""
    for folder, size in needs.items():
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        spare = int(disk.f_blocks * disk.f_frsize * free_percent / 100)
        if free < size + spare:
            raise RestoreError(
                f"'{folder}' has {free >> 20} MiB free; {(size + spare) >> 20} MiB are needed"
                f" ({size >> 20} MiB to restore, {free_percent:g} % of the disk free)"
            )
