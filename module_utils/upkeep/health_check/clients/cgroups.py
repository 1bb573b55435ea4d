# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The memory that a container may use, as the kernel holds it to that (cgroup version 2 or 1)."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from pathlib import Path

from ...base.kernel import read_kernel

#: Where a container sees the control group of its own.
ROOT = Path("/sys/fs/cgroup")


class MemoryBound(t.NamedTuple):
    """The most that all processes together may use, and what they use; bytes.

    What the kernel can take back at once, such as cached files, does not count as used. ``swap`` is
    what may be used of it, None without a limit.
    """

    most: int
    used: int
    swap: int | None
    swap_used: int


def memory_bound() -> MemoryBound | None:
    """Return the bound of this container, None where the kernel shows none."""
    return _version_2() or _version_1()


def _version_2() -> MemoryBound | None:
    most, current = _number(ROOT / "memory.max"), _number(ROOT / "memory.current")
    if most is None or current is None:
        return None

    given_back = _given_back(ROOT / "memory.stat", "")

    return MemoryBound(
        most=most,
        used=max(current - given_back, 0),
        swap=_number(ROOT / "memory.swap.max"),
        swap_used=_number(ROOT / "memory.swap.current") or 0,
    )


def _version_1() -> MemoryBound | None:
    folder = ROOT / "memory"
    most = _number(folder / "memory.limit_in_bytes")
    current = _number(folder / "memory.usage_in_bytes")
    if most is None or current is None:
        return None

    # Memory and swap are counted together there.
    both = _number(folder / "memory.memsw.limit_in_bytes")
    both_used = _number(folder / "memory.memsw.usage_in_bytes")
    given_back = _given_back(folder / "memory.stat", "total_")

    return MemoryBound(
        most=most,
        used=max(current - given_back, 0),
        swap=None if both is None else max(both - most, 0),
        swap_used=max((both_used or current) - current, 0),
    )


def _given_back(path: Path, prefix: str) -> int:
    """Return the bytes that the kernel takes back when processes need them."""
    fields = _fields(path)
    names = ("active_file", "inactive_file", "slab_reclaimable")

    return sum(fields.get(f"{prefix}{name}", 0) for name in names)


def _fields(path: Path) -> Mapping[str, int]:
    try:
        lines = read_kernel(path).splitlines()
    except OSError:
        return {}

    pairs = (line.split() for line in lines)

    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _number(path: Path) -> int | None:
    """Return the number in a file; None without one, also for ``max``."""
    try:
        text = read_kernel(path).strip()
    except OSError:
        return None

    return int(text) if text.isdecimal() and text.isascii() else None
