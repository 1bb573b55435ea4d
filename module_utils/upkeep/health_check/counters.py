# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counters that only grow, compared with the previous run: an average over all the time between.

Measuring for a second would mostly measure the measuring itself.
"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping
from pathlib import Path

from ..base.kernel import read_kernel
from .check import Check, Memory

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: A shorter time says more about our own run than about the host, s.
SHORTEST: t.Final = 60.0

Counters = Mapping[str, int]


class Delta(t.NamedTuple):
    """What was counted between two runs that lie ``seconds`` apart, by the counter's name."""

    seconds: float
    counts: dict[str, int]


def snapshot(counters: Counters) -> dict[str, t.Any]:
    """Return what has to be kept to compare with these counters later."""
    boot = read_kernel(BOOT_ID).strip()

    return {
        "boot": boot,
        "at": round(time.clock_gettime(time.CLOCK_BOOTTIME), 1),
        "counters": dict(counters),
    }


def delta(previous: Memory | None, current: Memory) -> Delta | None:
    """Return what was counted since the previous run.

    None without one, after a boot, or when counters started anew.
    """
    try:
        if previous is None or previous["boot"] != current["boot"]:
            return None

        old = {str(name): int(value) for name, value in previous["counters"].items()}
        seconds = float(current["at"]) - float(previous["at"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # written by another version, or damaged

    counts = {name: value - old[name] for name, value in current["counters"].items() if name in old}
    if seconds < 0 or not counts or any(count < 0 for count in counts.values()):
        return None

    return Delta(seconds, counts)


def compare(
    check: Check, counters: Counters, shortest: float = SHORTEST
) -> tuple[Delta | None, Memory]:
    """Return what was counted since a previous run, and what to keep for the next one.

    A run less than ``shortest`` seconds ago is not compared with.
    """
    current = snapshot(counters)
    passed = delta(check.previous, current)
    if passed is None:
        return None, current
    if passed.seconds < shortest:
        return None, check.previous or current

    return passed, current


def no_baseline(what: str, shortest: float = SHORTEST) -> str:
    """Return the sentence for a figure that has nothing to compare with yet."""
    return (
        f"{what} is not known yet: no previous run at least {shortest:g} s ago,"
        " or the counters have started anew"
    )
