# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counters that only grow, compared with an earlier run: what happened since is an average over all that time.

A look of a second would mostly measure the looking itself.
"""

from __future__ import annotations

import time
import typing as t
from collections.abc import Mapping
from pathlib import Path

from .check import Check, Memory

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
#: A shorter time says more about our own run than about the host, s.
SHORTEST: t.Final = 60.0

Counters = Mapping[str, int]


class Span(t.NamedTuple):
    """What was counted between two runs; ``seconds`` apart, ``counts`` by the counter's name."""

    seconds: float
    counts: dict[str, int]


def now(counters: Counters) -> dict[str, t.Any]:
    """Return what has to be remembered to compare with these counters later."""
    boot = BOOT_ID.read_text(encoding="ascii").strip()
    return {
        "boot": boot,
        "at": round(time.clock_gettime(time.CLOCK_BOOTTIME), 1),
        "counters": dict(counters),
    }


def span(before: Memory | None, current: Memory) -> Span | None:
    """Return what was counted since.

    None without a run before, after a boot, or when counters started anew.
    """
    try:
        if before is None or before["boot"] != current["boot"]:
            return None

        old = {str(name): int(value) for name, value in before["counters"].items()}
        seconds = float(current["at"]) - float(before["at"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None  # written by another version, or damaged

    counts = {name: value - old[name] for name, value in current["counters"].items() if name in old}
    if seconds < 0 or not counts or any(count < 0 for count in counts.values()):
        return None

    return Span(seconds, counts)


def compare(
    check: Check, counters: Counters, shortest: float = SHORTEST
) -> tuple[Span | None, Memory]:
    """Return what was counted since an earlier run, if that is long enough ago (s), and what to remember."""
    current = now(counters)
    passed = span(check.before, current)
    if passed is None:
        return None, current
    if passed.seconds < shortest:
        return None, check.before or current

    return passed, current


def too_early(what: str, shortest: float = SHORTEST) -> str:
    """Return the sentence for a measurement that has nothing to compare with yet."""
    return f"{what} cannot be told yet: there is no look at least {shortest:g} s older, or the host has started anew"
