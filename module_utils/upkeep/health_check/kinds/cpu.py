# Copyright: Upkeep contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kind ``cpu``: CPU usage since the previous run, in percent of all processors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...base.deadline import Deadline
from ...base.kernel import read_kernel
from ...findings import Finding, Limits
from .. import counters, machine
from ..check import Check, ProbeError, remember
from ..kind import Kind, Row, always, limit_options, limit_words

STAT = Path("/proc/stat")


def parse(text: str) -> dict[str, int]:
    """Return busy and all clock ticks of /proc/stat; raises ValueError.

    Waiting for a disk does not count as busy.
    """
    for line in text.splitlines():
        name, *fields = line.split()[:9]
        if name == "cpu" and len(fields) == 8:  # user nice system idle iowait irq softirq steal
            ticks = [int(field) for field in fields]
            return {"busy": sum(ticks) - ticks[3] - ticks[4], "all": sum(ticks)}

    raise ValueError("no line for all processors")


def probe(check: Check, _deadline: Deadline) -> Iterator[Finding]:
    """Yield the CPU usage in percent."""
    try:
        current = parse(read_kernel(STAT))
    except ValueError as error:
        raise ProbeError("unknown", f"{STAT} is not understood: {error}") from error

    passed, memory = counters.compare(check, current)
    yield remember(memory)

    if passed is None or not passed.counts["all"]:
        yield check.finding("info", counters.no_baseline("CPU usage"))
        return

    used = round(100 * passed.counts["busy"] / passed.counts["all"], 1)
    message = f"CPU usage {used:g} % over the last {passed.seconds / 60:.0f} minutes"
    if machine.is_shared():
        message += ", of all containers of this machine"
        yield check.finding("info", message, observed=used, unit="%")
        return

    limits = Limits.of(check.options)
    yield check.measured(used, limits, message, "see which processes used it", unit="%")


def describe(check: Check) -> Iterator[Row]:
    """Yield the check in words."""
    words = limit_words(Limits.of(check.options), " %")
    yield Row(check.id, "CPU usage since the previous run", *words)


KIND = Kind(
    description="CPU usage since the previous run",
    gives="`cpu:NAME`",
    options=limit_options("percent of all processors' time since the previous run"),
    probe=probe,
    describe=describe,
    remembers=always,
)
